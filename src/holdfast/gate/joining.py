"""Results of single examples, joined on the example and cut into tasks, segments and classes.

Everything is sorted once and cut by position, so that many small segments cost no more than few
large ones.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.cutting import Cut, Texts, groups
from holdfast.gate.names import apart, canonical, refuse_lookalikes
from holdfast.gate.pairs import Comparison, Key, Pair, Summary
from holdfast.gate.predictions import Matched, compared_areas, contradictions

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1000  # classes of a task; more are rather ids than labels
GROUPING = ("cluster", "segment", "label")


Positions = tuple[np.ndarray, np.ndarray]  # of the rows of both sides


@dataclass(frozen=True)
class _Joined:
    """Rows of both sides on the same examples, sorted by task, each in the champion's order."""

    a: "pd.DataFrame"  # the champion's rows
    b: "pd.DataFrame"  # the candidate's rows
    names: list[str]  # the champion's tasks in their order, then those that only the candidate has
    known: int  # how many of them are the champion's
    task_a: np.ndarray  # position in `names` of each row of a
    task_b: np.ndarray
    rows_a: np.ndarray  # rows of a and of b: the same example at each position
    rows_b: np.ndarray

    @property
    def sides(self) -> tuple[Matched, Matched]:
        """The rows of champion and candidate, and the positions of their common examples."""
        return (self.a, self.rows_a), (self.b, self.rows_b)

    @property
    def task(self) -> np.ndarray:
        """Position in `names` of the task of each joined row."""
        return self.task_a[self.rows_a]

    @property
    def shared(self) -> np.ndarray:
        """Whether both sides were tested on each of the tasks."""
        n = len(self.names)
        mine, theirs = np.bincount(self.task_a, minlength=n), np.bincount(self.task_b, minlength=n)
        return (mine > 0) & (theirs > 0)


def joined(a: "pd.DataFrame", b: "pd.DataFrame") -> Comparison:
    """Join the results of single examples on task and example id.

    Args:
        a: The champion's rows, from `read_side`.
        b: The candidate's rows.

    Returns:
        The comparison, without standings and names.

    Raises:
        HoldfastError: A task has no example in common, ids differ only in what nobody sees, or the
            sides disagree on the cluster, segment or label of an example.
    """
    both = _join(a, b)
    unmatched, strangers, thinned = _one_sided(both)
    cluster, segment, label = (_trusted(both, column) for column in GROUPING)
    scores = tuple(s["score"].to_numpy(dtype=float)[r] for s, r in both.sides)
    clusters = None if cluster is None else _each_its_own(*cluster)
    cut = Cut((scores[0], scores[1]), clusters, both.task, both.names)
    tasks, wide = cut.tasks(), _wide(both)
    segments, shares = cut.parts(segment, tasks)
    classes, class_shares = cut.parts(label, tasks, wide)
    only_champion, only_champion_classes = _only_champion(both, segments, classes, wide)
    areas, uncompared = compared_areas(both.sides, label, both.task, both.names)
    notes = [*_left_aside(a, b), *contradictions(both.sides), *_too_wide(wide), *uncompared]
    return Comparison(
        tasks=dict[str, Pair | Summary](tasks),
        segments=dict[Key, Pair | Summary](segments),
        classes=classes,
        shares=shares,
        class_shares=class_shares,
        only_champion=only_champion,
        only_candidate=_only_candidate(both),
        unmatched=unmatched,
        thinned=thinned,
        notes=tuple(notes),
        areas=areas,
        strangers=strangers,
        only_champion_classes=only_champion_classes,
    )


def _left_aside(a: "pd.DataFrame", b: "pd.DataFrame") -> Iterator[str]:
    """Notes about columns with which the candidate would decide how it is tested."""
    for column in GROUPING:
        if column in b and column not in a:
            what = f"The candidate's column {column} was left aside"
            yield f"{what}, because the champion's results have none."


def _too_wide(wide: Mapping[str, int]) -> Iterator[str]:
    """A note for each task that is not judged by class."""
    for task, count in wide.items():
        many = f"its labels have {count:,} values, as ids do (classes are judged up to {LARGEST:,})"
        yield f"Task {apart(task)} was not judged by class, because {many}."


