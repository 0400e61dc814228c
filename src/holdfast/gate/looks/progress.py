"""How far a candidate has got in the champion's test set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.gate.joining.matching import codes_of, match_rows
from holdfast.gate.names import renaming

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Progress:
    """How far a candidate has got in the champion's test set. T tasks, R rows of the champion.

    Attributes:
        rows: The champion's rows, which are the whole planned test set.
        names: The champion's tasks.
        task: Position in `names` of each row's task, shape (R,).
        rank: Place of each row among those of its task, from 0, shape (R,).
        common: Whether the candidate has the example of each row, shape (R,).
        cluster: Number of each row's task and cluster, shape (R,). Without clusters, and where the
            cluster is unknown, every example is one of its own.
        candidate_row: The candidate's row with the same example, or -1, shape (R,).
        planned: Number of examples of each task, shape (T,).
        at_hand: How many of them the candidate has, shape (T,).
    """

    rows: "pd.DataFrame"
    names: list[str]
    task: np.ndarray
    rank: np.ndarray
    common: np.ndarray
    cluster: np.ndarray
    candidate_row: np.ndarray
    planned: np.ndarray
    at_hand: np.ndarray


def progress_of(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> Progress:
    """Find out how far a candidate has got in the champion's test set.

    Args:
        champion: The champion's rows, one per example.
        candidate: The candidate's rows.
    """
    champion_tasks = [str(task) for task in champion["task"].unique()]
    candidate_tasks = [str(task) for task in candidate["task"].unique()]
    # The join takes the tasks 1 and 1.0 for one, so the count of examples must do so, too.
    new_names = renaming(champion_tasks, candidate_tasks)
    if new_names:
        candidate = candidate.assign(task=candidate["task"].replace(new_names))
    both = match_rows(champion, candidate)
    count = both.champion_tasks
    task = both.champion.task
    candidate_row = np.full(len(champion), -1)
    candidate_row[both.champion.common] = both.candidate.common
    planned = np.bincount(task, minlength=count)

    # Sorted by task, the rows of each task are consecutive and keep their order.
    order = np.argsort(task, kind="stable")
    starts = np.cumsum(planned) - planned
    rank = np.empty(len(task), dtype=int)
    rank[order] = np.arange(len(task)) - starts[task[order]]
    return Progress(
        rows=champion,
        names=both.names[:count],
        task=task,
        rank=rank,
        common=candidate_row >= 0,
        cluster=_clusters(champion, task),
        candidate_row=candidate_row,
        planned=planned,
        at_hand=np.bincount(task[both.champion.common], minlength=count),
    )


def _clusters(champion: "pd.DataFrame", task: np.ndarray) -> np.ndarray:
    """Number the clusters of each task."""
    own = np.arange(len(champion))
    if "cluster" not in champion:
        return own
    column = codes_of(champion["cluster"])
    keys = task * len(column.values) + column.codes
    if "" in column.values:
        unknown = column.codes == column.values.index("")
        # Numbers above all others: an empty text is no cluster that examples could share.
        keys = np.where(unknown, keys.max() + 1 + own, keys)
    _, numbers = np.unique(keys, return_inverse=True)
    return numbers
