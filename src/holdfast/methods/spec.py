"""Methods as text: `"ER(500) + LwF(alpha=1.0)"`, read without running anything.

A spec comes from a command line or a file, so it may hold anything. It is parsed as an expression
of Python, but only names of methods, `+` and plain values in it have a meaning. A class that is not
part of Holdfast is imported from the module that the spec names.
"""

import ast
from collections.abc import Callable

from holdfast.errors import HoldfastError, reading, unknown
from holdfast.methods.expression import FORM, LONGEST, terms
from holdfast.methods.method import Method
from holdfast.methods.naming import is_built_in
from holdfast.methods.own import check_built, own_class, registered_class
from holdfast.methods.registered import refuse_clash, registered
from holdfast.methods.values import LONGEST_SHOWN, named_values, plain_value, shortened_code
from holdfast.own_code import fault_of


def parse_method(spec: str) -> Method:
    """Build the method that a spec names.

    Args:
        spec: Names of methods with their arguments, joined by `+`. Arguments are plain values:
            numbers, texts in quotes, True, False, None, and lists or tuples of these. A class of
            your own is named with its module, such as `mine:PullToStart(0.1)`.

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
        methods = [_method(node, what) for node in terms(spec, what)]
        return sum(methods[1:], start=methods[0])


def _shortened(spec: object) -> str:
    """Quote a spec for a message, cut if it is long."""
    text = repr(spec)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}…"


def _method(node: ast.expr, what: str) -> Method:
    """Build the method of one term: a name, with or without arguments."""
    method = _built(node, what)
    # A sum with a name is built in, and so is its class.
    if not is_built_in(type(method)):
        _refuse_other_repr(method, what)
    return method


def _built(node: ast.expr, what: str) -> Method:
    """Call what a term names with the arguments of the term."""
    values: list[object] = []
    named: dict[str, object] = {}
    name = node
    if isinstance(node, ast.Call):
        name = node.func
        values = [plain_value(argument, what) for argument in node.args]
        named = dict(named_values(node, what))
    if not isinstance(name, ast.Name):
        raise HoldfastError(
            f"{what}: expected names with arguments joined by '+', got "
            f"{shortened_code(node)!r}{_hint(name)}"
        )
    make = named_class(name.id)
    try:
        return make(*values, **named)
    except HoldfastError:
        raise
    except Exception as error:
        # A value of the wrong kind, which the method does not check, or a fault in an own class.
        reason = fault_of(error) or str(error)
        raise HoldfastError(f"{what}: {shortened_code(node)}: {reason}") from error


def _refuse_other_repr(method: Method, what: str) -> None:
    """Refuse an own method whose repr is no spec of it, because runs are known by their specs."""
    check_built(method)
    spec = repr(method)
    try:
        again = _built(terms(spec, what)[0], what)
        same = type(again) is type(method) and again.arguments == method.arguments
    except HoldfastError:
        same = False
    if not same:
        raise HoldfastError(
            f"{what}: the repr of this method is {_shortened(spec)}, which does not build it "
            "again; give its constructor arguments with names, without *args and **kwargs, and "
            "leave __repr__ to Method"
        )


def _hint(name: ast.expr) -> str:
    """Say how a class is named, to a user who wrote it as Python does."""
    if not isinstance(name, ast.Attribute):
        return ""
    return f"; name a class of your own as {ast.unparse(name.value)}:{name.attr}"


def named_class(name: str) -> Callable[..., Method]:
    """Look up a method, or a sum with a name.

    Args:
        name: The name of a built-in method or sum, of a class that a package registers, or a class
            of your own as `module:Class`.

    Returns:
        The class, or the function that makes the sum.

    Raises:
        HoldfastError: There is no such method, or the class is none.

    Example:
        >>> named_class("ER").__name__
        'ER'
    """
    # Here and not above, because the package imports this file.
    from holdfast.methods import METHODS, PRESETS

    if ":" in name:
        return own_class(name)
    known: dict[str, Callable[..., Method]] = {**METHODS, **PRESETS}
    refuse_clash(name, built_in=name in known)
    if name in known:
        return known[name]
    if name in registered():
        return registered_class(name)
    short = name[:LONGEST_SHOWN]
    raise HoldfastError(
        f"{unknown('method', short, [*known, *registered()])}; if it is a class of your own, name "
        f"its module as well, such as mine:{short} for a class in mine.py"
    )
