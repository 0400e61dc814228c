"""Joined rows, sorted once and cut by position into tasks, segments and classes.

One sort costs the same for many small groups as for few large ones.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from holdfast.gate.joining.comparison import SCORE, Key, Pair
from holdfast.gate.measures import Answers, Measure, Unmeasurable, Values


@dataclass(frozen=True)
class TextColumn:
    """A column of text.

    Attributes:
        codes: Position in `values` of the text of each row, shape (N,).
        values: The distinct texts. An empty text stands for an unknown value.
    """

    codes: np.ndarray
    values: list[str]


def groups(keys: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each value of an array with the positions at which it stands, in order of the values.

    >>> [(value, rows.tolist()) for value, rows in groups(np.array([4, 2, 4]))]
    [(2, [1]), (4, [0, 2])]
    """
    if not len(keys):
        return
    # Equal keys stand together after the sort, and a stable one keeps the order of their rows.
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]]
    starts = np.flatnonzero(is_first).tolist()
    ends = [*starts[1:], len(keys)]
    for start, end in zip(starts, ends, strict=True):
        yield int(ordered[start]), order[start:end]


class JoinedAnswers:
    """The answers of both sides on the same examples, to be cut into pairs.

    Args:
        champion: Answers of the champion, on N examples.
        candidate: Answers of the candidate on the same examples.
        cluster: The cluster of each example, shape (N,), or None if there are none.
        task: The task of each example.
        measures: What the scores of each task are.
        positives: By task with two classes, the position of the positive one.
    """

    def __init__(
        self,
        champion: Answers,
        candidate: Answers,
        cluster: np.ndarray | None,
        task: TextColumn,
        measures: Mapping[str, Measure],
        positives: Mapping[str, int],
    ) -> None:
        self.champion = champion
        self.candidate = candidate
        self.cluster = cluster
        self.task = task
        self.measures = measures
        self.positives = positives
        self._plain_scores = _plain_scores(champion, candidate)

    def pair(self, rows: np.ndarray, task: str) -> Pair:
        """Return the scores at these joined rows, which are all of one task."""
        measure = self.measures[task]
        # There may be very many segments, and most often they have plain scores.
        if measure is SCORE and self._plain_scores is not None:
            return self._plain_pair(rows, *self._plain_scores)
        positive = self.positives.get(task)
        if self.champion.weight is not None:
            # An example without weight is as good as none, also for the count of a class.
            rows = rows[self.champion.weight[rows] > 0]
        chosen = measure.selected(replace(self.champion.at(rows), positive=positive))
        if chosen is not None:
            rows = rows[chosen]
        cluster = None
        if self.cluster is not None:
            cluster = self.cluster[rows]
        sides: list[Values] = []
        for side in (self.champion, self.candidate):
            try:
                sides.append(measure.values(replace(side.at(rows), positive=positive)))
            except Unmeasurable as problem:
                # If the champion has no value either, the candidate gains nothing by it.
                return _without_value(rows, measure, str(problem), at_fault=bool(sides))
        before, after = sides
        span = None
        is_plain = measure.is_share and measure.by_example and self.champion.weight is None
        if not is_plain:
            span = max(before.highest, after.highest) - min(before.lowest, after.lowest)
        return Pair(
            before.rows,
            after.rows,
            cluster,
            rows=rows,
            measure=measure,
            values=(before.value, after.value),
            span=span,
        )

    def _plain_pair(self, rows: np.ndarray, champion: np.ndarray, candidate: np.ndarray) -> Pair:
        """Return plain scores in [0, 1] at these joined rows."""
        cluster = None
        if self.cluster is not None:
            cluster = self.cluster[rows]
        return Pair(champion[rows], candidate[rows], cluster, rows)

    def by_task(self) -> dict[str, Pair]:
        """Return the scores of each task."""
        names = self.task.values
        pairs: dict[str, Pair] = {}
        for task, rows in groups(self.task.codes):
            pairs[names[task]] = self.pair(rows, names[task])
        return pairs

    def by_part(self, column: TextColumn | None, without: Collection[str] = ()) -> dict[Key, Pair]:
        """Return the scores by task and value of a column.

        Args:
            column: The segments or labels at the joined rows, or None if there are none.
            without: Tasks that are not cut.
        """
        if column is None:
            return {}
        names = self.task.values
        # Task and value become one number, so that a single sort groups by both.
        keys = self.task.codes * len(column.values) + column.codes
        kept_rows = np.arange(len(keys))
        if without:
            skipped = [position for position, name in enumerate(names) if name in without]
            kept_rows = np.flatnonzero(~np.isin(self.task.codes, skipped))
        parts: dict[Key, Pair] = {}
        for key, rows in groups(keys[kept_rows]):
            task, code = divmod(key, len(column.values))
            # The value is unknown in a task whose results lacked the column.
            if column.values[code]:
                part = self.pair(kept_rows[rows], names[task])
                parts[names[task], column.values[code]] = part
        return parts


def _plain_scores(champion: Answers, candidate: Answers) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the plain scores of both sides, or None if some are missing or outside [0, 1]."""
    if champion.weight is not None:
        return None
    sides = []
    for side in (champion, candidate):
        scores = (side.columns or {}).get(SCORE.name)
        if scores is None or not bool(((scores >= 0) & (scores <= 1)).all()):
            return None
        sides.append(scores)
    return sides[0], sides[1]


def _without_value(rows: np.ndarray, measure: Measure, why: str, at_fault: bool) -> Pair:
    """Make the pair of examples on which a measure has no value."""
    nothing = np.full(len(rows), np.nan)
    return Pair(
        nothing,
        nothing,
        rows=rows,
        measure=measure,
        values=(np.nan, np.nan),
        untestable=why,
        candidate_at_fault=at_fault,
    )


def shares_of_tasks(parts: Mapping[Key, Pair], tasks: Mapping[str, Pair]) -> dict[Key, float]:
    """Return the share of its task's examples that each part has."""
    shares: dict[Key, float] = {}
    for (task, value), pair in parts.items():
        shares[task, value] = pair.examples / max(tasks[task].examples, 1)
    return shares