# ---- joining


def _join(a: "pd.DataFrame", b: "pd.DataFrame") -> _Joined:
    """Match rows on task and id; if some do not match, try whole numbers in every form."""
    import pandas as pd

    (task_a, task_b), names = _codes(a["task"], b["task"])
    (id_a, id_b), ids = _codes(a["example_id"], b["example_id"])
    rows_a, rows_b = _match(task_a * len(ids) + id_a, task_b * len(ids) + id_b)
    if len(rows_a) < max(len(a), len(b)):
        same, plain = pd.factorize(np.array([canonical(text) for text in ids], dtype=object))
        key_a, key_b = task_a * len(plain) + same[id_a], task_b * len(plain) + same[id_b]
        if len(plain) < len(ids) and all(len(np.unique(key)) == len(key) for key in (key_a, key_b)):
            rows_a, rows_b = _match(key_a, key_b)
    order = np.argsort(task_a[rows_a], kind="stable")
    known = int(task_a.max()) + 1
    return _Joined(a, b, names, known, task_a, task_b, rows_a[order], rows_b[order])


def _codes(a: "pd.Series[Any]", b: "pd.Series[Any]") -> tuple[Positions, list[str]]:
    """Two columns as positions in one list of their values, in order of first occurrence."""
    import pandas as pd

    codes, values = pd.factorize(pd.concat([a, b], ignore_index=True))
    return (codes[: len(a)], codes[len(a) :]), [str(v) for v in values.tolist()]


def _match(key_a: np.ndarray, key_b: np.ndarray) -> Positions:
    """Where two arrays of distinct keys hold the same key, in the order of the first."""
    if np.array_equal(key_a, key_b):
        return np.arange(len(key_a)), np.arange(len(key_a))
    order = np.argsort(key_b, kind="stable")
    at = np.minimum(np.searchsorted(key_b, key_a, sorter=order), len(key_b) - 1)
    hit = key_b[order[at]] == key_a
    return np.flatnonzero(hit), order[at[hit]]


def _one_sided(both: _Joined) -> tuple[dict[str, int], dict[str, tuple[str, str]], frozenset[str]]:
    """By task, how many ids one side alone has, one of each side; and the thinned tasks."""
    left = [
        _unmatched_ids(rows, task, at, both.shared)
        for rows, task, at in (
            (both.a, both.task_a, both.rows_a),
            (both.b, both.task_b, both.rows_b),
        )
    ]
    counts: dict[str, int] = {}
    strangers: dict[str, tuple[str, str]] = {}
    for task in sorted(left[0].keys() | left[1].keys()):
        name, mine, theirs = both.names[task], left[0].get(task, []), left[1].get(task, [])
        refuse_lookalikes(f"task {apart(name)}: example id", mine, theirs)
        counts[name] = len(mine) + len(theirs)
        strangers[name] = (mine[0] if mine else "", theirs[0] if theirs else "")
    empty = np.flatnonzero(both.shared & (np.bincount(both.task, minlength=len(both.names)) == 0))
    if len(empty):
        name = both.names[int(empty[0])]
        raise HoldfastError(
            f"task {apart(name)}: champion and candidate have no example id in common"
            f"{_such_as(*strangers[name])}; give both sides the ids of one test set"
        )
    return counts, strangers, frozenset(both.names[task] for task in left[0])


def _unmatched_ids(
    rows: "pd.DataFrame",
    task: np.ndarray,
    matched: np.ndarray,
    shared: np.ndarray,
) -> dict[int, list[str]]:
    """By task of both sides, the ids of rows that were not matched."""
    alone = shared[task]
    alone[matched] = False
    at = np.flatnonzero(alone)
    ids = rows["example_id"].to_numpy(dtype=object)[at] if len(at) else np.empty(0, dtype=object)
    return {key: [str(i) for i in ids[part]] for key, part in groups(task[at])}


def _such_as(champion: str, candidate: str) -> str:
    """An example id of each side, in brackets."""
    sides = (("champion", champion), ("candidate", candidate))
    told = [f"the {side} alone has {apart(name)}" for side, name in sides if name]
    return f" ({', '.join(told)})"


