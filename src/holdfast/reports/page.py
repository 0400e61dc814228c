"""From a template of this package to a page: names from the outside come out escaped and without control characters."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from holdfast.text import shown


def page(
    template: str, filters: Mapping[str, Callable[..., Any]] = MappingProxyType({}), **values: Any
) -> str:
    """The template filled in; `filters` are what it calls by name."""
    from jinja2 import Environment, PackageLoader

    env = Environment(
        loader=PackageLoader("holdfast.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.finalize = lambda value: shown(value) if type(value) is str else value
    env.filters |= filters
    return env.get_template(template).render(**values)
