"""Transfer over a sequence of releases, each of which was tested on some of the tasks.

The accuracy matrix needs one model per task. A release may learn no task or several, and it need
not be tested on all. Therefore each task has a baseline here instead: its score when it was learnt.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Standing:
    """How a release compares with those before it.

    Args:
        accuracy: ACC, the mean score over the tasks on which the release was tested.
        transfer: BWT, the mean change of earlier tasks since they were learnt. A change is the new
            score minus the old one, so a loss is below 0. None if there is no earlier task.
        forgetting: The drop of each earlier task since it was learnt: the old score minus the new
            one, so a loss is above 0.
        segments: The same drop by segment, under the key "task/segment". Only a ledger knows it.
    """

    accuracy: float
    transfer: float | None
    forgetting: dict[str, float]
    segments: dict[str, float] = field(default_factory=dict)


def standing(rows: Sequence[Mapping[str, float]], learnt: Mapping[str, int]) -> Standing:
    """Compare the last of a sequence of models with those before it.

    With one row per task these are ACC and BWT of Lopez-Paz & Ranzato (2017).

    Args:
        rows: The scores of each model by task, the oldest model first.
        learnt: For each task, the position in `rows` of the model that learnt it.

    Returns:
        The standing of the last model.

    Example:
        >>> s = standing([{"x": 0.9}, {"x": 0.8, "y": 0.7}], {"x": 0, "y": 1})
        >>> round(s.accuracy, 2), round(s.transfer, 2), round(s.forgetting["x"], 2)
        (0.75, -0.1, 0.1)
    """
    last = len(rows) - 1
    baselines = {}
    for task, position in learnt.items():
        # What the last model has just learnt is no earlier task.
        if position < last and task in rows[position]:
            baselines[task] = rows[position][task]
    return standing_since(rows[-1], baselines)


def standing_since(
    scores: Mapping[str, float],
    baselines: Mapping[str, float],
    learning: Collection[str] = (),
) -> Standing:
    """Compare a model with given baselines.

    Args:
        scores: The model's scores by task.
        baselines: The score that each earlier task is compared with.
        learning: Tasks that this model claims to have learnt first. Because they were not learnt
            before, what they gained is no backward transfer and is left out of it. What they lost
            counts, so that no model improves its figures by such a claim.

    Returns:
        The standing of the model.

    Example:
        >>> s = standing_since({"x": 0.8, "y": 0.7}, {"x": 0.9, "y": 0.2}, learning=["y"])
        >>> round(s.transfer, 2), round(s.forgetting["y"], 2)
        (-0.1, -0.5)
    """
    # A task without a baseline was not tested before, so nothing is known of its change.
    drops = {}
    for task, score in scores.items():
        if task in baselines:
            drops[task] = baselines[task] - score
    # A gain on a task that this model claims to have learnt is learning and no backward transfer.
    counted = [drop for task, drop in drops.items() if task not in learning or drop > 0]
    transfer = None
    if counted:
        transfer = -sum(counted) / len(counted)
    accuracy = sum(scores.values()) / len(scores)
    return Standing(accuracy, transfer, drops)