def _trusted(both: _Joined, column: str) -> Texts | None:
    """A column of the champion at the joined rows; if the candidate has it too, it is equal."""
    if column not in both.a:
        return None
    mine = both.a[column].iloc[both.rows_a]
    if column not in both.b:
        (codes, _), values = _codes(mine, mine[:0])
        return codes, values
    (codes, others), values = _codes(mine, both.b[column].iloc[both.rows_b])
    if "" in values:  # the champion's value is not known, so the candidate's does not count
        others = np.where(codes == values.index(""), codes, others)
    if not np.array_equal(codes, others):
        plain = np.array([canonical(text) for text in values], dtype=object)
        differ = np.flatnonzero((codes != others) & (plain[codes] != plain[others]))
        if len(differ):
            at = int(differ[0])
            task = both.names[both.task[at]]
            example = str(both.a["example_id"].iloc[both.rows_a[at]])
            how = "has another label" if column == "label" else f"is in another {column}"
            what = f"task {apart(task)}: example {apart(example)} {how} on each side"
            one, other = apart(values[codes[at]]), apart(values[others[at]])
            told = f"{one} (champion) and {other} (candidate)"
            raise HoldfastError(f"{what}: {told}; the test set must be the same")
    return codes, values


def _each_its_own(codes: np.ndarray, values: list[str]) -> np.ndarray:
    """Clusters by number; an example whose cluster is unknown is a cluster of its own."""
    if "" not in values:
        return codes
    return np.where(codes == values.index(""), len(values) + np.arange(len(codes)), codes)


# ---- what one side alone has


def _only_champion(
    both: _Joined,
    segments: Collection[Key],
    classes: Collection[Key],
    wide: Mapping[str, int],
) -> tuple[dict[Key, float], dict[Key, float]]:
    """Mean scores of the champion's tasks and segments, and classes, that the candidate lacks."""
    score = both.a["score"].to_numpy(dtype=float)
    by_task = np.bincount(both.task_a, score) / np.bincount(both.task_a)
    gone = np.flatnonzero(~both.shared[: both.known]).tolist()
    out: dict[Key, float] = {(both.names[k], ""): float(by_task[k]) for k in gone}
    out |= _alone(both, "segment", score, segments)
    without = {*wide, *(both.names[k] for k in gone)}  # a task that is gone is told as a whole
    lost = _alone(both, "label", score, classes)
    return out, {key: mean for key, mean in lost.items() if key[0] not in without}


def _alone(
    both: _Joined,
    column: str,
    score: np.ndarray,
    shared: Collection[Key],
) -> dict[Key, float]:
    """By task and value of a column, the champion's mean score where no example is shared."""
    if column not in both.a:
        return {}
    (codes, _), values = _codes(both.a[column], both.a[column][:0])
    keys, inverse = np.unique(both.task_a * len(values) + codes, return_inverse=True)
    means = np.bincount(inverse, score) / np.bincount(inverse)
    out: dict[Key, float] = {}
    for value, mean in zip(keys.tolist(), means.tolist(), strict=True):
        task, code = divmod(value, len(values))
        if values[code] and (both.names[task], values[code]) not in shared:
            out[both.names[task], values[code]] = mean
    return out


def _wide(both: _Joined) -> dict[str, int]:
    """The champion's tasks with more labels than classes can have, and how many they have."""
    if "label" not in both.a:
        return {}
    (codes, _), values = _codes(both.a["label"], both.a["label"][:0])
    tasks = np.unique(both.task_a * len(values) + codes) // len(values)
    counts = np.bincount(tasks, minlength=both.known)
    wide = np.flatnonzero((counts > LARGEST) & both.shared[: both.known]).tolist()
    return {both.names[k]: int(counts[k]) for k in wide}


def _only_candidate(both: _Joined) -> dict[str, tuple[float, int]]:
    """Mean score and number of examples of the tasks that only the candidate was tested on."""
    score = both.b["score"].to_numpy(dtype=float)
    totals = np.bincount(both.task_b, score, minlength=len(both.names))
    counts = np.bincount(both.task_b, minlength=len(both.names))
    new = range(both.known, len(both.names))
    return {both.names[k]: (float(totals[k] / counts[k]), int(counts[k])) for k in new}
