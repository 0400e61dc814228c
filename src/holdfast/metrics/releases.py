"""Transfer over a sequence of releases: each was tested on some tasks, and each task was learnt in one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Where the last of a sequence of models stands. Shares; above 0 forgetting is a loss.

    `accuracy`: ACC, the mean over the tasks it was tested on. `transfer`: BWT, the mean change of the tasks learnt before, since they were
    learnt; None where there are none. `forgetting`: what each of those lost since it was learnt.
    """

    accuracy: float
    transfer: float | None
    forgetting: dict[str, float]


def standing(rows: Sequence[Mapping[str, float]], learnt: Mapping[str, int]) -> Standing:
    """The standing of the last of `rows`: the scores of each model by task. `learnt[t]`: the row in which task t was learnt.

    With one row a task this is ACC and BWT of Lopez-Paz & Ranzato (2017).

    >>> s = standing([{"x": 0.9}, {"x": 0.8, "y": 0.7}], {"x": 0, "y": 1})
    >>> round(s.accuracy, 2), round(s.transfer, 2), round(s.forgetting["x"], 2)
    (0.75, -0.1, 0.1)
    """
    last, now = rows[-1], len(rows) - 1
    lost = {t: rows[learnt[t]][t] - score for t, score in last.items() if learnt.get(t, now) < now and t in rows[learnt[t]]}
    return Standing(sum(last.values()) / len(last), -sum(lost.values()) / len(lost) if lost else None, lost)
