"""One family of errors: what the user can put right."""

import difflib
from collections.abc import Iterable


class HoldfastError(ValueError):
    """A mistake in input or use. The message says what was expected, what came, and the fix; the CLI exits with 2."""


class MissingExtra(HoldfastError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: pip install 'holdfast[{extra}]'")


def unknown(kind: str, name: object, known: Iterable[str]) -> HoldfastError:
    """Error for a name that does not exist, with the nearest one that does.

    >>> print(unknown("method", "EWD", ["EWC", "ER"]))
    unknown method 'EWD': did you mean 'EWC'? known: ER, EWC
    """
    names = sorted(known)
    folded = {n.lower(): n for n in names}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    return HoldfastError(f"unknown {kind} {str(name)!r}: {hint}known: {', '.join(names) or 'none'}")


def one_of(kind: str, value: str, allowed: Iterable[str]) -> str:
    """`value` where it is among `allowed`, else the error that lists them."""
    allowed = list(allowed)
    if value not in allowed:
        raise unknown(kind, value, allowed)
    return value
