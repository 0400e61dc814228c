"""Areas under the ROC curve of both sides, from labels and probabilities."""

from dataclasses import dataclass

import numpy as np

from holdfast.gate.joining.grouping import TextColumn, groups
from holdfast.gate.joining.matching import MatchedRows, MatchedSide
from holdfast.gate.names import apart
from holdfast.metrics.distributions import ranks

POSITIVE = ("1", "true", "True")  # labels that name the positive class
MOST_LISTED = 5  # tasks that a note names

Areas = dict[str, tuple[float, float]]  # areas of champion and candidate, by task


@dataclass(frozen=True)
class TwoClassTask:
    """A task whose examples have two labels.

    Attributes:
        name: The task.
        rows: Positions of its examples among the common examples.
    """

    name: str
    rows: np.ndarray


def compared_areas(both: MatchedRows, label: TextColumn | None) -> tuple[Areas, list[str]]:
    """Compute the areas under the ROC curve of both sides, for each task with two classes.

    Which class the probabilities belong to is decided once for all tasks with the same two
    classes, so that a champion that is no better than chance on one of them does not reverse the
    areas of that task.

    Args:
        both: The rows of both sides.
        label: The true labels of the common examples, or None if the champion's results have none.

    Returns:
        The areas of champion and candidate by task, and notes about areas that the champion's
        probabilities would allow, but that could not be compared.
    """
    if "probability" not in both.champion.rows:
        return {}, []
    not_compared = "The areas under the ROC curve were not compared, because the"
    if label is None:
        return {}, [f"{not_compared} champion's results have probabilities, but no column label."]
    if "probability" not in both.candidate.rows:
        return {}, [
            f"{not_compared} candidate's results have no column probability, although the "
            "champion's have one."
        ]

    tasks_by_classes, notes = _two_class_tasks(both, label)
    champion = _probabilities(both.champion)
    candidate = _probabilities(both.candidate)
    # Tasks with the same two classes share one decision on which class is the positive one.
    areas: Areas = {}
    for classes, tasks in tasks_by_classes.items():
        positive = label.codes == _positive_code(classes, tasks, label)
        areas |= _areas_of(positive, champion, candidate, tasks)
    # The order is that of the results, whatever the classes are.
    in_order = {name: areas[name] for name in both.names if name in areas}
    return in_order, notes


def _probabilities(side: MatchedSide) -> np.ndarray:
    """Return the probabilities of the common examples."""
    probabilities: np.ndarray = side.rows["probability"].to_numpy(dtype=float)[side.common]
    return probabilities


def _two_class_tasks(
    both: MatchedRows, label: TextColumn
) -> tuple[dict[tuple[int, ...], list[TwoClassTask]], list[str]]:
    """Sort the tasks by their two classes, and note the tasks that have fewer or more."""
    tasks: dict[tuple[int, ...], list[TwoClassTask]] = {}
    others: list[str] = []
    for position, rows in groups(both.task.codes):
        name = both.names[position]
        classes = tuple(np.unique(label.codes[rows]).tolist())
        if len(classes) == 2:
            tasks.setdefault(classes, []).append(TwoClassTask(name, rows))
        elif len(classes) == 1:
            others.append(f"{apart(name)} (1 class)")
        else:
            others.append(f"{apart(name)} ({len(classes):,} classes)")
    if not others:
        return tasks, []
    listed = ", ".join(others[:MOST_LISTED])
    if len(others) > MOST_LISTED:
        listed += f" and {len(others) - MOST_LISTED} more"
    note = (
        "The areas under the ROC curve were not compared for tasks that do not have two classes: "
        f"{listed}."
    )
    return tasks, [note]


def _positive_code(classes: tuple[int, ...], tasks: list[TwoClassTask], label: TextColumn) -> int:
    """Return the code of the positive one of two classes, by their examples in all these tasks."""
    names = [label.values[code] for code in classes]
    counts = []
    for code in classes:
        in_tasks = [int((label.codes[task.rows] == code).sum()) for task in tasks]
        counts.append(sum(in_tasks))
    return classes[positive_class(names, counts)]


def positive_class(classes: list[str], counts: list[int]) -> int:
    """Say which of two classes is the positive one: the one called 1 or true, or the rarer one.

    >>> positive_class(["0", "1"], [5, 90]), positive_class(["ham", "spam"], [50, 10])
    (1, 1)
    """
    # A name such as "1" or "true" is clear. Otherwise, what is looked for is usually rare.
    named = [position for position, name in enumerate(classes) if name in POSITIVE]
    if len(named) == 1:
        return named[0]
    return int(np.argmin(counts))


def _areas_of(
    positive: np.ndarray,
    champion: np.ndarray,
    candidate: np.ndarray,
    tasks: list[TwoClassTask],
) -> Areas:
    """Compute the areas of tasks with the same two classes.

    If the champion's areas are below one half on average, the probabilities are those of the other
    class, and all areas are reversed.
    """
    areas: Areas = {}
    above_half = 0.0
    for task in tasks:
        truth = positive[task.rows]
        # Larger tasks say more about which class the probabilities belong to.
        champion_area = area(truth, champion[task.rows])
        areas[task.name] = (champion_area, area(truth, candidate[task.rows]))
        above_half += (champion_area - 0.5) * len(task.rows)
    if above_half >= 0:
        return areas
    return {name: (1 - before, 1 - after) for name, (before, after) in areas.items()}


def area(positive: np.ndarray, probability: np.ndarray) -> float:
    """Compute the area under the ROC curve.

    It is the chance that a positive example gets a higher probability than a negative one. From
    the ranks r_i of all n examples, of which p are positive, it is

        AUC = (Σ r_i over the positive ones - p·(p + 1) / 2) / (p · (n - p))

    Args:
        positive: Whether each example belongs to the positive class, shape (N,). Both classes must
            occur.
        probability: The probability that a model gave to the positive class, shape (N,).

    Returns:
        The area in [0, 1]. A tie between a positive and a negative example counts half.

    References:
        Hanley & McNeil (1982), The meaning and use of the area under a ROC curve.

    Example:
        >>> area(np.array([False, True, True]), np.array([0.2, 0.2, 0.9]))
        0.75
    """
    count = int(positive.sum())
    pairs_won = ranks(probability)[positive].sum() - count * (count + 1) / 2
    return float(pairs_won / (count * (len(positive) - count)))
