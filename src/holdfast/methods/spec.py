"""Methods as text: `"ER(500) + LwF(alpha=1.0)"`, parsed without running anything."""

import ast
import math
import warnings
from collections.abc import Callable, Iterator

from holdfast.errors import HoldfastError, reading, unknown
from holdfast.methods.method import Method

FORM = "a sum of methods such as 'ER(500) + LwF(alpha=1.0)'"
LONGEST = 10_000  # characters of a spec
LONGEST_SHOWN = 100  # characters of a spec in a message
LARGEST = 2**63 - 1  # whole numbers beyond it fit into no tensor


def parse_method(spec: str) -> Method:
    """Build the method that a spec names.

    Args:
        spec: Names of methods with their arguments, joined by `+`. Arguments are plain values: numbers,
            texts in quotes, True, False, None, and lists or tuples of these.

    Returns:
        The method. Its repr is the spec again, with the arguments that differ from their defaults.

    Raises:
        HoldfastError: The spec cannot be read, names an unknown method, or an argument is out of range.

    Example:
        >>> parse_method("LwF + ER(500)")
        ER(500) + LwF(alpha=1.0)
    """
    what = f"method {_shortened(spec)}"
    with reading(what, FORM):
        if len(spec) > LONGEST:
            raise HoldfastError(f"{what} has {len(spec)} characters; a spec may have {LONGEST}")
        summands = [_method(node, what) for node in _summands(_parsed(spec, what))]
        return sum(summands[1:], start=summands[0])


def _shortened(spec: object) -> str:
    text = repr(spec)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _parsed(spec: str, what: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # such as "invalid decimal literal"
            return ast.parse(spec.strip(), mode="eval").body
    except SyntaxError as error:
        raise HoldfastError(f"{what} cannot be read ({error.msg}); expected {FORM}") from None


def _summands(tree: ast.expr) -> list[ast.expr]:
    """The terms of a sum from left to right; a loop, because a long sum is a deep tree."""
    waiting, found = [tree], []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            waiting += [node.right, node.left]
        else:
            found.append(node)
    return found


def _method(node: ast.expr, what: str) -> Method:
    if isinstance(node, ast.Name):
        return _class(node.id)()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        values = [_value(a, what) for a in node.args]
        named = dict(_named(node, what))
        make = _class(node.func.id)
        try:
            return make(*values, **named)
        except HoldfastError:
            raise
        except (TypeError, ValueError, OverflowError) as error:  # a value of the wrong kind
            raise HoldfastError(f"{what}: {_shortened_code(node)}: {error}") from None
    raise HoldfastError(f"{what}: expected names with arguments joined by '+', got {_shortened_code(node)!r}")


def _named(node: ast.Call, what: str) -> Iterator[tuple[str, object]]:
    seen: set[str] = set()
    for keyword in node.keywords:
        if keyword.arg is None:
            raise HoldfastError(f"{what}: '**' cannot be used; write each argument as name=value, such as alpha=1.0")
        if keyword.arg in seen:
            raise HoldfastError(f"{what}: the argument {keyword.arg} is given twice")
        seen.add(keyword.arg)
        yield keyword.arg, _value(keyword.value, what)


def _class(name: str) -> Callable[..., Method]:
    from holdfast.methods import METHODS, PRESETS

    known: dict[str, Callable[..., Method]] = {**METHODS, **PRESETS}
    if name not in known:
        raise unknown("method", name, known)
    return known[name]


def _value(node: ast.expr, what: str) -> object:
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
        f"{what}: arguments must be plain values (finite numbers, texts, True, False, None, lists), got {_shortened_code(node)!r}"
    )


def _shortened_code(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
