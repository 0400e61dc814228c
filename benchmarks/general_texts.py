"""General English text that every machine with Python has: the docstrings of its standard library.

A language model that was trained on text of all kinds knows such prose. Studies measure on it what
general ability fine-tuning costs, and mix it into training. The two use different modules, so no
text is on both sides.
"""

import ast
import hashlib
import sysconfig
from pathlib import Path

SHORTEST = 200  # characters of a text
LONGEST = 400
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def general_texts(number: int, side: str) -> list[str]:
    """The first paragraphs of docstrings.

    Args:
        number: How many texts.
        side: "train" or "test". A module belongs to one of them by a hash of its name.

    Returns:
        The texts, each cut at a word after at most 400 characters, in an order that a hash of the
        text decides, so that they come from all modules.
    """
    found: set[str] = set()
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        if _side_of(file.name) == side:
            found.update(_texts_of(file))
    if len(found) < number:
        raise SystemExit(f"the standard library has {len(found)} texts for {side}, not {number}")
    return sorted(found, key=lambda text: hashlib.sha256(text.encode()).hexdigest())[:number]


def _side_of(module: str) -> str:
    """Whether the texts of a module are trained on or measured."""
    first = hashlib.sha256(module.encode()).digest()[0]
    if first % 2:
        return "train"
    return "test"


def _texts_of(file: Path) -> list[str]:
    """The docstrings of a module that are long enough, as running text."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    texts = []
    for node in ast.walk(tree):
        if not isinstance(node, DOCUMENTED):
            continue
        words = " ".join((ast.get_docstring(node) or "").split())
        if len(words) >= SHORTEST and ">>>" not in words:
            texts.append(words[:LONGEST].rsplit(" ", 1)[0])
    return texts
