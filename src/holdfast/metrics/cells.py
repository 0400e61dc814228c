"""One cell of an accuracy matrix, and the checks that its values pass before they are written."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError, reading
from holdfast.metrics.values import ScoreRange, shown_value, whole_number

Key = tuple[Hashable, Hashable | None, str | None]  # task, after, segment


@dataclass(frozen=True)
class Cell:
    """One evaluation of a model on a task.

    Args:
        score: The score; higher is better.
        examples: Number of test examples. None if it is not known.
        results: Score of each test example, shape (N,). None if they were not kept.
    """

    score: float
    examples: int | None = None
    results: np.ndarray | None = None


@dataclass(frozen=True)
class Record:
    """The values of one cell, as a table or a file gives them.

    Args:
        task: The task that was evaluated.
        after: The task that was trained last. None is the untrained model.
        score: The score, or None if there are results.
        examples: Number of test examples, or None.
        segment: The part of the task's test set, or None for the whole of it.
        results: Scores of single examples, or None.
        clusters: What each example belongs to, or None.
    """

    task: Hashable
    after: Hashable | None
    score: float | None
    examples: object = None
    segment: str | None = None
    results: object = None
    clusters: object = None


def cell_place(task: Hashable, after: Hashable | None, segment: str | None) -> str:
    """Describe which cell a message is about.

    >>> cell_place("a", "b", None)
    "task 'a' after 'b'"
    >>> cell_place("a", None, "new")
    "task 'a' before any training, segment 'new'"
    """
    place = f"task {task!r} after {after!r}"
    if after is None:
        place = f"task {task!r} before any training"
    if segment:
        place += f", segment {segment!r}"
    return place


def checked_cell(
    record: Record,
    cells: Mapping[Key, Cell],
    earlier_clusters: np.ndarray | None,
    score_range: ScoreRange,
) -> tuple[Cell, np.ndarray | None]:
    """Check the values of a record, also against the cells that have been written before.

    Args:
        record: The values.
        cells: The cells of the matrix so far.
        earlier_clusters: The clusters that another row of the task gave, or None.
        score_range: The lowest and the highest possible score.

    Returns:
        The cell, and the clusters of its examples, or None.

    Raises:
        HoldfastError: The cell has been written before, or a value is missing, of a wrong type, or
            out of range.
    """
    key = (record.task, record.after, record.segment)
    place = cell_place(*key)
    # A second score for a cell is more often a mistake in a loop than a correction.
    if key in cells:
        raise HoldfastError(f"{place} has been written already; a cell can be written only once")
    checks = _Checks(place, score_range)
    # Whatever NumPy raises for an unexpected type becomes an error that names the cell.
    with reading(place, "a score, a number of examples and results"):
        if record.results is None:
            cell = checks.bare_cell(record.score, record.examples)
        else:
            cell = checks.cell_of_results(record.results, _length_of_results(key, cells))
        if record.clusters is None:
            return cell, None
        return cell, checks.clusters(record.clusters, cell.results, earlier_clusters)


def _length_of_results(key: Key, cells: Mapping[Key, Cell]) -> int | None:
    """Return the number of results in the other rows of the same task and segment, or None."""
    task, _, segment = key
    for (other_task, _, other_segment), cell in cells.items():
        same_column = other_task == task and other_segment == segment
        if same_column and cell.results is not None:
            return len(cell.results)
    return None


@dataclass(frozen=True)
class _Checks:
    """The checks of the values of one cell.

    Args:
        place: The cell as messages call it.
        score_range: The lowest and the highest possible score.
    """

    place: str
    score_range: ScoreRange

    def bare_cell(self, score: object, examples: object) -> Cell:
        """Make a cell from a score and a number of examples, which may be None."""
        checked_score = self._score(score)
        if examples is None:
            return Cell(checked_score)
        return Cell(checked_score, whole_number(examples, f"{self.place}: examples"))

    def cell_of_results(self, results: object, expected_length: int | None) -> Cell:
        """Make a cell from the scores of single examples.

        Args:
            results: One score per example.
            expected_length: Number of results in the other rows of the task, or None.
        """
        # Right and wrong answers may come as booleans, which become 1 and 0.
        scores = np.asarray(results, dtype=float)
        if scores.ndim != 1 or not len(scores):
            raise HoldfastError(
                f"{self.place}: results must be one score for each example, "
                f"got shape {scores.shape}"
            )
        if not np.isfinite(scores).all():
            raise HoldfastError(
                f"{self.place}: results contain NaN or infinity; "
                "leave the cell out if it was not evaluated"
            )
        # Paired comparisons need the same examples in every row of a task.
        if expected_length is not None and expected_length != len(scores):
            raise HoldfastError(
                f"{self.place}: got {len(scores)} results, but other rows have {expected_length}; "
                "evaluate on the same examples each time"
            )
        # If the extremes are in range, so is every other score.
        self._check_range(scores.min())
        self._check_range(scores.max())
        return Cell(self._score(float(scores.mean())), len(scores), scores)

    def clusters(
        self,
        labels: object,
        results: np.ndarray | None,
        earlier: np.ndarray | None,
    ) -> np.ndarray:
        """Check the labels of what the examples belong to.

        Args:
            labels: One label per example.
            results: The results of the cell, or None.
            earlier: The labels that another row of the task gave, or None.
        """
        checked = np.asarray(labels)
        if results is None or checked.ndim != 1 or len(checked) != len(results):
            raise HoldfastError(f"{self.place}: clusters need one entry for each of the results")
        # Other labels would mean other examples, or another order of them.
        if earlier is not None and not np.array_equal(earlier, checked):
            raise HoldfastError(
                f"{self.place}: the clusters differ from those that you gave for this task before; "
                "give the examples in the same order each time"
            )
        return checked

    def _score(self, score: object) -> float:
        """Check a score that is given as one number."""
        if score is None:
            raise HoldfastError(f"{self.place}: give a score or the results of each example")
        checked = math.nan
        # bool is a subclass of int, but a score of True is a mistake.
        if isinstance(score, int | float | np.number) and not isinstance(score, bool):
            checked = float(score)
        if math.isnan(checked):
            raise HoldfastError(
                f"{self.place}: the score must be a number, got {shown_value(score)!r}; "
                "leave the cell out if it was not evaluated"
            )
        self._check_range(checked)
        return checked

    def _check_range(self, score: float) -> None:
        """Raise an error if a score is outside the range."""
        low, high = self.score_range
        if low <= score <= high:
            return
        # The commonest cause is an accuracy in per cent.
        advice = "set score_range for another scale"
        if high == 1 and 1 < score <= 100:
            advice = "if it is a percentage, divide by 100 or set score_range"
        raise HoldfastError(
            f"{self.place}: score {score:g} is outside [{low:g}, {high:g}]; {advice}"
        )
