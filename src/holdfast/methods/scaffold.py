"""A method of your own to start from: a small one that works, and tests of the laws.

The texts are in `templates/`, one per family. `NAME` stands for the class and `MODULE` for its
module in them.
"""

import importlib.util
import keyword
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from holdfast.errors import HoldfastError, one_of
from holdfast.files import make_folder, write_text

# The arguments with which the method of each family is tried, and a scenario that suits it.
FAMILIES = {
    "regularisation": ("0.1", "task"),
    "distillation": ("1.0", "task"),
    "replay": ("200", "class"),
    "optimisation": ("0.5", "task"),
}
TEST = "test"  # the name of the template of the tests
# Where a word of a name begins: PullToStart → pull_to_start, and L2Pull → l2_pull.
WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class NewMethod:
    """What was written.

    Attributes:
        file: The file of the method.
        test: The file of its tests.
        spec: The method, as a spec.
        scenario: A scenario in which it can be tried.
    """

    file: Path
    test: Path
    spec: str
    scenario: str


def write_method(name: str, family: str = "regularisation", folder: Path = Path()) -> NewMethod:
    """Write a method to start from, and its tests.

    Args:
        name: The name of the class, such as "PullToStart". A name such as "pull_to_start" is
            turned into one.
        family: What the method begins as, one of `FAMILIES`.
        folder: The folder for both files. It is made if it does not exist.

    Returns:
        The files, and how the method is named in a spec.

    Raises:
        HoldfastError: The name is no name of a class or is taken, there is no such family, or one
            of the files exists.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as there:
        ...     made = write_method("PullToStart", folder=Path(there))
        >>> made.spec, made.test.name
        ('pull_to_start:PullToStart(0.1)', 'test_pull_to_start.py')
    """
    one_of("family", family, FAMILIES)
    arguments, scenario = FAMILIES[family]
    kind, module = _names(name)
    made = NewMethod(
        file=folder / f"{module}.py",
        test=folder / f"test_{module}.py",
        spec=f"{module}:{kind}({arguments})",
        scenario=scenario,
    )
    for path in (made.file, made.test):
        if path.exists():
            raise HoldfastError(
                f"{path} exists already, so nothing was written; choose another name, or another "
                "folder with --out"
            )
    make_folder(folder)
    for path, template in ((made.file, family), (made.test, TEST)):
        text = files("holdfast.methods").joinpath("templates", f"{template}.py.txt").read_text()
        text = text.replace("NAME", kind).replace("MODULE", module).replace("ARGUMENTS", arguments)
        write_text(path, text)
    return made


def _names(name: str) -> tuple[str, str]:
    """Make the names of the class and of its module, and refuse those that are taken."""
    from holdfast.methods import METHODS, PRESETS

    kind = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    module = WORD.sub("_", kind).lower()
    ascii_only = kind.isascii() and kind.isidentifier()
    if not ascii_only or not kind[0].isupper() or keyword.iskeyword(module):
        raise HoldfastError(
            f"{shlex.quote(name)} cannot be the name of a class; expected words with capitals and "
            "without spaces, such as PullToStart"
        )
    if kind in METHODS or kind in PRESETS:
        raise HoldfastError(f"{kind} is a built-in method; choose another name")
    # Python would find the other module first, and never this one.
    if module in sys.stdlib_module_names or _is_installed(module):
        raise HoldfastError(
            f"the file {module}.py would have the name of a module that is installed; choose "
            f"another name, such as {kind}Method"
        )
    return kind, module


def _is_installed(module: str) -> bool:
    """Check whether a module is found elsewhere than in the current folder."""
    found = importlib.util.find_spec(module)
    return found is not None and Path(found.origin or ".").parent != Path.cwd()
