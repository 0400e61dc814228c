"""Methods as text: `"ER(500) + LwF(alpha=1.0)"`, parsed without running anything."""

import ast
from collections.abc import Callable

from holdfast.errors import HoldfastError, unknown
from holdfast.methods.method import Method


def parse_method(spec: str) -> Method:
    """The method that a spec names; its repr is the spec again.

    >>> parse_method("LwF + ER(500)")
    ER(500) + LwF(alpha=1.0)
    """
    try:
        tree = ast.parse(spec.strip(), mode="eval").body
    except SyntaxError as error:
        raise HoldfastError(f"method {spec!r} cannot be read ({error.msg}); expected a sum like 'ER(500) + LwF(alpha=1.0)'") from None
    return _method(tree, spec)


def _method(node: ast.expr, spec: str) -> Method:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _method(node.left, spec) + _method(node.right, spec)
    if isinstance(node, ast.Name):
        return _class(node.id)()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        values = [_value(a, spec) for a in node.args]
        named = {k.arg: _value(k.value, spec) for k in node.keywords if k.arg}
        make = _class(node.func.id)
        try:
            return make(*values, **named)
        except TypeError as error:  # of a preset; a method says so itself
            raise HoldfastError(f"{ast.unparse(node)}: {error}") from None
    raise HoldfastError(f"method {spec!r}: expected names with arguments joined by '+', got {ast.unparse(node)!r}")


def _class(name: str) -> Callable[..., Method]:
    from holdfast.methods import METHODS, PRESETS

    known: dict[str, Callable[..., Method]] = {**METHODS, **PRESETS}
    if name not in known:
        raise unknown("method", name, known)
    return known[name]


def _value(node: ast.expr, spec: str) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise HoldfastError(f"method {spec!r}: arguments must be plain values, got {ast.unparse(node)!r}") from None
