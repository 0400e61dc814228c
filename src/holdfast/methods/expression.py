"""The text of a spec as the terms of a sum, parsed as an expression of Python but not run."""

import ast
import re
import warnings

from holdfast.errors import HoldfastError

FORM = "a sum of methods such as 'ER(500) + LwF(alpha=1.0)'"
LONGEST = 10_000  # characters of a spec

# A class of the user's own, such as `mine:PullToStart`, is no expression of Python, so a name
# stands in for it while a spec is parsed. Texts in quotes are matched as well, to be left alone.
OWN = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|"""
    r"(?P<own>(?<![\w.])[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*)"
)
STAND_IN = "own_class_"


def terms(spec: str, what: str) -> list[ast.expr]:
    """Parse a spec.

    Args:
        spec: The spec.
        what: The spec as messages call it.

    Returns:
        The terms of the sum from left to right. A class of the user's own is a name with a colon.

    Raises:
        HoldfastError: The spec is no expression.

    Example:
        >>> [ast.unparse(term) for term in terms("mine:Pull(0.1) + ER(store='a:b')", "the spec")]
        ['mine:Pull(0.1)', "ER(store='a:b')"]
    """
    return _summands(_parsed(spec, what))


def _parsed(spec: str, what: str) -> ast.expr:
    """Parse a spec as an expression, without evaluating it."""
    own: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        # What is in quotes is a text, whatever it looks like.
        if match["own"] is None:
            return match[0]
        name = f"{STAND_IN}{len(own)}"
        own[name] = match["own"]
        return name

    try:
        with warnings.catch_warnings():
            # Python warns of such text as "1if" and "'\\d'"; the message of an error suffices.
            warnings.simplefilter("ignore")
            tree = ast.parse(OWN.sub(stand_in, spec.strip()), mode="eval").body
    except SyntaxError as error:
        raise HoldfastError(f"{what} cannot be read ({error.msg}); expected {FORM}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = own.get(node.id, node.id)
    return tree


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
