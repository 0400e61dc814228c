"""Methods as text: `"ER(500) + LwF(alpha=1.0)"`, read without running anything.

A spec comes from a command line or a file, so it may hold anything. It is parsed as an expression
of Python, but only names of methods, `+` and plain values in it have a meaning.
"""

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
        spec: Names of methods with their arguments, joined by `+`. Arguments are plain values:
            numbers, texts in quotes, True, False, None, and lists or tuples of these.

    Returns:
        The method. Its repr is the spec again, with the arguments that differ from their defaults.

    Raises:
        HoldfastError: The spec cannot be read, names an unknown method, or an argument is out of
            range.

    Example:
        >>> parse_method("LwF + ER(500)")
        ER(500) + LwF(alpha=1.0)
    """
    what = f"method {_shortened(spec)}"
    with reading(what, FORM):
        if len(spec) > LONGEST:
            raise HoldfastError(f"{what} has {len(spec)} characters; a spec may have {LONGEST}")
        methods = [_method(node, what) for node in _summands(_parsed(spec, what))]
        return sum(methods[1:], start=methods[0])


def _shortened(spec: object) -> str:
    """Quote a spec for a message, cut if it is long."""
    text = repr(spec)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}…"


def _parsed(spec: str, what: str) -> ast.expr:
    """Parse a spec as an expression, without evaluating it."""
    try:
        with warnings.catch_warnings():
            # Python warns of such text as "1if" and "'\\d'"; the message of an error suffices.
            warnings.simplefilter("ignore")
            return ast.parse(spec.strip(), mode="eval").body
    except SyntaxError as error:
        raise HoldfastError(f"{what} cannot be read ({error.msg}); expected {FORM}") from None


def _summands(tree: ast.expr) -> list[ast.expr]:
    """Return the terms of a sum from left to right."""
    # A loop, because a long sum is a tree that is too deep for recursion.
    waiting = [tree]
    summands: list[ast.expr] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            # The left term is on top, so it comes out first.
            waiting += [node.right, node.left]
        else:
            summands.append(node)
    return summands


def _method(node: ast.expr, what: str) -> Method:
    """Build the method of one term: a name, with or without arguments."""
    if isinstance(node, ast.Name):
        return _class(node.id)()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        values = [plain_value(argument, what) for argument in node.args]
        named = dict(named_values(node, what))
        make = _class(node.func.id)
        try:
            return make(*values, **named)
        except HoldfastError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            # A value of the wrong kind, which the method does not check by itself.
            raise HoldfastError(f"{what}: {shortened_code(node)}: {error}") from None
    raise HoldfastError(
        f"{what}: expected names with arguments joined by '+', got {shortened_code(node)!r}"
    )


def _class(name: str) -> Callable[..., Method]:
    """Look up a method, or a sum with a name."""
    # Here and not above, because the package imports this file.
    from holdfast.methods import METHODS, PRESETS

    known: dict[str, Callable[..., Method]] = {**METHODS, **PRESETS}
    if name not in known:
        raise unknown("method", name[:LONGEST_SHOWN], known)
    return known[name]
