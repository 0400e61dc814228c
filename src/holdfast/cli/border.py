"""The one border between Holdfast and the shell: streams, signals, errors and exit codes of every command.

Commands raise; this module decides what the user sees. A user's mistake is one line and exit code 2, a
fault of the program is one line and exit code 3 (with a traceback if HOLDFAST_DEBUG is set), an
interruption ends with the code that shells expect. No message shows a password.
"""

import codecs
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import typer
import typer.main

from holdfast.errors import HoldfastError, MissingExtra, extra_of, first_line
from holdfast.text import shown, without_secrets

MISTAKE, FAULT, INTERRUPTED, TERMINATED = 2, 3, 130, 143
STREAM_ERRORS = (
    errno.ENOSPC,
    errno.EIO,
    errno.EBADF,
)  # of an output that cannot be written any more
DEBUG = "HOLDFAST_DEBUG"
# Typer brings its own copy of click's errors in newer versions; both are reached from the one it exports.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
CommandError: type[Exception] = UsageError.__bases__[0]
# What a terminal without these characters gets in their place.
ASCII = {
    "−": "-", "–": "-", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "±": "+-", "×": "x", "·": "*",
    "δ": "delta", "λ": "lambda", "α": "alpha", "ρ": "rho", "γ": "gamma", "Δ": "delta ", "σ": "sigma",
    "’": "'", "‘": "'", "“": '"', "”": '"',
}  # fmt: skip


class Terminated(BaseException):
    """SIGTERM arrived: the command ends, and with it whatever it has started."""


def at_border(
    command: typer.Typer,
    arguments: Sequence[str] | None,
    refused: Callable[[Sequence[str], str], None] | None = None,
) -> NoReturn:
    """Run the command line and exit.

    Args:
        command: The Typer application.
        arguments: Its arguments (None: those of the process).
        refused: Called with the arguments and the mistake if they do not parse.

    Raises:
        SystemExit: Always, with the exit code: 0 done, 1 the gate did not pass, 2 a mistake in input or
            use, 3 a fault of the program, 130 interrupted by Ctrl-C, 143 ended by SIGTERM.
    """
    _prepare_streams()
    with _ended_by_sigterm():
        line = list(sys.argv[1:] if arguments is None else arguments)
        code = _code_of(command, line, refused)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _not_printed(error)
    sys.exit(code)


def _code_of(
    command: typer.Typer,
    line: list[str],
    refused: Callable[[Sequence[str], str], None] | None,
) -> int:
    try:
        # Not `command(...)`: that would turn a closed pipe into exit code 1, the code of a failed gate.
        root = typer.main.get_command(command)
        with root.make_context("holdfast", line) as context:
            root.invoke(context)
        return 0
    except typer.Exit as ended:
        return ended.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except BrokenPipeError as error:
        return _not_printed(error)
    except typer.Abort:
        return INTERRUPTED
    except CommandError as error:
        return _usage(error, line, refused)
    except HoldfastError as error:
        return complain(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if extra := extra_of(package):
            return complain(str(MissingExtra(package, extra)))
        return _fault(error)
    except OSError as error:
        if error.filename is None and error.errno in STREAM_ERRORS:
            return _not_printed(error)
        return _fault(error)
    except Exception as error:
        return _fault(error)


def complain(message: str) -> int:
    """Print a mistake as one line without secrets; returns the exit code of a mistake."""
    _print_error(f"holdfast: error: {message}")
    return MISTAKE


def _usage(
    error: Any, line: Sequence[str], refused: Callable[[Sequence[str], str], None] | None
) -> int:
    """A command line that does not parse: its help if it was empty, else one line that names the help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help())
        return MISTAKE
    where = f"{context.command_path} --help" if context is not None else "holdfast --help"
    message = " ".join(error.format_message().split()).rstrip(".")
    if refused is not None:
        try:
            refused(line, message)
        except HoldfastError as other:
            message += f"; {other}"
    return complain(f"{message}; `{where}` shows what there is")


def _fault(error: Exception) -> int:
    """A fault of the program: one line, and the traceback for maintainers who ask for it."""
    if os.environ.get(DEBUG):
        sys.stderr.write(without_secrets(traceback.format_exc()))
    _print_error(
        f"holdfast: internal error: {type(error).__name__}: {first_line(error)}; "
        f"this is a fault of Holdfast, please report it ({DEBUG}=1 prints where it happened)"
    )
    return FAULT


def _not_printed(error: OSError) -> int:
    """The output cannot be written: who read it is gone, or a disk is full."""
    # The stream is pointed elsewhere, so that Python's own flush at exit succeeds.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return complain("the output was closed before all of it was printed")
    return complain(f"the output could not be printed: {error.strerror or first_line(error)}")


def _print_error(message: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads it; the exit code still tells
        print(shown(without_secrets(message)), file=sys.stderr, flush=True)


def _prepare_streams() -> None:
    """Let terminals that are not UTF-8 print a substitute for each character they lack, instead of failing."""
    codecs.register_error("holdfast", _substitute)
    # A stream that was closed by the shell (`>&-`) is None here, and printing to it would fail.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (kept to the end)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="holdfast")


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    out = "".join(ASCII.get(character, "?") for character in error.object[error.start : error.end])
    return out, error.end


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """While a command runs, SIGTERM ends it like Ctrl-C does: what is open is closed, workers are ended."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread, where signals cannot be handled
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
