"""The rows of a log while it is read."""

from collections import Counter
from collections.abc import Mapping, Sequence

from holdfast.errors import HoldfastError
from holdfast.gate.formats.log import Log, Scale
from holdfast.gate.formats.metric_choice import chosen
from holdfast.gate.names import apart

MOST_LISTED = 5  # tasks that a note lists


class Rows:
    """Collects the rows of a log, those without a score, and what is to be said about them."""

    def __init__(self) -> None:
        self._rows: list[Mapping[str, object]] = []
        self._unscored: Counter[tuple[str, str]] = Counter()
        self._notes: dict[str, list[str]] = {}
        self._facts: dict[str, dict[str, str]] = {}
        self._scales: dict[str, Scale] = {}

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row.

        Args:
            row: Its value in each column, `task` included. Columns that it lacks are missing there.
        """
        self._rows.append(row)

    def skip(self, task: str, reason: str, count: int = 1) -> None:
        """Count rows that have no score.

        Args:
            task: Their task.
            reason: Why they have none, such as "the provider failed".
            count: The number of rows.
        """
        self._unscored[task, reason] += count

    def note(self, sentence: str, task: str = "") -> None:
        """Remember what was ignored or chosen. It is said once.

        Args:
            sentence: A full sentence.
            task: The task that it is about. The note ends in a list of all tasks with the same
                sentence. Empty: all tasks.
        """
        tasks = self._notes.setdefault(sentence, [])
        if task and task not in tasks:
            tasks.append(task)

    def compare(self, task: str, fact: str, value: object) -> None:
        """Remember what must be equal on both sides.

        Args:
            task: The task.
            fact: What it is, such as "task version".
            value: Its value, as text. None is not compared.
        """
        # What a file does not tell cannot differ, so it refuses no comparison.
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
        # Rows of different tasks may have different columns, such as times that only some measure.
        names = dict.fromkeys(name for row in self._rows for name in row)
        columns = {name: [row.get(name) for row in self._rows] for name in names}
        filled = {
            name: values
            for name, values in columns.items()
            if any(value is not None and value != "" for value in values)
        }
        # Examples that occur once need no number of their repeat.
        if len(set(filled.get("repeat", ()))) == 1:
            del filled["repeat"]
        notes = tuple(_about(sentence, tasks) for sentence, tasks in self._notes.items())
        return Log(filled, self._facts, self._unscored, notes, self._scales)

    def _why_empty(self) -> str:
        """Say why there is no row."""
        if not self._unscored:
            return "there are no results of examples in it"
        # A log in which everything failed must not look like an empty one.
        count = sum(self._unscored.values())
        reasons = ", ".join(sorted({reason for _, reason in self._unscored}))
        return f"none of its {count} rows has a score ({reasons}); run the evaluation again"


def note_others(kind: str, name: str, known: Sequence[str], wanted: str, rows: Rows) -> None:
    """Note what the user could have chosen instead.

    Args:
        kind: What was chosen, "metric" or "filter", which is also the name of the option.
        name: What was chosen.
        known: What could be chosen.
        wanted: What the user asks for. Whoever has chosen needs no note.
        rows: Where the note is kept.
    """
    others = ", ".join(other for other in known if other != name)
    if others and not wanted:
        rows.note(f"The {kind} is {name}; choose another with --{kind}: {others}.")


def skip_task(task: str, metrics: Sequence[str], count: int, rows: Rows) -> None:
    """Leave out a task that cannot be judged example by example, and count its rows.

    Args:
        task: The task.
        metrics: Its metrics, which have several values per example.
        count: The number of its rows.
        rows: Where the rows are counted.
    """
    listed = ", ".join(metrics)
    rows.skip(task, f"{listed} has several values per example", count)
    rows.note(f"Tasks are not judged if an example has several values of {listed}.", task)


def single_metric(
    values: Sequence[Mapping[str, object]], task: str, wanted: str, rows: Rows
) -> str:
    """Choose a metric that has one value per example, by default the first.

    A task that has only metrics with several values per example, such as a perplexity, is left out
    and counted.

    Args:
        values: The values of each example's metrics, by the name of the metric.
        task: The task.
        wanted: The metric that the user asks for.
        rows: Where rows are counted and notes are kept.

    Returns:
        The metric, or "" if the task is left out.

    Raises:
        HoldfastError: There is no such metric, or it has several values per example.
    """
    # One example with several values is enough, because its metric has no single score then.
    usable: dict[str, bool] = {}
    for metrics in values:
        for name, value in metrics.items():
            usable[name] = usable.get(name, True) and not isinstance(value, dict | list)
    known = [name for name, is_usable in usable.items() if is_usable]
    unusable = [name for name, is_usable in usable.items() if not is_usable]
    if unusable and not known and wanted not in unusable:
        skip_task(task, unusable, len(values), rows)
        return ""
    metric = chosen("metric", wanted, known, task, unusable)
    note_others("metric", metric, known, wanted, rows)
    return metric


def _about(sentence: str, tasks: Sequence[str]) -> str:
    """Add to a sentence the tasks that it is about."""
    if not tasks:
        return sentence
    names = ", ".join(apart(task) for task in tasks[:MOST_LISTED])
    more = ""
    if len(tasks) > MOST_LISTED:
        more = f" and {len(tasks) - MOST_LISTED} more"
    return f"{sentence.removesuffix('.')}: {names}{more}."
