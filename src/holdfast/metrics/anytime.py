"""Metrics of what happens between boundaries (De Lange, van de Ven & Tuytelaars 2023): they show the stability gap.

A(j, s) is the score on task j at step s. A minimum over noisy evaluations is biased low: evaluate on the same examples each time and
look at an interval over seeds.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class Curves:
    """Scores of T tasks at S steps, NaN where not evaluated. `ends[j]`: the step at which task j's training ended.

    >>> c = Curves(("a", "b"), [1, 2, 3], [[.9, np.nan], [.4, .5], [.7, .9]], [1, 3])
    >>> min_acc(c), worst_case_accuracy(c), round(average_anytime_accuracy(c), 4)
    (0.4, 0.65, 0.7167)
    """

    tasks: Sequence[Hashable]
    steps: Sequence[float]
    scores: Sequence[Sequence[float]]
    ends: Sequence[float]

    def __post_init__(self) -> None:
        a = np.asarray(self.scores, dtype=float)
        if a.shape != (len(self.steps), len(self.tasks)) or len(self.ends) != len(self.tasks):
            raise HoldfastError(
                f"expected scores of shape (steps, tasks) = ({len(self.steps)}, {len(self.tasks)}) and one end a task, "
                f"got {a.shape} and {len(self.ends)} ends"
            )
        if (np.diff(self.steps) <= 0).any() or (np.diff(self.ends) <= 0).any():
            raise HoldfastError("steps and ends must increase")

    def array(self) -> np.ndarray:
        """Scores, (S, T)."""
        return np.asarray(self.scores, dtype=float)

    def current(self, now: float) -> int:
        """Index of the task in training at step `now`."""
        return min(int(np.searchsorted(self.ends, now, side="left")), len(self.tasks) - 1)

    def until(self, now: float | None) -> float:
        """`now`, by default the last step."""
        return self.steps[-1] if now is None else now


def min_acc(c: Curves, now: float | None = None) -> float:
    """min-ACC_i(now) = 1/(i−1) Σ_{j<i} min over steps end_j < s ≤ now of A(j, s); i is the task in training. NaN during the first."""
    now = c.until(now)
    a, s, i = c.array(), np.asarray(c.steps), c.current(now)
    lows = []
    for j in range(i):
        seen = a[(s > c.ends[j]) & (s <= now), j]
        seen = seen[~np.isnan(seen)]
        lows.append(float(seen.min()) if len(seen) else float("nan"))
    return float(np.mean(lows)) if lows else float("nan")


def worst_case_accuracy(c: Curves, now: float | None = None) -> float:
    """WC-ACC = A(i, now)/i + (1 − 1/i) min-ACC_i(now), and A(1, now) for i = 1."""
    now = c.until(now)
    i = c.current(now)
    at = np.flatnonzero(np.asarray(c.steps) <= now)
    if not len(at):
        return float("nan")
    here = float(c.array()[at[-1], i])
    return here if i == 0 else here / (i + 1) + (1 - 1 / (i + 1)) * min_acc(c, now)


def windowed_forgetting(c: Curves, window: float) -> float:
    """WF^w: the largest drop A(j, s) − A(j, s') with s < s' inside a window of w steps (s' − s < w), mean over tasks.

    >>> windowed_forgetting(Curves(("a",), [1, 2, 3], [[.9], [.5], [.8]], [3]), 2)
    0.4
    """
    return _windowed(c, window, -1.0)


def windowed_plasticity(c: Curves, window: float) -> float:
    """WP^w: the largest rise inside a window of w steps, mean over tasks.

    >>> windowed_plasticity(Curves(("a",), [1, 2, 3], [[.9], [.5], [.8]], [3]), 2)
    0.3
    """
    return _windowed(c, window, 1.0)


def _windowed(c: Curves, window: float, sign: float) -> float:
    a, s = c.array() * sign, np.asarray(c.steps, dtype=float)
    largest = []
    for j in range(len(c.tasks)):
        known = ~np.isnan(a[:, j])
        values, at = a[known, j], s[known]
        if not len(values):
            continue
        gains = [0.0]
        for k in range(1, len(values)):
            inside = values[:k][at[k] - at[:k] < window]
            if len(inside):
                gains.append(float(values[k] - inside.min()))
        largest.append(max(gains))
    return round(float(np.mean(largest)), 12) if largest else float("nan")


def average_anytime_accuracy(c: Curves) -> float:
    """AAA: mean over steps of the mean over the tasks seen so far (begun by then); NaN where a seen task lacks its score."""
    a = c.array()
    rows = [float(np.mean(a[k, : c.current(s) + 1])) for k, s in enumerate(c.steps)]
    return float(np.mean(rows)) if rows else float("nan")
