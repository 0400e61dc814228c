"""Transfer over a sequence of releases, each of which was tested on some tasks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Standing:
    """Where a model stands among those before it.

    Args:
        accuracy: ACC, the mean score over the tasks that it was tested on, in [0, 1].
        transfer: BWT, the mean change of the tasks that were learnt before, since they were learnt.
            A change is new minus old, so that below 0 is a loss. None if there are none.
        forgetting: By task, the drop since it was learnt: old minus new, above 0 is a loss.
        segments: The same by segment, under the key "task/segment", if a ledger tells it.
    """

    accuracy: float
    transfer: float | None
    forgetting: dict[str, float]
    segments: dict[str, float] = field(default_factory=dict)


def standing(rows: Sequence[Mapping[str, float]], learnt: Mapping[str, int]) -> Standing:
    """The standing of the last of a sequence of models.

    With one row per task this is ACC and BWT of Lopez-Paz & Ranzato (2017).

    Args:
        rows: The scores of each model by task.
        learnt: By task, the position in `rows` of the model that learnt it.

    Example:
        >>> s = standing([{"x": 0.9}, {"x": 0.8, "y": 0.7}], {"x": 0, "y": 1})
        >>> round(s.accuracy, 2), round(s.transfer, 2), round(s.forgetting["x"], 2)
        (0.75, -0.1, 0.1)
    """
    now = len(rows) - 1
    before = {t: rows[k][t] for t, k in learnt.items() if k < now and t in rows[k]}
    return standing_since(rows[-1], before)


def standing_since(
    scores: Mapping[str, float],
    baselines: Mapping[str, float],
    learning: Collection[str] = (),
) -> Standing:
    """The standing of a model whose tasks are held to given scores.

    Args:
        scores: Its scores by task.
        baselines: By task that was tested before, the score that it is compared with.
        learning: Tasks that this very model says to have learnt first. They were not learnt before,
            so what they gained is no backward transfer and is left out of it. What they lost stays
            in it, so that no model improves its figures by what it says of itself.

    Example:
        >>> s = standing_since({"x": 0.8, "y": 0.7}, {"x": 0.9, "y": 0.2}, learning=["y"])
        >>> round(s.transfer, 2), round(s.forgetting["y"], 2)
        (-0.1, -0.5)
    """
    lost = {t: baselines[t] - score for t, score in scores.items() if t in baselines}
    counted = [drop for t, drop in lost.items() if t not in learning or drop > 0]
    transfer = -sum(counted) / len(counted) if counted else None
    return Standing(sum(scores.values()) / len(scores), transfer, lost)
