"""Arguments in specs: plain values, as a spec that is printed again must be able to show them."""

import ast
import math
from collections.abc import Iterator

from holdfast.errors import HoldfastError

LONGEST_SHOWN = 100  # characters of a spec in a message
LARGEST = 2**63 - 1  # whole numbers beyond it fit into no tensor


def named_values(node: ast.Call, what: str) -> Iterator[tuple[str, object]]:
    """The arguments of a call that are given by name."""
    seen: set[str] = set()
    for keyword in node.keywords:
        if keyword.arg is None:
            raise HoldfastError(
                f"{what}: '**' cannot be used; write each argument as name=value, such as alpha=1.0"
            )
        if keyword.arg in seen:
            raise HoldfastError(f"{what}: the argument {keyword.arg} is given twice")
        seen.add(keyword.arg)
        yield keyword.arg, plain_value(keyword.value, what)


def plain_value(node: ast.expr, what: str) -> object:
    """The value of an argument; expressions and values without a meaning are refused."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):  # an expression, or a list as the key of a dict
        raise _not_plain(node, what) from None
    if not _plain(value):
        raise _not_plain(node, what)
    return value


def _plain(value: object) -> bool:
    """Whether a value has a meaning as an argument: its repr must be readable as a spec again."""
    if isinstance(value, list | tuple):
        return all(_plain(v) for v in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return value is None or isinstance(value, str)


def _not_plain(node: ast.expr, what: str) -> HoldfastError:
    return HoldfastError(
        f"{what}: arguments must be plain values (finite numbers, texts, True, False, None, lists), got {shortened_code(node)!r}"
    )


def shortened_code(node: ast.expr) -> str:
    """A part of a spec, for a message."""
    text = ast.unparse(node)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
