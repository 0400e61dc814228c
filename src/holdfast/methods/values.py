"""Arguments in specs: plain values, which a spec that is printed again can show."""

import ast
import math
from collections.abc import Iterator

from holdfast.errors import HoldfastError

LONGEST_SHOWN = 100  # characters of a spec in a message
LARGEST = 2**63 - 1  # larger whole numbers fit into no tensor


def named_values(node: ast.Call, what: str) -> Iterator[tuple[str, object]]:
    """Read the arguments of a call that have a name.

    Args:
        node: The call, such as `ER(500, ratio=0.3)`.
        what: The spec as messages call it.

    Yields:
        The name and the value of each argument.

    Raises:
        HoldfastError: A name occurs twice, `**` is used, or a value is not plain.
    """
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
    """Read the value of an argument without running anything.

    Args:
        node: The code of the value.
        what: The spec as messages call it.

    Returns:
        A finite number, a text, True, False, None, or a list or tuple of these.

    Raises:
        HoldfastError: The code is anything else.

    Example:
        >>> plain_value(ast.parse("(400, 400)", mode="eval").body, "the spec")
        (400, 400)
    """
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):  # an expression, or a list as the key of a dict
        raise _not_plain(node, what) from None
    if not _is_plain(value):
        raise _not_plain(node, what)
    return value


def _is_plain(value: object) -> bool:
    """Say whether the repr of a value could be read as a spec again."""
    if isinstance(value, list | tuple):
        return all(_is_plain(entry) for entry in value)
    if isinstance(value, float):
        return math.isfinite(value)  # the repr of infinity is a name
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return value is None or isinstance(value, str)


def _not_plain(node: ast.expr, what: str) -> HoldfastError:
    """Make the error for a value that is not plain."""
    return HoldfastError(
        f"{what}: arguments must be plain values (finite numbers, texts, True, False, None, "
        f"lists), got {shortened_code(node)!r}"
    )


def shortened_code(node: ast.expr) -> str:
    """Write a part of a spec for a message.

    Args:
        node: The part.

    Returns:
        Its code, cut if it is long.

    Example:
        >>> shortened_code(ast.parse("f( 1 )", mode="eval").body)
        'f(1)'
    """
    text = ast.unparse(node)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}…"
