"""How a spec names a class: `ER` if it is built in, `mine:PullToStart` if it is the user's own."""

import sys

from holdfast.methods.registered import registered_name

PACKAGE = "holdfast"


def is_built_in(kind: type) -> bool:
    """Say whether a class is part of Holdfast."""
    return kind.__module__.partition(".")[0] == PACKAGE


def spec_name(kind: type) -> str:
    """Give the name by which a spec finds a class.

    Args:
        kind: The class of a method.

    Returns:
        The name of a built-in class or of a registered one, else `module:Class`. A class that no
        import can find, such as one of a notebook, has its plain name, which no spec can use.

    Example:
        >>> from holdfast.methods import ER
        >>> spec_name(ER)
        'ER'
    """
    # Here and not above, because the package imports this file.
    from holdfast.methods import METHODS, PRESETS

    if is_built_in(kind):
        return kind.__name__
    name = registered_name(kind)
    if name is not None and name not in METHODS and name not in PRESETS:
        return name
    if _is_importable(kind):
        return f"{kind.__module__}:{kind.__qualname__}"
    return kind.__name__


def has_spec(kind: type) -> bool:
    """Say whether a spec can name a class: it is built in, or a module can be imported for it."""
    return is_built_in(kind) or _is_importable(kind)


def _is_importable(kind: type) -> bool:
    """Check whether a class is found in its module under its name."""
    # The script that was started has another name for whoever imports it.
    if kind.__module__ == "__main__":
        return False
    found: object = sys.modules.get(kind.__module__)
    for step in kind.__qualname__.split("."):
        found = getattr(found, step, None)
    # A module that was loaded again has a new class, which takes the place of the old one.
    return isinstance(found, type) and found.__module__ == kind.__module__
