"""Methods as text: `"ER(500) + LwF(alpha=1.0)"`, parsed without running anything."""

import ast
import warnings
from collections.abc import Callable

from holdfast.errors import HoldfastError, reading, unknown
from holdfast.methods.method import Method
from holdfast.methods.values import LONGEST_SHOWN, named_values, plain_value, shortened_code

FORM = "a sum of methods such as 'ER(500) + LwF(alpha=1.0)'"
LONGEST = 10_000  # characters of a spec


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
        values = [plain_value(a, what) for a in node.args]
        named = dict(named_values(node, what))
        make = _class(node.func.id)
        try:
            return make(*values, **named)
        except HoldfastError:
            raise
        except (TypeError, ValueError, OverflowError) as error:  # a value of the wrong kind
            raise HoldfastError(f"{what}: {shortened_code(node)}: {error}") from None
    raise HoldfastError(
        f"{what}: expected names with arguments joined by '+', got {shortened_code(node)!r}"
    )


def _class(name: str) -> Callable[..., Method]:
    from holdfast.methods import METHODS, PRESETS

    known: dict[str, Callable[..., Method]] = {**METHODS, **PRESETS}
    if name not in known:
        raise unknown("method", name[:LONGEST_SHOWN], known)
    return known[name]
