"""Fill in a template of this package, with names from outside made harmless."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from holdfast.text import shown

Filters = Mapping[str, Callable[..., str]]


def page(template: str, filters: Filters = MappingProxyType({}), **values: object) -> str:
    """Make a page from a template.

    Args:
        template: Name of the template.
        filters: Functions that the template calls by name.
        values: What it shows. Texts are escaped, and control characters are replaced, unless the
            template says that a value is safe.

    Returns:
        The page as HTML.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("holdfast.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Applied to every value that a template prints, so no template can forget it.
    environment.finalize = _harmless
    environment.filters |= filters
    return environment.get_template(template).render(**values)


def _harmless(value: object) -> object:
    """Replace control characters in a text."""
    # Markup is a subclass of str: it was escaped or is marked as safe, so it stays.
    if type(value) is str:
        return shown(value)
    return value
