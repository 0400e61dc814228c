"""Whether a class declares something that exists. Built-in methods do, and tests hold them to it.

A mistake in a declaration would otherwise show as a wrong table, or as an error in the middle of a
run that says nothing about the declaration.
"""

from collections.abc import Iterable
from dataclasses import fields

from holdfast.errors import HoldfastError, one_of
from holdfast.methods.declaration import Declaration, Passes
from holdfast.methods.method import HOOKS, Method
from holdfast.streams.task import SCENARIOS

GROWTH = ("none", "constant", "linear", "quadratic")
EXAMPLE = 'declaration = Declaration(family="replay", paper="–", summary="keeps examples")'
# Fields that name arguments of the constructor or parts of the network come as pairs.
PAIRS = ("refused", "weak", "neutral")


def check_declaration(kind: type[Method], name: str) -> None:
    """Check what a class declares.

    Args:
        kind: The class of a method.
        name: How the user named it.

    Raises:
        HoldfastError: There is no declaration, or a field of it has a wrong value.
    """
    declared = getattr(kind, "declaration", None)
    if declared is None:
        raise HoldfastError(f"{name} has no declaration; write in its class: {EXAMPLE}")
    if not isinstance(declared, Declaration):
        raise HoldfastError(
            f"the declaration of {name} is of type {type(declared).__name__}; expected: {EXAMPLE}"
        )
    try:
        _check_types(declared)
        _check_values(declared, kind)
    except HoldfastError as error:
        raise HoldfastError(f"the declaration of {name}: {error}") from None


def _check_types(declared: Declaration) -> None:
    """Refuse a field of another type than its default."""
    for field in fields(declared):
        value = getattr(declared, field.name)
        expected: type = str
        # The fields without a default are texts.
        if isinstance(field.default, bool | tuple | Passes):
            expected = type(field.default)
        if isinstance(value, expected):
            continue
        hint = ""
        if expected is tuple:
            # ("task") is a text: the comma makes the tuple.
            hint = f", such as ({value!r},)"
        raise HoldfastError(f"{field.name} must be a {expected.__name__}{hint}, got {value!r}")


def _check_values(declared: Declaration, kind: type[Method]) -> None:
    """Refuse names that do not exist, such as a scenario or an argument."""
    if not declared.scenarios:
        raise HoldfastError(f"scenarios is empty; name some of {', '.join(SCENARIOS)}")
    _all_of("scenario", declared.scenarios, SCENARIOS)
    _all_of("hook in unused", declared.unused, HOOKS)
    for name in ("memory", "parameters", "time"):
        one_of(f"growth of {name}", getattr(declared, name), GROWTH)
    for name in PAIRS:
        for pair in getattr(declared, name):
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise HoldfastError(
                    f"{name} must consist of pairs such as (name, value), got {pair!r}"
                )
    for name in ("refused", "weak"):
        _all_of(f"scenario in {name}", (first for first, _ in getattr(declared, name)), SCENARIOS)
    arguments = kind.signature()
    _all_of("argument in neutral", (first for first, _ in declared.neutral), arguments)


def _all_of(what: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuse a name that is not among those that exist."""
    known = list(allowed)
    for name in names:
        one_of(what, name, known)
