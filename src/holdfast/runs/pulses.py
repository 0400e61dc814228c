"""How far runs in worker processes have come: each leaves its moments in a small file."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from holdfast.training.display import Moment

# Commands show moments, and reach training only through runs.
__all__ = ["Moment", "PulseFiles", "write_pulse"]


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
