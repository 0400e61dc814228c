"""Rows of both sides, matched on task and example id."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.gate.joining.grouping import TextColumn
from holdfast.gate.names import canonical

if TYPE_CHECKING:
    import pandas as pd

Positions = tuple[np.ndarray, np.ndarray]  # of the same rows in the champion's and candidate's data


@dataclass(frozen=True)
class MatchedSide:
    """The rows of one side.

    Attributes:
        rows: The results, one row per example.
        task: Position in `MatchedRows.names` of the task of each row, shape (R,).
        common: Positions of the rows whose examples both sides have, shape (N,). The same example
            has the same place on both sides.
    """

    rows: "pd.DataFrame"
    task: np.ndarray
    common: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The score of every row, shape (R,)."""
        scores: np.ndarray = self.rows["score"].to_numpy(dtype=float)
        return scores


@dataclass(frozen=True)
class MatchedRows:
    """The rows of both sides. Common examples are sorted by task, in the champion's order.

    Attributes:
        champion: The champion's rows.
        candidate: The candidate's rows.
        names: The champion's tasks in their order, and then those that only the candidate has.
        champion_tasks: How many of them are the champion's.
        as_numbers: An id of the champion and one of the candidate that were matched because they
            are the same number in two forms, or None if all ids were equal.
    """

    champion: MatchedSide
    candidate: MatchedSide
    names: list[str]
    champion_tasks: int
    as_numbers: tuple[str, str] | None = None

    @property
    def task(self) -> TextColumn:
        """The task of each common example."""
        return TextColumn(self.champion.task[self.champion.common], self.names)

    @property
    def shared(self) -> np.ndarray:
        """Whether both sides were tested on each of the tasks, shape of `names`."""
        champion_rows = np.bincount(self.champion.task, minlength=len(self.names))
        candidate_rows = np.bincount(self.candidate.task, minlength=len(self.names))
        return (champion_rows > 0) & (candidate_rows > 0)


def match_rows(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> MatchedRows:
    """Match rows on task and example id.

    If some rows do not match, ids that are whole numbers are compared in every form (1 and 1.0),
    unless that would make two ids of one side equal.
    """
    import pandas as pd

    # Task and id become one number, so that one search matches both.
    champion_task, candidate_task, names = common_codes(champion["task"], candidate["task"])
    champion_id, candidate_id, ids = common_codes(champion["example_id"], candidate["example_id"])
    champion_key = champion_task * len(ids) + champion_id
    candidate_key = candidate_task * len(ids) + candidate_id
    champion_common, candidate_common = _match(champion_key, candidate_key)
    as_numbers = None

    # Only if some rows are left over is it worth while to look at the form of every id.
    if len(champion_common) < max(len(champion), len(candidate)):
        canonical_ids = np.array([canonical(text) for text in ids], dtype=object)
        code_of_id, distinct = pd.factorize(canonical_ids)
        champion_key = champion_task * len(distinct) + code_of_id[champion_id]
        candidate_key = candidate_task * len(distinct) + code_of_id[candidate_id]
        some_became_equal = len(distinct) < len(ids)
        if some_became_equal and _all_differ(champion_key) and _all_differ(candidate_key):
            champion_common, candidate_common = _match(champion_key, candidate_key)
            as_numbers = _first_difference(
                champion["example_id"], candidate["example_id"], champion_common, candidate_common
            )

    by_task = np.argsort(champion_task[champion_common], kind="stable")
    return MatchedRows(
        champion=MatchedSide(champion, champion_task, champion_common[by_task]),
        candidate=MatchedSide(candidate, candidate_task, candidate_common[by_task]),
        names=names,
        champion_tasks=int(champion_task.max()) + 1,
        as_numbers=as_numbers,
    )


def _first_difference(
    champion: "pd.Series[str]",
    candidate: "pd.Series[str]",
    champion_common: np.ndarray,
    candidate_common: np.ndarray,
) -> tuple[str, str] | None:
    """Return the first two matched ids that are written differently."""
    before = champion.to_numpy(dtype=object)[champion_common]
    after = candidate.to_numpy(dtype=object)[candidate_common]
    differing = np.flatnonzero(before != after)
    if not len(differing):
        return None
    return str(before[differing[0]]), str(after[differing[0]])


def common_codes(
    champion: "pd.Series[str]", candidate: "pd.Series[str]"
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Encode two columns as positions in one list of their values.

    Returns:
        The positions of the champion's values, those of the candidate's, and the values in order
        of their first occurrence.
    """
    import pandas as pd

    codes, values = pd.factorize(pd.concat([champion, candidate], ignore_index=True))
    texts = [str(value) for value in values.tolist()]
    return codes[: len(champion)], codes[len(champion) :], texts


def codes_of(column: "pd.Series[str]") -> TextColumn:
    """Encode one column as positions in the list of its values."""
    codes, _, values = common_codes(column, column[:0])
    return TextColumn(codes, values)


def _all_differ(keys: np.ndarray) -> bool:
    """Whether no key occurs twice."""
    return len(np.unique(keys)) == len(keys)


def _match(champion: np.ndarray, candidate: np.ndarray) -> Positions:
    """Find the positions of equal keys in two arrays of distinct keys, in the first one's order."""
    if np.array_equal(champion, candidate):  # most often, both sides have the same order
        return np.arange(len(champion)), np.arange(len(champion))
    # Look up each of the champion's keys in the sorted keys of the candidate.
    order = np.argsort(candidate, kind="stable")
    place = np.searchsorted(candidate, champion, sorter=order)
    place = np.minimum(place, len(candidate) - 1)  # keys above all others stay within the array
    hit = candidate[order[place]] == champion
    return np.flatnonzero(hit), order[place[hit]]
