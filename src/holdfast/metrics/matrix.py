"""The accuracy matrix: the score on every task after every task.

Rows are "after training task i", row 0 the untrained model; columns are "evaluated on task j" (Lopez-Paz & Ranzato 2017). Others write
it transposed, so nothing here is a bare index pair: cells are read and written by name, arrays come with a stated orientation.
A cell is a score, higher is better; NaN is "not evaluated", never 0.
"""

import csv
import io
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError, one_of, reading, unknown
from holdfast.files import write_text
from holdfast.metrics import forms

if TYPE_CHECKING:
    import pandas as pd

UNTRAINED = None
ORIENTATIONS = ("after-by-task", "task-by-after")
FORMAT = 1


@dataclass(frozen=True)
class Cell:
    """One evaluation: score, number of test examples (None where not known), score of each example where kept."""

    score: float
    examples: int | None = None
    results: np.ndarray | None = None


class AccuracyMatrix:
    """Scores by (task, after), overall and by segment.

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
        score_range: tuple[float, float] = (0.0, 1.0),
        chance: Mapping[Hashable, float] | float | None = None,
    ) -> None:
        """An empty matrix.

        Args:
            tasks: Names in the order of training.
            score_range: Lowest and highest possible score (accuracy: 0 to 1).
            chance: Score of guessing, for all tasks or by task; it tells which tasks were learnt at all.
                None, or a task that is left out: not known.

        Raises:
            HoldfastError: There is no task, two have one name, or a number is out of its range.
        """
        with reading("the accuracy matrix", "task names, a score_range and chance levels"):
            self.tasks = forms.names(tasks)
            self.score_range = forms.score_bounds(score_range)
            self.chance = forms.chance_levels(chance, self.tasks, self.score_range)
        self.cells: dict[tuple[Hashable, Hashable | None, str | None], Cell] = {}
        self.clusters: dict[Hashable, np.ndarray] = {}

    # ---- writing

    def record(
        self,
        task: Hashable,
        *,
        after: Hashable | None,
        score: float | None = None,
        examples: int | None = None,
        results: Any = None,
        segment: str | None = None,
        clusters: Any = None,
    ) -> None:
        """Writes one cell, once. `after=None` is the untrained model.

        Either `score` (with the number of `examples` behind it, where known) or `results`, the score of each test example in a fixed
        order; then `clusters` may name what each example belongs to (a user, a day). `segment` is a part of the task's test set.
        """
        self._position(task, "task")
        if after is not UNTRAINED:
            self._position(after, "after")
        where = (
            f"task {task!r} after {'nothing (untrained)' if after is UNTRAINED else repr(after)}"
            + (f", segment {segment!r}" if segment else "")
        )
        if (task, after, segment) in self.cells:
            raise HoldfastError(f"{where} is written already; each cell is written once")
        with reading(where, "a score, a number of examples and results"):
            kept = None if results is None else self._kept(task, results, segment, where)
            if kept is not None:
                score, examples = float(kept.mean()), len(kept)
            score = self._one_score(score, where)
            count = None if examples is None else forms.whole(examples, f"{where}: examples")
            named = None if clusters is None else self._clusters(task, clusters, kept, where)
        if named is not None:
            self.clusters[task] = named
        self.cells[task, after, segment] = Cell(score, count, kept)

    def _kept(self, task: Hashable, results: Any, segment: str | None, where: str) -> np.ndarray:
        """Scores of single examples, checked."""
        kept = np.asarray(results, dtype=float)
        if kept.ndim != 1 or not len(kept):
            raise HoldfastError(
                f"{where}: results must be one score for each example, got shape {kept.shape}"
            )
        if not np.isfinite(kept).all():
            raise HoldfastError(
                f"{where}: results contain NaN or infinity; leave the cell out where it was not evaluated"
            )
        others = [
            len(c.results)
            for (t, _, s), c in self.cells.items()
            if t == task and s == segment and c.results is not None
        ]
        if others and others[0] != len(kept):
            raise HoldfastError(
                f"{where}: {len(kept)} results, other rows have {others[0]}; evaluate on the same examples"
            )
        self._check_range(kept.min(), where)
        self._check_range(kept.max(), where)
        return kept

    def _one_score(self, score: Any, where: str) -> float:
        if score is None:
            raise HoldfastError(f"{where}: give a score or the results of each example")
        number = isinstance(score, int | float | np.number) and not isinstance(score, bool)
        if not number or math.isnan(score):
            raise HoldfastError(
                f"{where}: the score must be a number, got {str(score)[:50]!r}; leave the cell out where it was not evaluated"
            )
        self._check_range(float(score), where)
        return float(score)

    def _clusters(
        self, task: Hashable, clusters: Any, kept: np.ndarray | None, where: str
    ) -> np.ndarray:
        named = np.asarray(clusters)
        if kept is None or named.ndim != 1 or len(named) != len(kept):
            raise HoldfastError(f"{where}: clusters need one entry for each of the results")
        if task in self.clusters and not np.array_equal(self.clusters[task], named):
            raise HoldfastError(f"{where}: clusters differ from those given before for this task")
        return named

    def _check_range(self, score: float, where: str) -> None:
        low, high = self.score_range
        if not low <= score <= high:
            hint = (
                "; per cent? divide by 100, or set score_range"
                if high == 1 and 1 < score <= 100
                else "; set score_range for another scale"
            )
            raise HoldfastError(f"{where}: score {score:g} is outside [{low:g}, {high:g}]{hint}")

    def _position(self, name: Hashable, what: str) -> int:
        if name not in self.tasks:
            raise unknown(f"task ({what}=)", name, map(str, self.tasks))
        return self.tasks.index(name)

    # ---- reading

    @property
    def segments(self) -> dict[Hashable, list[str]]:
        """Segment names of each task that has some."""
        out: dict[Hashable, list[str]] = {}
        for task, _, segment in self.cells:
            if segment is not None and segment not in out.setdefault(task, []):
                out[task].append(segment)
        return {t: out[t] for t in self.tasks if t in out}

    def score(self, task: Hashable, *, after: Hashable | None, segment: str | None = None) -> float:
        """One score; NaN where it was not evaluated."""
        self._position(task, "task")
        if after is not UNTRAINED:
            self._position(after, "after")
        cell = self.cells.get((task, after, segment))
        return math.nan if cell is None else cell.score

    def column(self, task: Hashable, segment: str | None = None) -> np.ndarray:
        """Scores of one task (or segment) untrained and after each task, (T + 1,)."""
        return np.array(
            [self.score(task, after=a, segment=segment) for a in (UNTRAINED, *self.tasks)]
        )

    def to_array(self, orientation: str = "after-by-task", untrained: bool = True) -> np.ndarray:
        """Scores as an array, NaN where not evaluated: (T + 1, T) with the untrained row first, or (T, T) without it; or its transpose."""
        one_of("orientation", orientation, ORIENTATIONS)
        array = np.stack([self.column(t) for t in self.tasks], 1)[0 if untrained else 1 :]
        return array if orientation == "after-by-task" else array.T

    def example_counts(self) -> np.ndarray:
        """Number of examples behind each cell, (T + 1, T), NaN where not known."""
        rows = [
            [self.cells.get((t, a, None)) for t in self.tasks] for a in (UNTRAINED, *self.tasks)
        ]
        return np.array(
            [
                [math.nan if c is None or c.examples is None else c.examples for c in row]
                for row in rows
            ]
        )

    def results(self, task: Hashable) -> dict[Hashable | None, np.ndarray]:
        """Per-example scores of a task by row, where they were kept."""
        return {
            a: c.results
            for (t, a, s), c in self.cells.items()
            if t == task and s is None and c.results is not None
        }

    def segment_matrix(self, segment: str) -> "AccuracyMatrix":
        """The matrix of one segment over the tasks that have it, tasks in order."""
        having = [t for t in self.tasks if segment in self.segments.get(t, [])]
        if not having:
            raise unknown(
                "segment", segment, {s for names in self.segments.values() for s in names}
            )
        out = AccuracyMatrix(self.tasks, score_range=self.score_range)
        out.cells = {(t, a, None): c for (t, a, s), c in self.cells.items() if s == segment}
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccuracyMatrix) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"AccuracyMatrix({len(self.tasks)} tasks, {len(self.cells)} cells)"

    # ---- from and to other forms

    @classmethod
    def from_records(
        cls,
        records: Iterable[Mapping[str, Any] | tuple],
        tasks: Sequence[Hashable] | None = None,
        *,
        score_range: tuple[float, float] = (0.0, 1.0),
    ) -> "AccuracyMatrix":
        """From records with keys task, after, score, and optionally examples, segment; or (task, after, score) tuples.

        `tasks` in the order of training; by default the order in which names occur as `after`, then as `task`.

        >>> rows = [(0, 0, .97), (0, 1, .94), (0, 2, .91), (1, 1, .95), (1, 2, .93), (2, 2, .96)]
        >>> AccuracyMatrix.from_records(rows).score(0, after=2)
        0.91
        """
        with reading("the scores", "records of task, after and score"):
            rows = forms.complete(
                [
                    dict(zip(forms.COLUMNS, r, strict=False)) if isinstance(r, tuple) else dict(r)
                    for r in records
                ]
            )
            if tasks is None:
                after = [r["after"] for r in rows if r["after"] is not None]
                tasks = list(dict.fromkeys(after + [r["task"] for r in rows]))
            out = cls(tasks, score_range=score_range)
            for r in rows:
                out._take(r)
        return out

    def _take(self, r: Mapping[str, Any]) -> None:
        """Writes the cell of a record."""
        examples, segment = r.get("examples"), r.get("segment")
        self.record(
            r["task"],
            after=r["after"],
            score=None
            if r["score"] is None and r.get("results") is not None
            else forms.number(r["score"]),
            results=r.get("results"),
            clusters=r.get("clusters"),
            examples=None if forms.missing(examples) else forms.whole(examples, "examples"),
            segment=None if forms.missing(segment) else str(segment),
        )

    def to_records(self) -> list[dict[str, Any]]:
        """One dict a cell, the inverse of `from_records`."""
        out = []
        for (task, after, segment), c in self.cells.items():
            r: dict[str, Any] = {
                "task": task,
                "after": after,
                "score": c.score,
                "examples": c.examples,
                "segment": segment,
            }
            if c.results is not None:
                r["results"] = c.results.tolist()
                if task in self.clusters:
                    r["clusters"] = self.clusters[task].tolist()
            out.append(r)
        return out

    @classmethod
    def from_array(
        cls,
        array: Any,
        tasks: Sequence[Hashable] | None = None,
        *,
        orientation: str,
        untrained: bool = False,
        score_range: tuple[float, float] = (0.0, 1.0),
        examples: int | None = None,
    ) -> "AccuracyMatrix":
        """From a (T, T) array, or (T + 1, T) with `untrained=True`. `orientation` has no default: papers differ.

        NaN is "not evaluated".

        >>> AccuracyMatrix.from_array([[.9, .1], [.8, .7]], orientation="after-by-task").score(0, after=1)
        0.8
        """
        one_of("orientation", orientation, ORIENTATIONS)
        with reading("the array", "numbers of shape (T, T)"):
            a = np.asarray(array, dtype=float)
        a = a if orientation == "after-by-task" else a.T
        if a.ndim != 2 or a.shape[0] != a.shape[1] + untrained:
            expected = "(T + 1, T) with the untrained row" if untrained else "(T, T)"
            raise HoldfastError(f"expected an array of shape {expected}, got {a.shape}")
        names = list(range(a.shape[1])) if tasks is None else list(tasks)
        if len(names) != a.shape[1]:
            raise HoldfastError(f"{a.shape[1]} columns but {len(names)} task names")
        out = cls(names, score_range=score_range)
        rows = ([UNTRAINED] if untrained else []) + names
        for i, after in enumerate(rows):
            for j, task in enumerate(names):
                if not np.isnan(a[i, j]):
                    out.record(task, after=after, score=float(a[i, j]), examples=examples)
        return out

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        out = {
            "format": FORMAT,
            "tasks": list(self.tasks),
            "score_range": list(self.score_range),
            "cells": self.to_records(),
        }
        if self.chance:
            out["chance"] = [self.chance.get(t) for t in self.tasks]
        return out

    @classmethod
    def from_json(cls, value: "str | Path | Mapping[str, Any]") -> "AccuracyMatrix":
        """From what `to_json` gave: the dict, JSON text, or a file's path."""
        what = f"matrix {value}" if isinstance(value, Path) else "the accuracy matrix"
        with reading(what, "JSON of an accuracy matrix"):
            data = forms.json_matrix(value)
            if data.get("format", FORMAT) != FORMAT:
                raise HoldfastError(
                    f"matrix format {str(data['format'])[:50]} is not known; this version reads {FORMAT}"
                )
            tasks = [forms.task_name(t) for t in data["tasks"]]
            out = cls.from_records(
                data["cells"], tasks, score_range=data.get("score_range", (0.0, 1.0))
            )
            if data.get("chance") is not None:
                levels = dict(zip(out.tasks, data["chance"], strict=True))
                out.chance = forms.chance_levels(levels, out.tasks, out.score_range)
            return out

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        tasks: Sequence[Hashable] | None = None,
        *,
        score_range: tuple[float, float] = (0.0, 1.0),
    ) -> "AccuracyMatrix":
        """From a CSV file with columns task, after, score (and examples, segment); an empty `after` is the untrained model."""
        with reading(str(path), "CSV of task, after and score"):
            return cls.from_records(forms.csv_records(Path(path)), tasks, score_range=score_range)

    def to_csv(self, path: str | Path) -> None:
        """Writes the columns that `from_csv` reads."""
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(forms.COLUMNS)
        for r in self.to_records():
            writer.writerow(["" if r[k] is None else r[k] for k in forms.COLUMNS])
        write_text(Path(path), out.getvalue())

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame",
        tasks: Sequence[Hashable] | None = None,
        *,
        score_range: tuple[float, float] = (0.0, 1.0),
    ) -> "AccuracyMatrix":
        """From a DataFrame with columns task, after, score (and examples, segment)."""
        return cls.from_records(frame.to_dict("records"), tasks, score_range=score_range)  # type: ignore[arg-type]

    def to_frame(self) -> "pd.DataFrame":
        """One row a cell: task, after, score, examples, segment."""
        import pandas as pd

        return pd.DataFrame(
            self.to_records(), columns=["task", "after", "score", "examples", "segment"]
        )
