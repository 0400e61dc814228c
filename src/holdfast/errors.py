"""One family of errors: what the user can put right."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

LONGEST_CAUSE = 200  # characters of a parser's own message that are shown
EXTRAS = {  # the packages of each extra, by the names under which they are imported
    "train": ("torch", "safetensors", "joblib", "datasets", "PIL", "scipy"),
    "parquet": ("pyarrow",),
    "reports": ("matplotlib",),
    "ledger": ("sqlalchemy", "alembic"),
    "postgresql": ("psycopg",),
    "mlflow": ("mlflow",),
    "adapters": ("peft",),
    "drift": ("river",),
    "text": ("sklearn",),
}


class HoldfastError(ValueError):
    """A mistake in input or use. The message says what was expected, what came, and the fix; the CLI exits with 2."""


class MissingExtra(HoldfastError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed; {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """What to do if an extra is missing. No index has this package, so the way leads through a checkout."""
    return f"install Holdfast with its extra {extra!r}: in your checkout of Holdfast, pip install '.[{extra}]'"


def extra_of(package: str) -> str | None:
    """The extra that brings a package; None if no extra does.

    >>> extra_of("torch"), extra_of("numpy")
    ('train', None)
    """
    return next((extra for extra, packages in EXTRAS.items() if package in packages), None)


def require(extra: str, *packages: str) -> None:
    """Refuse if packages of an extra are not installed. Call it before the work that needs them.

    Args:
        extra: The extra that brings them.
        packages: The names under which they are imported.

    Raises:
        MissingExtra: One of them is not installed.

    Example:
        >>> require("train", "torch")
        >>> require("train", "torch", "no_such_package")
        Traceback (most recent call last):
        holdfast.errors.MissingExtra: this needs no_such_package, which is not installed; ...
    """
    for package in packages:
        try:
            there = find_spec(package) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            raise MissingExtra(package, extra)


@contextmanager
def reading(what: str, form: str) -> Iterator[None]:
    """Turn whatever goes wrong while outside content is parsed into one clear error.

    Parsers fail in many ways on damaged input: numbers that are too large, nesting that is too deep,
    bytes that are no text, keys that are missing. Put the whole of the parsing and checking of a file
    inside this block, rather than a `try` around each call that was once seen to fail.

    Args:
        what: The file or argument as the message calls it, such as "policy gate.toml".
        form: The format that was expected, such as "TOML".

    Raises:
        HoldfastError: Anything was raised inside. A HoldfastError passes through as it is.

    Example:
        >>> import json
        >>> with reading("matrix m.json", "JSON"):
        ...     json.loads("[" * 100_000)
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: matrix m.json is not readable as JSON: it is nested too deeply
    """
    try:
        yield
    except (HoldfastError, ImportError):  # a package that is missing is no fault of the content
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
        raise HoldfastError(
            f"{what} is not readable as {form}: {first_line(error)} is missing"
        ) from None
    except Exception as error:
        raise HoldfastError(f"{what} is not readable as {form}: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, shortened; the name of its type if it has no message."""
    lines = str(error).strip().splitlines()
    return lines[0][:LONGEST_CAUSE] if lines else type(error).__name__


def unknown(kind: str, name: object, known: Iterable[str]) -> HoldfastError:
    """Error for a name that does not exist, with the nearest one that does.

    >>> print(unknown("method", "EWD", ["EWC", "ER"]))
    unknown method 'EWD': did you mean 'EWC'? known: ER, EWC
    """
    names = sorted(known)
    folded = {n.lower(): n for n in names}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    return HoldfastError(f"unknown {kind} {str(name)!r}: {hint}known: {', '.join(names) or 'none'}")


def one_of(kind: str, value: str, allowed: Iterable[str]) -> str:
    """`value` where it is among `allowed`, else the error that lists them."""
    allowed = list(allowed)
    if value not in allowed:
        raise unknown(kind, value, allowed)
    return value
