"""Joined rows, sorted once and cut by position into tasks, segments and classes.

One sort costs the same for many small groups as for few large ones.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.gate.joining.comparison import Key, Pair


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


class JoinedScores:
    """The scores of both sides on the same examples, to be cut into pairs.

    Args:
        champion: Scores of the champion, shape (N,).
        candidate: Scores of the candidate on the same examples, shape (N,).
        cluster: The cluster of each example, shape (N,), or None if there are none.
        task: The task of each example.
    """

    def __init__(
        self,
        champion: np.ndarray,
        candidate: np.ndarray,
        cluster: np.ndarray | None,
        task: TextColumn,
    ) -> None:
        self.champion = champion
        self.candidate = candidate
        self.cluster = cluster
        self.task = task

    def pair(self, rows: np.ndarray) -> Pair:
        """Return the scores at these joined rows."""
        cluster = None
        if self.cluster is not None:
            cluster = self.cluster[rows]
        return Pair(self.champion[rows], self.candidate[rows], cluster)

    def by_task(self) -> dict[str, Pair]:
        """Return the scores of each task."""
        names = self.task.values
        return {names[task]: self.pair(rows) for task, rows in groups(self.task.codes)}

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
                parts[names[task], column.values[code]] = self.pair(kept_rows[rows])
        return parts


def shares_of_tasks(parts: Mapping[Key, Pair], tasks: Mapping[str, Pair]) -> dict[Key, float]:
    """Return the share of its task's examples that each part has."""
    shares: dict[Key, float] = {}
    for (task, value), pair in parts.items():
        shares[task, value] = pair.examples / tasks[task].examples
    return shares
