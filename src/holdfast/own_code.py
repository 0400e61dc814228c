"""Code of the user's own: how it is imported, what it is known by, and where it failed.

Holdfast runs methods that it does not contain. Their modules are imported by name. If such code
raises an error, the user needs the file, the line and the message, in one sentence.
"""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from holdfast.errors import HoldfastError, first_line, unknown

DIGEST = 16  # hexadecimal digits of a digest, as of the hash of a run
DEBUG = "HOLDFAST_DEBUG"
# A spec may name a class in them as well, but they are not the user's own.
LIBRARIES = ("holdfast", "torch")
# Folders of modules that were imported for the user, and whether their subfolders belong to them.
_homes: dict[Path, bool] = {}


def is_library(module: str) -> bool:
    """Whether a module belongs to Holdfast, to PyTorch or to Python, and not to the user.

    Args:
        module: The name of the module.
    """
    package = module.partition(".")[0]
    return package in LIBRARIES or package in sys.stdlib_module_names


@contextmanager
def current_folder_importable() -> Iterator[None]:
    """Let Python find modules in the current folder, for the block.

    The folder comes last, so that a file with the name of an installed package, such as
    datasets.py, changes nothing else.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        # The folder was deleted, so nothing can be found in it.
        yield
        return
    if here in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        # The code that ran may have changed the path by itself.
        if here in sys.path:
            sys.path.remove(here)


def import_own(name: str) -> ModuleType:
    """Import a module of the user.

    Args:
        name: The name of the module, as in an import statement.

    Returns:
        The module.

    Raises:
        HoldfastError: There is no such module, or it fails while it is imported. The message says
            in which file and line.
    """
    if name.endswith(".py"):
        module = name.removesuffix(".py")
        raise HoldfastError(f"{name} is the name of a file; expected its module, {module}")
    # The file may be newer than what Python remembers of the folder.
    importlib.invalidate_caches()
    try:
        module_found = importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Something that the module itself imports may be missing just as well.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _import_failed(name, error) from error
        raise _no_module(name) from None
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error
    remember(name)
    return module_found


def import_function(name: str) -> Callable[..., Any]:
    """Import a function of the user.

    Args:
        name: The name of its module, a colon, and its name, such as "mine:huber".

    Returns:
        The function, or whatever else can be called.

    Raises:
        HoldfastError: There is no such module or function.
    """
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise HoldfastError(
            f"{name!r} names no function; expected its module, a colon and its name, such as "
            "mine:huber for the function huber in mine.py"
        )
    module = import_own(module_name)
    found: object = getattr(module, path, None)
    if found is None:
        known = [key for key, value in vars(module).items() if callable(value)]
        raise unknown(f"function of the module {module_name}", path, known)
    if not callable(found):
        raise HoldfastError(f"{name} is a {type(found).__name__}; expected a function")
    return found


def _no_module(name: str) -> HoldfastError:
    """Make the error for a module that is not there."""
    file = f"{name.replace('.', '/')}.py"
    stems = [path.stem for path in Path().glob("*.py")]
    close = difflib.get_close_matches(name, stems, n=1)
    hint = ""
    if close:
        hint = f"did you mean {close[0]!r}? "
    return HoldfastError(
        f"there is no module {name!r}: {hint}start the command in the folder of {file}, or add "
        "that folder to the environment variable PYTHONPATH"
    )


def _import_failed(name: str, error: BaseException) -> HoldfastError:
    """Make the error for a module that raises one while it is imported."""
    remember(name)
    reason = f"{type(error).__name__}: {first_line(error)}"
    if isinstance(error, SyntaxError) and error.filename is not None:
        # No frame has the line, because the file never began to run.
        reason = (
            f"{_short(error.filename)}, line {error.lineno}: {type(error).__name__}: {error.msg}"
        )
    elif isinstance(error, SystemExit):
        reason = f"{fault_of(error) or reason}; a module that is imported must not exit Python"
    else:
        reason = fault_of(error) or reason
    return HoldfastError(f"the module {name!r} cannot be imported: {reason}")


def remember(name: str) -> None:
    """Remember a module as one of the user's, so that `fault_of` finds its lines.

    Args:
        name: The name of the module.
    """
    if is_library(name):
        return
    package = name.partition(".")[0]
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        # A module that was made by hand has no place.
        return
    if found is None:
        return
    if found.submodule_search_locations is not None:
        _homes.update({Path(folder): True for folder in found.submodule_search_locations})
    elif found.origin is not None:
        _homes.setdefault(Path(found.origin).parent, False)


def fault_of(error: BaseException) -> str | None:
    """Say where in the user's own code an error was raised.

    Args:
        error: An error that was caught.

    Returns:
        The file, the line and the message. None: no code of the user was running.
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if _is_own(Path(file)):
            return f"{_short(file)}, line {line}: {type(error).__name__}: {first_line(error)}"
    return None


def explained(error: BaseException) -> str:
    """Say what went wrong in code of the user, and how to see more.

    If the environment variable HOLDFAST_DEBUG is set, this prints the traceback to stderr.

    Args:
        error: An error that code of the user raised, or that followed from what it returned.

    Returns:
        One sentence.
    """
    fault = fault_of(error)
    if fault is None:
        fault = (
            f"{type(error).__name__}: {first_line(error)}; no line of its own file failed, so "
            "check what its hooks return"
        )
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
        return fault
    return f"{fault} ({DEBUG}=1 prints the traceback)"


def _is_own(file: Path) -> bool:
    """Check whether a file belongs to a module that was imported for the user."""
    for home, whole in _homes.items():
        if file.parent == home or (whole and file.is_relative_to(home)):
            return True
    return False


def _short(file: str) -> str:
    """Write a path as seen from the current folder, if it lies in it."""
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return file


# By class and not by module, because a module that is loaded again has new classes.
@cache
def source_digest(kind: Callable[..., Any]) -> str:
    """Compute a digest of the source of the module that defines a class or a function.

    It is computed once, so that it belongs to the code that runs and not to a later edit.

    Args:
        kind: The class or the function.

    Returns:
        A digest of the source, or of the file if the module was compiled without one.

    Raises:
        HoldfastError: The module has neither.
    """
    return _digest(kind.__module__, kind.__name__)


def module_digest(module: str, name: str) -> str:
    """Compute a digest of the source of a module that is imported, as `source_digest` does.

    Args:
        module: The name of the module.
        name: What is used of it, for the message.

    Raises:
        HoldfastError: The module has neither source nor file.
    """
    return _digest_of_loaded(sys.modules.get(module), module, name)


# By the module itself, because one that is loaded again may have another source.
@cache
def _digest_of_loaded(loaded: ModuleType | None, module: str, name: str) -> str:
    """The digest of a module as it was loaded."""
    return _digest(module, name)


def _digest(module: str, name: str) -> str:
    """The digest of the source of a module as it is now."""
    content = _content_of(module)
    if content is None:
        raise HoldfastError(
            f"the module {module!r} has neither source nor file, so an edited {name} could not be "
            "told from the one of a finished run; write it to a .py file and import it from there"
        )
    return hashlib.sha256(content).hexdigest()[:DIGEST]


def _content_of(name: str) -> bytes | None:
    """Read the source of a module, or else its file."""
    module = sys.modules.get(name)
    if module is None:
        return None
    try:
        return inspect.getsource(module).encode()
    except (OSError, TypeError):
        # It was compiled, so there is no source to read.
        file = Path(getattr(module, "__file__", None) or "")
    if file.is_file():
        return file.read_bytes()
    return None
