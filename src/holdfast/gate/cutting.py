"""Joined rows, sorted once and cut by position into tasks, segments and classes."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from holdfast.gate.pairs import Key, Pair

Texts = tuple[np.ndarray, list[str]]  # a column as positions, (N,), in the list of its values


def groups(key: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each value of an array and its positions, in order.

    >>> [(value, rows.tolist()) for value, rows in groups(np.array([4, 2, 4]))]
    [(2, [1]), (4, [0, 2])]
    """
    if not len(key):
        return
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(key)], strict=True):
        yield int(ordered[start]), order[start:end]


class Cut:
    """Cuts joined scores into pairs.

    Args:
        scores: Scores of champion and candidate on the same examples, each of shape (N,).
        cluster: The cluster of each example, shape (N,); None if there are none.
        task: Position in `names` of the task of each example, shape (N,).
        names: Names of the tasks.
    """

    def __init__(
        self,
        scores: tuple[np.ndarray, np.ndarray],
        cluster: np.ndarray | None,
        task: np.ndarray,
        names: list[str],
    ) -> None:
        self.champion, self.candidate = scores
        self.cluster, self.task, self.names = cluster, task, names

    def pair(self, rows: np.ndarray) -> Pair:
        """The scores at these joined rows."""
        cluster = None if self.cluster is None else self.cluster[rows]
        return Pair(self.champion[rows], self.candidate[rows], cluster)

    def tasks(self) -> dict[str, Pair]:
        """The scores of each task."""
        return {self.names[task]: self.pair(rows) for task, rows in groups(self.task)}

    def parts(
        self,
        column: Texts | None,
        tasks: Mapping[str, Pair],
        without: Collection[str] = (),
    ) -> tuple[dict[Key, Pair], dict[Key, float]]:
        """By task and value of a column, the scores and their share of the task.

        Args:
            column: The column at the joined rows; None if there is none.
            tasks: The scores of each task.
            without: Tasks that are not cut.
        """
        if column is None:
            return {}, {}
        codes, values = column
        key = self.task * len(values) + codes
        kept = np.arange(len(key))
        if without:
            skipped = [k for k, name in enumerate(self.names) if name in without]
            kept = np.flatnonzero(~np.isin(self.task, skipped))
        found: dict[Key, Pair] = {}
        for value, rows in groups(key[kept]):
            task, code = divmod(value, len(values))
            if not values[code]:  # unknown, for a task whose results lacked the column
                continue
            found[self.names[task], values[code]] = self.pair(kept[rows])
        return found, {(t, v): pair.examples / tasks[t].examples for (t, v), pair in found.items()}
