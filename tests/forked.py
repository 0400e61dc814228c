"""Commands in processes of their own that start at once, for tests of how commands end.

They are forked from a process that has PyTorch and Holdfast loaded and has done nothing else. They
are where `python -m holdfast.cli.main` is after imports that take three seconds of processor time.
Signals, limits, exit codes and worker processes are real.
"""

import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

FORKS = get_context("forkserver")
# What the process that forks imports. PyTorch imports the last one for the first optimizer.
LOADED = (
    "holdfast.cli.main",
    "holdfast.bench",
    "holdfast.ledger",
    "holdfast.reports",
    "holdfast.runs.build",
    "alembic.command",
    "matplotlib.figure",
    "pandas",
    "pyarrow.parquet",
    "torch._dynamo",
)
FORKS.set_forkserver_preload(list(LOADED))
SECONDS = 120.0  # within which a command ends that nothing is wrong with


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        returncode: Its exit code, or the number of the signal that killed it, as a negative number.
        stdout: What it printed.
        stderr: What it printed to standard error.
    """

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Command:
    """What a process runs, and where.

    Attributes:
        arguments: The words after `holdfast`.
        folder: The current folder.
        limit: The most bytes that a file may have. None: as many as there is room for.
        script: Python code that runs with these arguments. None: the command line.
    """

    arguments: tuple[str, ...]
    folder: str
    limit: int | None = None
    script: str | None = None

    def run(self, output: Path, environment: dict[str, str]) -> None:
        """Turn this process, which has just been forked, into the command."""
        os.setsid()  # a group of its own, as a shell gives to what it starts
        for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
            file = os.open(output / name, os.O_WRONLY | os.O_CREAT)
            os.dup2(file, stream.fileno())
            os.close(file)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(environment)
        if self.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))
        if self.script is not None:
            sys.argv = ["-c", *self.arguments]
            exec(self.script, {"__name__": "__main__"})
        else:
            from holdfast.cli.main import run_cli

            run_cli(self.arguments)


class Running:
    """A command that has been started.

    Attributes:
        process: Its process, whose number is that of its group, too.
    """

    def __init__(self, command: Command, output: Path) -> None:
        self.output = output
        self.process: BaseProcess = FORKS.Process(
            target=command.run, args=(output, dict(os.environ))
        )
        self.process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def printed(self) -> str:
        """What the command has printed until now."""
        file = self.output / "out"
        return file.read_text() if file.exists() else ""

    def ended(self, seconds: float = SECONDS) -> Ended:
        """Wait until the command has ended."""
        self.process.join(seconds)
        code = self.process.exitcode
        assert code is not None, f"it still runs after {seconds:.0f} s"
        return Ended(code, (self.output / "out").read_text(), (self.output / "err").read_text())


@contextmanager
def started(*arguments: str, folder: Path | str = ".", **options: object) -> Iterator[Running]:
    """Start a command, and kill it in the end if it still runs.

    Args:
        *arguments: The words after `holdfast`.
        folder: The current folder of the command.
        **options: Other fields of `Command`.
    """
    command = Command(arguments, str(Path(folder).absolute()), **options)
    with tempfile.TemporaryDirectory() as output:
        running = Running(command, Path(output))
        try:
            yield running
        finally:
            # With all that it has started; after a test that went well there is nothing left.
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.process.join()


def ended(*arguments: str, folder: Path | str = ".", **options: object) -> Ended:
    """Run a command to its end. The arguments are those of `started`."""
    with started(*arguments, folder=folder, **options) as running:
        return running.ended()
