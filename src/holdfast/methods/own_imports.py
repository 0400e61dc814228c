"""Which modules of the user's own an own method imports, because its results depend on them, too.

A module is the user's own if it lies in the folder of the method's module, or in its package.
Modules are found by their files, so nothing is imported to find them.
"""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from holdfast.own_code import DIGEST, is_library

INIT = "__init__.py"


# By class and not by module, because a module that is loaded again has new classes.
@cache
def imported_digests(kind: type | Callable[..., object]) -> dict[str, str]:
    """Compute digests of the modules that the module of a class imports, and that these import.

    It is computed once, so that it belongs to the code that runs and not to a later edit.

    Args:
        kind: The class of a method, or a function.

    Returns:
        A digest of the file of each module, by its name. What Python, PyTorch, Holdfast and other
        packages provide is left out.
    """
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return {}
    name = module.__name__
    base = _base_of(module, Path(file))
    package = name.partition(".")[0]
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        importer = waiting.pop()
        for imported in _imports_of(importer, base):
            path = _file_of(imported, base)
            if path is not None and imported not in found and _is_own(imported, package, base):
                found[imported] = path
                waiting.append(imported)
    found.pop(name, None)
    digests = {}
    for imported, path in found.items():
        content = path.read_bytes()
        # Most packages have an empty file, which says nothing.
        if content:
            digests[imported] = hashlib.sha256(content).hexdigest()[:DIGEST]
    return digests


def _base_of(module: ModuleType, file: Path) -> Path:
    """The folder that the name of a module begins in."""
    above = module.__name__.count(".") + (file.name == INIT)
    return file.absolute().parents[above]


def _is_own(name: str, package: str, base: Path) -> bool:
    """Whether a module that was found below a folder belongs to the user."""
    if is_library(name):
        return False
    first = name.partition(".")[0]
    if first == package:
        return True
    # Beside an installed package lie all others.
    if str(base) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return False
    # Python may have found another module of that name first.
    loaded = getattr(sys.modules.get(first), "__file__", None)
    return loaded is None or Path(loaded).absolute().is_relative_to(base)


def _file_of(name: str, base: Path) -> Path | None:
    """The file of a module below a folder; None if it is not there."""
    place = base.joinpath(*name.split("."))
    for file in (place / INIT, place.with_name(f"{place.name}.py")):
        if file.is_file():
            return file
    return None


def _imports_of(name: str, base: Path) -> Iterator[str]:
    """The names that the source of a module imports, which may be modules or what is in them."""
    file = _file_of(name, base)
    # Importing a module runs the packages around it first.
    yield from _with_packages(name)
    if file is None:
        return
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        # A file that was broken after it was imported.
        return
    package = name if file.name == INIT else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_packages(alias.name)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, package)
            yield from _with_packages(source)
            for alias in node.names:
                yield f"{source}.{alias.name}".lstrip(".")


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The name of the module that `from … import` names, which may be relative to a package."""
    if not node.level:
        return node.module or ""
    # Each dot beyond the first goes up one package.
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *filter(None, [node.module])])


def _with_packages(name: str) -> Iterator[str]:
    """A module and the packages around it.

    Example:
        >>> list(_with_packages("a.b"))
        ['a', 'a.b']
    """
    steps = name.split(".")
    for number in range(1, len(steps) + 1):
        yield ".".join(steps[:number])
