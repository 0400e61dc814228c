"""The border between Holdfast and the shell: streams, signals, errors and exit codes of commands.

Commands raise errors, and this module decides what the user sees. A mistake of the user is one line
and exit code 2. A fault of the program is one line and exit code 3, with a traceback if
HOLDFAST_DEBUG is set. An interruption ends with the exit code that shells expect. No message shows
a password.
"""

import codecs
import errno
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import typer
import typer.main

from holdfast.cli.narrow import fit_help
from holdfast.errors import HoldfastError, MissingExtra, extra_of, first_line
from holdfast.own_code import current_folder_importable, explained, fault_of
from holdfast.text import shown, without_secrets

MISTAKE = 2
FAULT = 3
# Shells use 128 plus the number of the signal that ended a command: SIGINT is 2, SIGTERM is 15.
INTERRUPTED = 130
TERMINATED = 143
# Errors of an output that can no longer be written: a full disk, a lost terminal, a closed stream.
STREAM_ERRORS = (errno.ENOSPC, errno.EIO, errno.EBADF)
DEBUG = "HOLDFAST_DEBUG"
# Newer versions of Typer bring their own copy of click's errors, and older ones use click itself.
# The base classes of the one error that Typer exports are right in both cases.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
CommandError: type[Exception] = UsageError.__bases__[0]
Refused = Callable[[Sequence[str], str], None]
# What a terminal prints that lacks these characters.
ASCII = {
    "−": "-", "–": "-", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "±": "+-", "×": "x", "·": "*",
    "δ": "delta", "λ": "lambda", "α": "alpha", "ρ": "rho", "γ": "gamma", "Δ": "delta ",
    "σ": "sigma",
    "’": "'", "‘": "'", "“": '"', "”": '"',
}  # fmt: skip


class Terminated(BaseException):
    """SIGTERM has arrived, so the command and whatever it has started must end.

    Like KeyboardInterrupt this is no `Exception`, so that no handler takes it for a failed run.
    """


def at_border(
    command: typer.Typer,
    arguments: Sequence[str] | None,
    refused: Refused | None = None,
) -> NoReturn:
    """Run a command line and exit.

    Args:
        command: The Typer application.
        arguments: The words after the program's name. By default, those of this process.
        refused: A function that is called with the arguments and the message if they do not parse.

    Raises:
        SystemExit: Always, with one of these exit codes: 0 if the command has succeeded, 1 if the
            gate did not pass or a method breaks a law, 2 for a mistake in the input or the use, 3
            for a fault of the program, 130 if Ctrl-C and 143 if SIGTERM has ended it.
    """
    _prepare_streams()
    line = list(arguments or ())
    if arguments is None:
        line = sys.argv[1:]
    with _ended_by_sigterm(), current_folder_importable():
        code = _exit_code_of(command, line, refused)
    # A full disk may show only now, because Python collects output before it writes it.
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _not_printed(error)
    sys.exit(code)


def _exit_code_of(command: typer.Typer, line: list[str], refused: Refused | None) -> int:
    """Run a command line, print what went wrong, and return the exit code."""
    try:
        # Calling `command(...)` would turn a closed pipe into exit code 1, that of a failed gate.
        root = typer.main.get_command(command)
        width = fit_help(root, shutil.get_terminal_size().columns)
        with root.make_context("holdfast", line, terminal_width=width) as context:
            root.invoke(context)
        return 0
    except typer.Exit as ended:
        return ended.exit_code
    except SystemExit as ended:
        # `sys.exit` without a code means success, and with a text it means failure.
        if isinstance(ended.code, int):
            return ended.code
        return int(ended.code is not None)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except CommandError as error:
        return _usage(error, command, line, refused)
    except HoldfastError as error:
        return complain(str(error))
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Tell a missing package and an output that cannot be written from a fault of the program."""
    if fault_of(error) is not None:
        return complain(f"a method of your own failed: {explained(error)}")
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").split(".")[0]
        extra = extra_of(package)
        if extra is not None:
            return complain(str(MissingExtra(package, extra)))
    if isinstance(error, BrokenPipeError):
        return _not_printed(error)
    # An error of a named file is not one of the output, which has no name.
    if isinstance(error, OSError) and error.filename is None and error.errno in STREAM_ERRORS:
        return _not_printed(error)
    return _fault(error)


def complain(message: str) -> int:
    """Print a mistake of the user as one line on stderr, without secrets.

    Args:
        message: What is wrong, and what to do about it.

    Returns:
        The exit code of a mistake, 2.
    """
    _print_error(f"holdfast: error: {message}")
    return MISTAKE


def _usage(error: Any, command: typer.Typer, line: Sequence[str], refused: Refused | None) -> int:
    """Answer a command line that does not parse: with help if it is empty, else with one line."""
    context: typer.Context | None = getattr(error, "ctx", None)
    # The error has no common name over the versions of Typer, see `UsageError` above.
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help())
        return MISTAKE
    message = _message_of(error)
    if refused is not None:
        try:
            refused(line, message)
        except HoldfastError as other:
            message += f"; {other}"
    return complain(f"{message}; `{_command_in(line, command)} --help` explains the options")


def _message_of(error: Any) -> str:
    """Say what is wrong with a command line, without the wording of the validation library."""
    from pydantic import ValidationError

    from holdfast.validation import describe

    cause = error.__cause__
    parameter = getattr(error, "param", None)
    if isinstance(cause, ValidationError) and parameter is not None:
        return describe(cause.errors()[0], parameter.opts[0])
    return " ".join(error.format_message().split()).rstrip(".")


def _command_in(line: Sequence[str], app: typer.Typer) -> str:
    """Name the command that a command line starts with, such as "holdfast order plan"."""
    command = typer.main.get_command(app)
    path = ["holdfast"]
    for word in line:
        inner = getattr(command, "commands", {}).get(word)
        if inner is None:
            break
        path.append(word)
        command = inner
    return " ".join(path)


def _fault(error: Exception) -> int:
    """Print a fault of the program as one line, after the traceback if HOLDFAST_DEBUG is set."""
    if os.environ.get(DEBUG):
        sys.stderr.write(without_secrets(traceback.format_exc()))
    _print_error(
        f"holdfast: internal error: {type(error).__name__}: {first_line(error)}; "
        f"this is a fault of Holdfast, so please report it ({DEBUG}=1 prints where it happened)"
    )
    return FAULT


def _not_printed(error: OSError) -> int:
    """Say that the output cannot be written, because its reader is gone or a disk is full."""
    # The stream is redirected, so that Python's own flush at exit succeeds.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return complain("the output was closed before all of it was printed")
    return complain(f"the output could not be printed: {error.strerror or first_line(error)}")


def _print_error(message: str) -> None:
    """Print one line on stderr that can harm no terminal and shows no password."""
    # If stderr cannot be written, nobody reads it, and the exit code says enough.
    with suppress(OSError, ValueError):
        print(shown(without_secrets(message)), file=sys.stderr, flush=True)


def _prepare_streams() -> None:
    """Let a terminal that is not UTF-8 print a substitute for each character that it lacks."""
    codecs.register_error("holdfast", _substitute)
    # A stream that was closed by the shell (`>&-`) is None here, and printing to it would fail. Its
    # substitute stays open until the process ends.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="holdfast")


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """Replace the characters that a stream cannot encode, and go on after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(ASCII.get(character, "?") for character in missing), error.end


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a command like Ctrl-C does: files are closed, and workers are ended."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        # A second signal must not interrupt the closing of files.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:
        # Only the main thread can handle signals, so elsewhere they keep their usual effect.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
