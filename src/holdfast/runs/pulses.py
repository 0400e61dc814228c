"""How far runs in worker processes have come: each leaves its moments in a small file."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from holdfast.runs.workers import over_workers

if TYPE_CHECKING:
    from holdfast.training.display import Moment

# Commands show moments, and reach training only through runs.
__all__ = ["Moment", "PulseFiles", "over_watched_workers", "write_pulse"]
Job = TypeVar("Job")
Result = TypeVar("Result")


def over_watched_workers(
    function: "Callable[[Job, Callable[[Moment], None] | None], Result]",
    jobs: Sequence[Job],
    workers: int,
    tell: "Callable[[Job, Moment], None] | None",
) -> Iterator[Result]:
    """Call a function on every job, over worker processes, and hear how far each is.

    Args:
        function: A function of the top level of a module, which takes a job and what it tells its
            moments, or None.
        jobs: The jobs.
        workers: Number of worker processes; with 1 the calls are made in this process.
        tell: Called in this process with a job and the moment that it has reached. None: nobody
            wants to know.

    Yields:
        What the calls return, in the order in which they end.

    Raises:
        HoldfastError: A worker process died.

    Example:
        >>> list(over_watched_workers(lambda job, tell: -job, [1, 2], 1, None))
        [-1, -2]
    """
    if tell is None:
        yield from over_workers(function, [(job, None) for job in jobs], workers)
        return
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield function(job, partial(tell, job))
        return
    # `tell` cannot be called from another process, so workers leave their moments in files.
    with PulseFiles() as pulses:
        job_of = {pulses.path(number): job for number, job in enumerate(jobs)}

        def look() -> None:
            for path, moment in pulses.read(job_of):
                tell(job_of[path], moment)

        tasks = [(job, partial(write_pulse, path)) for path, job in job_of.items()]
        yield from over_workers(function, tasks, workers, look)


def write_pulse(path: Path, moment: "Moment") -> None:
    """Write the moment that a run has reached.

    Progress must never stop a run, so a file that cannot be written is left as it is.

    Args:
        path: The file of the run.
        moment: The moment.
    """
    with suppress(OSError):
        path.write_text(json.dumps(asdict(moment)), encoding="utf-8")


class PulseFiles:
    """A temporary folder of such files, which is gone after the block.

    Example:
        >>> from holdfast.training.display import Moment
        >>> with PulseFiles() as pulses:
        ...     path = pulses.path(0)
        ...     write_pulse(path, Moment("a", 1, 2, 5, 10, 5, 20, 3.0))
        ...     [(file == path, moment.step) for file, moment in pulses.read([path])]
        [(True, 5)]
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="holdfast-progress-", ignore_cleanup_errors=True
        )
        self._read: dict[Path, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def path(self, number: int) -> Path:
        """Return the file of the run with a number."""
        return Path(self._folder.name) / f"{number}.json"

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, "Moment"]]:
        """Yield the moments that are new since the last call.

        Args:
            paths: The files of all runs. A run that has not begun has none.
        """
        from holdfast.training.display import Moment

        for path in paths:
            # A file that is being written is read at the next look.
            with suppress(OSError, ValueError, TypeError):
                text = path.read_text(encoding="utf-8")
                if text != self._read.get(path):
                    moment = Moment(**json.loads(text))
                    self._read[path] = text
                    yield path, moment
