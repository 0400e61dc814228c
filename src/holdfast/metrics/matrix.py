"""The accuracy matrix: the score on every task after every task.

R[i, j] is the score on task j after training task i (Lopez-Paz & Ranzato 2017); row 0 is the
untrained model. Other papers write the transpose. Therefore nothing here is a bare pair of indices:
cells are read and written by name, and arrays have a stated orientation. A higher score is better.
NaN means "not evaluated" and is never counted as 0.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from holdfast.errors import one_of, reading
from holdfast.files import write_text
from holdfast.metrics import forms, tables, values
from holdfast.metrics.cells import Cell, Key, Record, checked_cell
from holdfast.metrics.values import OF_ACCURACY, ScoreRange

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["UNTRAINED", "AccuracyMatrix", "Cell"]

UNTRAINED = None  # the `after` of the model that was trained on nothing
TaskNames = Sequence[Hashable] | None


class AccuracyMatrix:
    """The scores of a model on each task, after each training, overall and by segment.

    Args:
        tasks: Names of the tasks in the order of training.
        score_range: Lowest and highest possible score. The default is that of accuracy, 0 to 1.
        chance: Score that guessing reaches, for all tasks or by task. `unlearnt` needs it to tell
            which tasks were learnt. By default, and for a task that is left out, it is not known.

    Raises:
        HoldfastError: There is no task, two tasks have the same name, or a number is out of range.

    Example:
        >>> m = AccuracyMatrix(["a", "b"])
        >>> m.record("a", after="a", score=0.992)
        >>> m.record("a", after="b", score=0.339)
        >>> m.record("b", after="b", score=0.9)
        >>> m.score("a", after="b"), m.score("b", after="a")
        (0.339, nan)
    """

    def __init__(
        self,
        tasks: Sequence[Hashable],
        *,
        score_range: ScoreRange = OF_ACCURACY,
        chance: Mapping[Hashable, float] | float | None = None,
    ) -> None:
        with reading("the accuracy matrix", "task names, a score_range and chance levels"):
            self.tasks = values.task_names(tasks)
            self.score_range = values.score_bounds(score_range)
            self.chance = values.chance_levels(chance, self.tasks, self.score_range)
        # Cells that were not evaluated have no entry.
        self.cells: dict[Key, Cell] = {}
        self.clusters: dict[Hashable, np.ndarray] = {}

    # ---- writing

    def record(
        self,
        task: Hashable,
        *,
        after: Hashable | None,
        score: float | None = None,
        examples: int | None = None,
        results: "ArrayLike | None" = None,
        segment: str | None = None,
        clusters: "ArrayLike | None" = None,
    ) -> None:
        """Write one cell. A cell can be written only once.

        Args:
            task: The task that was evaluated.
            after: The task that was trained last. None is the untrained model.
            score: The score. Leave it out if you give `results`.
            examples: Number of test examples behind the score, if you know it.
            results: Score of each test example, shape (N,), in the same order after each task. They
                make paired intervals possible.
            segment: The part of the task's test set that the score is about. By default the cell is
                about the whole test set.
            clusters: What each of the `results` belongs to (a user, a day), shape (N,).

        Raises:
            HoldfastError: A name is unknown, the cell has been written already, or a value is
                missing, of a wrong type, or out of range.

        Example:
            >>> m = AccuracyMatrix(["a"])
            >>> m.record("a", after="a", results=[1, 0, 1, 1], clusters=["u", "u", "v", "w"])
            >>> m.score("a", after="a")
            0.75
        """
        record = Record(
            task=task,
            after=after,
            score=score,
            examples=examples,
            segment=segment,
            results=results,
            clusters=clusters,
        )
        self._write(record)

    def _write(self, record: Record) -> None:
        """Check a record and write its cell. Nothing is written if a check fails."""
        values.check_known(self.tasks, record.task, record.after)
        earlier = self.clusters.get(record.task)
        cell, clusters = checked_cell(record, self.cells, earlier, self.score_range)
        if clusters is not None:
            self.clusters[record.task] = clusters
        self.cells[record.task, record.after, record.segment] = cell

    # ---- reading

    @property
    def segments(self) -> dict[Hashable, list[str]]:
        """The names of the segments of each task that has some."""
        names: dict[Hashable, list[str]] = {task: [] for task in self.tasks}
        for task, _, segment in self.cells:
            if segment is not None and segment not in names[task]:
                names[task].append(segment)
        return {task: segments for task, segments in names.items() if segments}

    def score(self, task: Hashable, *, after: Hashable | None, segment: str | None = None) -> float:
        """Return one score.

        Args:
            task: The task that was evaluated.
            after: The task that was trained last. None is the untrained model.
            segment: A part of the task's test set. By default the whole of it.

        Returns:
            The score, or NaN if the cell was not evaluated.

        Raises:
            HoldfastError: A task is not in the matrix.
        """
        values.check_known(self.tasks, task, after)
        cell = self.cells.get((task, after, segment))
        if cell is None:
            return math.nan
        return cell.score

    def column(self, task: Hashable, segment: str | None = None) -> np.ndarray:
        """Return the scores of one task: of the untrained model, then after each task, (T + 1,)."""
        rows = (UNTRAINED, *self.tasks)
        return np.array([self.score(task, after=after, segment=segment) for after in rows])

    def to_array(self, orientation: str = "after-by-task", untrained: bool = True) -> np.ndarray:
        """Return all scores as an array.

        Args:
            orientation: `after-by-task` for R[i, j], or `task-by-after` for its transpose.
            untrained: Whether the untrained model is the first row.

        Returns:
            Shape (T + 1, T) for T tasks, or (T, T) without the untrained model, or the transpose of
            either. NaN if not evaluated.

        Raises:
            HoldfastError: The orientation is unknown.

        Example:
            >>> scores = [[0.9, 0.6], [0.8, 0.9]]
            >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
            >>> m.to_array(untrained=False).tolist()
            [[0.9, 0.6], [0.8, 0.9]]
        """
        one_of("orientation", orientation, forms.ORIENTATIONS)
        array = np.stack([self.column(task) for task in self.tasks], axis=1)
        if not untrained:
            array = array[1:]
        if orientation == "task-by-after":
            return array.T
        return array

    def results(self, task: Hashable) -> dict[Hashable | None, np.ndarray]:
        """Return the scores of single examples of a task, (N,), by the task trained last."""
        # Results of segments are parts of the same examples, so they are left out.
        by_row = {}
        for (other, after, segment), cell in self.cells.items():
            if other == task and segment is None and cell.results is not None:
                by_row[after] = cell.results
        return by_row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccuracyMatrix) and self.to_json() == other.to_json()

    __repr__ = tables.as_text
    _repr_html_ = tables.as_html  # in notebooks

    # ---- from and to other forms

    @classmethod
    def from_records(
        cls,
        records: Iterable[Mapping[str, object] | tuple[object, ...]],
        tasks: TaskNames = None,
        *,
        score_range: ScoreRange = OF_ACCURACY,
    ) -> Self:
        """Make a matrix from one record per cell.

        Args:
            records: Dicts with the keys task, after and score, and optionally examples, segment,
                results and clusters; or tuples (task, after, score, examples, segment), the last
                two of which may be left out.
            tasks: Names of the tasks in the order of training. By default the order in which they
                occur as `after`, then as `task`.
            score_range: Lowest and highest possible score.

        Raises:
            HoldfastError: A record lacks a key, or its values cannot be written.

        Example:
            >>> rows = [(0, 0, 0.97), (0, 1, 0.94), (1, 1, 0.95)]
            >>> AccuracyMatrix.from_records(rows).score(0, after=1)
            0.94
        """
        with reading("the scores", "records of task, after and score"):
            checked = forms.records_of(records)
            if tasks is None:
                tasks = forms.order_of_tasks(checked)
            out = cls(tasks, score_range=score_range)
            for record in checked:
                out._write(record)
            return out

    def to_records(self) -> list[dict[str, Any]]:
        """Return one dict per cell, which `from_records` reads."""
        return [
            forms.values_of(key, cell, self.clusters.get(key[0]))
            for key, cell in self.cells.items()
        ]

    @classmethod
    def from_array(
        cls,
        array: "ArrayLike",
        tasks: TaskNames = None,
        *,
        orientation: str,
        untrained: bool = False,
        score_range: ScoreRange = OF_ACCURACY,
        examples: int | None = None,
    ) -> Self:
        """Make a matrix from an array.

        Args:
            array: Scores, NaN if not evaluated. For T tasks, shape (T, T), or (T + 1, T) with the
                untrained model in the first row; or the transpose of either.
            tasks: Names of the tasks in the order of training. By default 0 to T − 1.
            orientation: `after-by-task` if the rows are "after training", or `task-by-after` for
                the transpose. It has no default, because papers differ.
            untrained: Whether the array holds the scores of the untrained model.
            score_range: Lowest and highest possible score.
            examples: Number of test examples behind each score, if you know it.

        Raises:
            HoldfastError: The array has another shape, or a score is out of range.

        Example:
            >>> scores = [[0.9, 0.1], [0.8, 0.7]]
            >>> AccuracyMatrix.from_array(scores, orientation="after-by-task").score(0, after=1)
            0.8
        """
        names, cells = forms.read_array(array, tasks, orientation, untrained, examples)
        return cls.from_records(cells, names, score_range=score_range)

    def to_json(self) -> dict[str, Any]:
        """Return the matrix as plain values, for `json.dumps`."""
        out = {
            "format": forms.FORMAT,
            "tasks": list(self.tasks),
            "score_range": list(self.score_range),
            "cells": self.to_records(),
        }
        # Without chance levels, the file is as earlier versions wrote it.
        if self.chance:
            out["chance"] = [self.chance.get(task) for task in self.tasks]
        return out

    @classmethod
    def from_json(cls, value: "str | Path | Mapping[str, object]") -> Self:
        """Make a matrix from what `to_json` returned: the dict, JSON text, or a JSON file's path.

        Raises:
            HoldfastError: The value is no accuracy matrix, or is of a format that is not known.
        """
        what = "the accuracy matrix"
        if isinstance(value, Path):
            what = f"matrix {value}"
        with reading(what, "JSON of an accuracy matrix"):
            stored = forms.read_json(value)
            out = cls.from_records(stored.records, stored.tasks, score_range=stored.score_range)
            # Files of earlier versions have no chance levels.
            if stored.chance is not None:
                levels = dict(zip(out.tasks, stored.chance, strict=True))
                out.chance = values.chance_levels(levels, out.tasks, out.score_range)
            return out

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        tasks: TaskNames = None,
        *,
        score_range: ScoreRange = OF_ACCURACY,
    ) -> Self:
        """Make a matrix from a CSV file; the arguments are those of `from_records`.

        Its columns are task, after and score, and optionally examples and segment. An empty `after`
        is the untrained model.
        """
        with reading(str(path), "CSV of task, after and score"):
            return cls.from_records(forms.read_csv(Path(path)), tasks, score_range=score_range)

    def to_csv(self, path: str | Path) -> None:
        """Write the CSV file that `from_csv` reads; results of single examples are left out."""
        write_text(Path(path), forms.write_csv(self.to_records()))

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame",
        tasks: TaskNames = None,
        *,
        score_range: ScoreRange = OF_ACCURACY,
    ) -> Self:
        """Make a matrix from a DataFrame with the columns of `from_csv`."""
        return cls.from_records(forms.read_frame(frame), tasks, score_range=score_range)

    def to_frame(self) -> "pd.DataFrame":
        """Return a DataFrame with one row per cell, which `from_frame` reads."""
        import pandas as pd

        return pd.DataFrame(self.to_records(), columns=forms.COLUMNS)
