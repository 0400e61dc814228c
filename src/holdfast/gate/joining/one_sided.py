"""What only one side was tested on: examples, tasks, segments and classes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.joining.answers import BothAnswers
from holdfast.gate.joining.comparison import Key
from holdfast.gate.joining.grouping import groups
from holdfast.gate.joining.matching import MatchedRows, MatchedSide, codes_of
from holdfast.gate.measures import Answers, Measure, Unmeasurable
from holdfast.gate.names import apart, refuse_lookalikes

MOST_CLASSES = 1000  # labels of a task up to which they are classes; more are rather ids


@dataclass(frozen=True)
class OneSidedExamples:
    """The examples of shared tasks that only one side has.

    Attributes:
        counts: Their number, by task.
        strangers: By task, an id that only the champion has and one that only the candidate has.
            Each is empty if there is none.
        thinned: Tasks in which the candidate lacks examples of the champion.
    """

    counts: dict[str, int]
    strangers: dict[str, tuple[str, str]]
    thinned: frozenset[str]


def one_sided_examples(both: MatchedRows) -> OneSidedExamples:
    """Find the examples of shared tasks that only one side has.

    Raises:
        HoldfastError: A shared task has no example in common, or ids differ only in what nobody
            sees.
    """
    champion_ids = _unmatched_ids(both.champion, both.shared)
    candidate_ids = _unmatched_ids(both.candidate, both.shared)
    counts: dict[str, int] = {}
    strangers: dict[str, tuple[str, str]] = {}
    for task in sorted(champion_ids.keys() | candidate_ids.keys()):
        name = both.names[task]
        only_champion = champion_ids.get(task, [])
        only_candidate = candidate_ids.get(task, [])
        # Ids that look the same are a mistake of the export, and not other examples.
        what = f"task {apart(name)}: example id"
        refuse_lookalikes(what, only_champion, only_candidate, can_be_repaired=True)
        counts[name] = len(only_champion) + len(only_candidate)
        strangers[name] = (_first(only_champion), _first(only_candidate))
    _refuse_disjoint_tasks(both, strangers)
    thinned = frozenset(both.names[task] for task in champion_ids)
    return OneSidedExamples(counts, strangers, thinned)


def _unmatched_ids(side: MatchedSide, shared: np.ndarray) -> dict[int, list[str]]:
    """Return the ids of rows that were not matched, by shared task."""
    alone = shared[side.task]
    alone[side.common] = False
    rows = np.flatnonzero(alone)
    if not len(rows):  # the ids of a million rows need not become Python objects then
        return {}
    ids = side.rows["example_id"].to_numpy(dtype=object)[rows]
    by_task: dict[int, list[str]] = {}
    for task, positions in groups(side.task[rows]):
        by_task[task] = [str(example) for example in ids[positions]]
    return by_task


def _refuse_disjoint_tasks(both: MatchedRows, strangers: Mapping[str, tuple[str, str]]) -> None:
    """Stop at a task that both sides were tested on, but on different examples."""
    common_examples = np.bincount(both.task.codes, minlength=len(both.names))
    disjoint = np.flatnonzero(both.shared & (common_examples == 0))
    if not len(disjoint):
        return
    name = both.names[int(disjoint[0])]
    only_champion, only_candidate = strangers[name]
    raise HoldfastError(
        f"task {apart(name)}: champion and candidate have no example id in common (only the "
        f"champion has {apart(only_champion)}, only the candidate has {apart(only_candidate)}); "
        "give both sides the ids of one test set"
    )


def _first(texts: list[str]) -> str:
    """Return the first of several texts, or an empty one if there is none."""
    return next(iter(texts), "")


def labels_without_classes(both: MatchedRows) -> dict[str, int]:
    """Find the champion's tasks with more labels than classes can have, and how many they have."""
    if "label" not in both.champion.rows:
        return {}
    # Each pair of task and label counts once, and then the labels of each task are counted.
    label = codes_of(both.champion.rows["label"])
    task_and_label = both.champion.task * len(label.values) + label.codes
    task_of_each_label = np.unique(task_and_label) // len(label.values)
    counts = np.bincount(task_of_each_label, minlength=both.champion_tasks)
    too_many = (counts > MOST_CLASSES) & both.shared[: both.champion_tasks]
    return {both.names[task]: int(counts[task]) for task in np.flatnonzero(too_many).tolist()}


class OneSide:
    """What the results of one side alone say about tasks, segments and classes.

    Args:
        both: The rows of both sides.
        answers: What both sides answered.
        measures: What the scores of each task are.
    """

    def __init__(
        self, both: MatchedRows, answers: BothAnswers, measures: Mapping[str, Measure]
    ) -> None:
        self._both = both
        self._answers = answers
        self._measures = measures

    def champions_parts(self, segments: Collection[Key]) -> dict[Key, float]:
        """Return the champion's values on the tasks and segments that the candidate lacks.

        Args:
            segments: The segments with common examples.
        """
        lost = self._lost_tasks()
        parts: dict[Key, float] = {}
        for task, rows in groups(self._both.champion.task):
            if task in lost:
                name = self._both.names[task]
                parts[name, ""] = self._value(self._answers.champion, rows, name)
        return parts | self._lost_values("segment", segments)

    def champions_classes(
        self, classes: Collection[Key], without: Collection[str]
    ) -> dict[Key, float]:
        """Return the champion's values on the classes that have no example in common.

        Args:
            classes: The classes with common examples.
            without: Tasks that are not judged by class.
        """
        # A task that the candidate was not tested on at all is reported as a whole.
        lost = self._lost_values("label", classes)
        skipped = {*without, *(self._both.names[task] for task in self._lost_tasks())}
        return {key: score for key, score in lost.items() if key[0] not in skipped}

    def candidates_tasks(self) -> dict[str, tuple[float, int]]:
        """Return value and number of examples of the tasks that only the candidate has."""
        new_tasks: dict[str, tuple[float, int]] = {}
        for task, rows in groups(self._both.candidate.task):
            if task >= self._both.champion_tasks:
                name = self._both.names[task]
                value = self._value(self._answers.candidate, rows, name)
                new_tasks[name] = (value, len(rows))
        return new_tasks

    def _lost_tasks(self) -> set[int]:
        """Return the positions of the champion's tasks that the candidate was not tested on."""
        shared = self._both.shared[: self._both.champion_tasks]
        return set(np.flatnonzero(~shared).tolist())

    def _lost_values(self, column: str, shared: Collection[Key]) -> dict[Key, float]:
        """Return the champion's values by task and value of a column, without those in `shared`."""
        champion = self._both.champion
        if column not in champion.rows:
            return {}
        text = codes_of(champion.rows[column])
        task_and_value = champion.task * len(text.values) + text.codes
        lost: dict[Key, float] = {}
        for key, rows in groups(task_and_value):
            task, code = divmod(key, len(text.values))
            name = (self._both.names[task], text.values[code])
            if text.values[code] and name not in shared:  # an empty value is unknown
                lost[name] = self._value(self._answers.champion, rows, name[0])
        return lost

    def _value(self, side: Answers, rows: np.ndarray, task: str) -> float:
        """Return the value of a task's measure on some rows of one side, NaN if it has none."""
        if side.weight is not None:
            rows = rows[side.weight[rows] > 0]
        answers = replace(side.at(rows), positive=self._answers.positives.get(task))
        measure = self._measures[task]
        try:
            chosen = measure.selected(answers)
            if chosen is not None:
                answers = answers.at(chosen)
            return measure.values(answers).value
        except Unmeasurable:
            return float("nan")
