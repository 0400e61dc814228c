"""The rows of a log while it is read."""

from collections import Counter
from collections.abc import Mapping

from holdfast.errors import HoldfastError
from holdfast.gate.formats.log import Log, Scale


class Rows:
    """Collects the rows of a log, those without a score, and what is to be said about them."""

    def __init__(self) -> None:
        self._rows: list[Mapping[str, object]] = []
        self._unscored: Counter[tuple[str, str]] = Counter()
        self._notes: dict[str, None] = {}
        self._facts: dict[str, dict[str, str]] = {}
        self._scales: dict[str, Scale] = {}

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row.

        Args:
            row: Its value in each column, `task` included. Columns that it lacks are missing there.
        """
        self._rows.append(row)

    def skip(self, task: str, reason: str) -> None:
        """Count a row that has no score.

        Args:
            task: Its task.
            reason: Why it has none, such as "the provider failed".
        """
        self._unscored[task, reason] += 1

    def note(self, sentence: str) -> None:
        """Remember a full sentence about what was ignored or chosen. It is said once."""
        self._notes[sentence] = None

    def compare(self, task: str, fact: str, value: object) -> None:
        """Remember what must be equal on both sides.

        Args:
            task: The task.
            fact: What it is, such as "task version".
            value: Its value, as text. None is not compared.
        """
        if value is not None:
            self._facts.setdefault(task, {})[fact] = str(value)

    def measure(self, task: str, scale: Scale) -> None:
        """Remember what the scores of a task mean."""
        self._scales[task] = scale

    def log(self, where: str) -> Log:
        """Make the log.

        Args:
            where: What the source is called in messages.

        Returns:
            The log. Columns without any value are left out.

        Raises:
            HoldfastError: There is no row, or none has a score.
        """
        if not self._rows:
            raise HoldfastError(f"{where}: {self._why_empty()}")
        names = dict.fromkeys(name for row in self._rows for name in row)
        columns = {name: [row.get(name) for row in self._rows] for name in names}
        filled = {
            name: values
            for name, values in columns.items()
            if any(value is not None and value != "" for value in values)
        }
        return Log(filled, self._facts, self._unscored, tuple(self._notes), self._scales)

    def _why_empty(self) -> str:
        """Say why there is no row."""
        if not self._unscored:
            return "there are no results of examples in it"
        count = sum(self._unscored.values())
        reasons = ", ".join(sorted({reason for _, reason in self._unscored}))
        return f"none of its {count} rows has a score ({reasons}); run the evaluation again"
