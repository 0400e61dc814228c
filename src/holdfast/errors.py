"""The errors that a user can put right, and helpers that word them alike everywhere.

Raise `HoldfastError` with one or two sentences: what happened, what was expected, what to do next.
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

LONGEST_CAUSE = 200  # how many characters of a parser's own message are shown
# The packages of each extra, by the names under which they are imported. `pyproject.toml` lists
# what each extra installs, and tests/test_packaging.py compares the two.
EXTRAS = {
    "train": ("torch", "safetensors", "joblib", "datasets", "PIL", "scipy"),
    "parquet": ("pyarrow",),
    "reports": ("matplotlib",),
    "ledger": ("sqlalchemy", "alembic"),
    "postgresql": ("psycopg",),
    "mlflow": ("mlflow",),
    "adapters": ("peft",),
    "drift": ("river",),
    "text": ("sklearn", "tokenizers"),
    "metrics": ("sklearn",),
    "encoder": ("transformers",),
    "onnx": ("onnxruntime",),
    "transformers": ("transformers", "accelerate", "peft", "gguf"),
}


class HoldfastError(ValueError):
    """A mistake in the input or in the use of Holdfast, which the user can put right.

    The message says what was expected, what was given, and what to do. The command line prints it
    without a traceback and exits with code 2.
    """


class Unsuitable(HoldfastError):
    """A method cannot take this network or these inputs, whatever its arguments are.

    The message ends with what to use instead. The learner adds methods that could take them.
    """


class UnlearntWarning(UserWarning):
    """A warning that tasks of a run were not learnt, so that nothing can be said of forgetting."""


class MissingExtra(HoldfastError):
    """An optional package is not installed. The message names the extra that installs it.

    Args:
        package: The name under which the package is imported.
        extra: The extra of Holdfast that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed; {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """Say how to install an extra. Holdfast is on no package index, so this needs a checkout.

    >>> print(how_to_install("text"))
    install Holdfast with its extra 'text': in your checkout of Holdfast, run pip install '.[text]'
    """
    command = f"pip install '.[{extra}]'"
    return f"install Holdfast with its extra {extra!r}: in your checkout of Holdfast, run {command}"


def extra_of(package: str) -> str | None:
    """Return the extra that installs a package, or None if no extra does.

    >>> extra_of("torch"), extra_of("numpy")
    ('train', None)
    """
    for extra, packages in EXTRAS.items():
        if package in packages:
            return extra
    return None


def require(extra: str, *packages: str) -> None:
    """Check that the packages of an extra are installed. Call this before the work that needs them.

    Args:
        extra: The extra that installs the packages.
        packages: The names under which the packages are imported.

    Raises:
        MissingExtra: One of the packages is not installed.

    Example:
        >>> require("train", "torch")
        >>> require("train", "torch", "no_such_package")
        Traceback (most recent call last):
        holdfast.errors.MissingExtra: this needs no_such_package, which is not installed; ...
    """
    for package in packages:
        # `find_spec` looks for the package without importing it, which would cost seconds.
        try:
            installed = find_spec(package) is not None
        except ModuleNotFoundError:  # the name has a dot, and the package before it is missing
            installed = False
        if not installed:
            raise MissingExtra(package, extra)


@contextmanager
def reading(what: str, form: str) -> Iterator[None]:
    """Turn whatever goes wrong while outside content is parsed into one clear error.

    Parsers fail in many ways on damaged input: numbers that are too large, nesting that is too
    deep, bytes that are no text, keys that are missing. Put all parsing and checking of a file
    inside this block instead of a `try` around each call that has failed before.

    Args:
        what: The file or argument as the message calls it, such as "policy gate.toml".
        form: The expected format, such as "TOML".

    Yields:
        Nothing.

    Raises:
        HoldfastError: Something was raised inside the block. A HoldfastError and an ImportError (a
            package that is not installed is no fault of the content) pass through unchanged.

    Example:
        >>> import json
        >>> with reading("m.json", "JSON"):
        ...     json.loads("[" * 100_000)
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: m.json is not readable as JSON: it is nested too deeply
    """
    try:
        yield
    except (HoldfastError, ImportError):
        # Both say by themselves what is wrong.
        raise
    except FileNotFoundError:
        raise HoldfastError(f"{what}: there is no such file") from None
    except OSError as error:
        raise HoldfastError(
            f"{what} could not be read: {error.strerror or first_line(error)}"
        ) from None
    except RecursionError:
        raise HoldfastError(f"{what} is not readable as {form}: it is nested too deeply") from None
    except MemoryError:
        raise HoldfastError(
            f"{what} is not readable as {form}: it does not fit into memory"
        ) from None
    except KeyError as error:
        # The message of a KeyError is the key alone, which would say nothing.
        raise HoldfastError(
            f"{what} is not readable as {form}: {first_line(error)} is missing"
        ) from None
    except Exception as error:  # each parser has its own errors, and they share no base class
        raise HoldfastError(f"{what} is not readable as {form}: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, shortened.

    >>> first_line(ValueError("no such column\\nat line 2")), first_line(ValueError())
    ('no such column', 'ValueError')
    """
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return lines[0][:LONGEST_CAUSE]


def unknown(kind: str, name: object, known: Iterable[str]) -> HoldfastError:
    """Make the error for a name that does not exist; it suggests the closest name that does.

    Args:
        kind: What the name is for, such as "method".
        name: The name that was given.
        known: The names that exist.

    Returns:
        The error. Raise it.

    Example:
        >>> print(unknown("method", "EWD", ["EWC", "ER"]))
        unknown method 'EWD': did you mean 'EWC'? known: ER, EWC
    """
    names = sorted(known)
    # Names are compared in lower case, so that "ewc" suggests EWC.
    by_lower_case = {candidate.lower(): candidate for candidate in names}
    closest = difflib.get_close_matches(str(name).lower(), by_lower_case, n=1, cutoff=0.5)
    hint = ""
    if closest:
        hint = f"did you mean {by_lower_case[closest[0]]!r}? "
    return HoldfastError(f"unknown {kind} {str(name)!r}: {hint}known: {', '.join(names) or 'none'}")


def one_of(kind: str, value: str, allowed: Iterable[str]) -> str:
    """Return `value` if it is allowed.

    Args:
        kind: What the value is for, such as "scheduler".
        value: The value that was given.
        allowed: The values that are allowed.

    Returns:
        `value`, unchanged.

    Raises:
        HoldfastError: `value` is not allowed. The message lists the allowed values.

    Example:
        >>> one_of("scenario", "day", ["class", "domain", "task"])
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: unknown scenario 'day': known: class, domain, task
    """
    known = list(allowed)
    if value not in known:
        raise unknown(kind, value, known)
    return value
