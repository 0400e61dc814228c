"""Metrics of what happens during training, between the ends of tasks: they show the stability gap.

A model may lose an old task at the start of each new one and recover by its end. The accuracy
matrix does not show this, because it is measured at the ends alone.

A(j, s) is the score on task j at step s. A minimum over noisy evaluations is biased downwards, so
evaluate on the same examples each time and look at an interval over seeds.

References:
    M. De Lange, G. van de Ven, T. Tuytelaars (2023), Continual evaluation for lifelong learning:
    identifying the stability gap. ICLR.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class Curves:
    """The scores of T tasks at S steps of training.

    Args:
        tasks: Names of the T tasks in the order of training.
        steps: The S steps at which the model was evaluated, ascending.
        scores: A(j, s), shape (S, T). NaN if not evaluated.
        ends: The last step of the training of each task, ascending, shape (T,).

    Raises:
        HoldfastError: The shapes do not fit, or steps or ends do not increase.

    Example:
        >>> c = Curves(("a", "b"), [1, 2, 3], [[.9, np.nan], [.4, .5], [.7, .9]], [1, 3])
        >>> min_acc(c), worst_case_accuracy(c), round(average_anytime_accuracy(c), 4)
        (0.4, 0.65, 0.7167)
    """

    tasks: Sequence[Hashable]
    steps: Sequence[float]
    scores: Sequence[Sequence[float]]
    ends: Sequence[float]

    def __post_init__(self) -> None:
        shape = np.asarray(self.scores, dtype=float).shape
        expected = (len(self.steps), len(self.tasks))
        if shape != expected or len(self.ends) != len(self.tasks):
            raise HoldfastError(
                f"expected scores of shape (steps, tasks) = {expected} and one end per task, "
                f"got shape {shape} and {len(self.ends)} ends"
            )
        if (np.diff(self.steps) <= 0).any() or (np.diff(self.ends) <= 0).any():
            raise HoldfastError(
                "steps and ends must increase; give them in the order of training, each once"
            )

    def array(self) -> np.ndarray:
        """Return the scores as an array, shape (S, T)."""
        return np.asarray(self.scores, dtype=float)

    def current(self, now: float) -> int:
        """Return the index of the task that is in training at step `now`."""
        # After the last end it is still the last task.
        index = int(np.searchsorted(self.ends, now, side="left"))
        return min(index, len(self.tasks) - 1)

    def until(self, now: float | None) -> float:
        """Return `now`, or the last step if it is None."""
        if now is None:
            return self.steps[-1]
        return now


def min_acc(c: Curves, now: float | None = None) -> float:
    """Compute the mean of the lowest scores that earlier tasks have had since they were learnt.

    min-ACC_i(now) = 1/(i−1) Σ_{j<i} min over steps end_j < s ≤ now of A(j, s), with i the task in
    training at step `now`.

    Args:
        c: The scores during training.
        now: The step up to which scores count. By default the last one.

    Returns:
        The mean over earlier tasks, in units of the score. NaN during the first task, and if an
        earlier task was not evaluated after its training.

    Example:
        >>> c = Curves(("a", "b"), [1, 2, 3], [[.9, np.nan], [.4, .5], [.7, .9]], [1, 3])
        >>> min_acc(c)
        0.4

    References:
        M. De Lange, G. van de Ven, T. Tuytelaars (2023), Continual evaluation for lifelong
        learning: identifying the stability gap. ICLR.
    """
    now = c.until(now)
    scores = c.array()
    steps = np.asarray(c.steps)
    lowest = []
    for j in range(c.current(now)):
        # The step at which the training of task j ended does not count: nothing was forgotten yet.
        since_learnt = scores[(steps > c.ends[j]) & (steps <= now), j]
        evaluated = since_learnt[~np.isnan(since_learnt)]
        # The mean is not known if the score of one task is not.
        if not len(evaluated):
            return math.nan
        lowest.append(float(evaluated.min()))
    if not lowest:
        return math.nan
    return float(np.mean(lowest))


def worst_case_accuracy(c: Curves, now: float | None = None) -> float:
    """Compute WC-ACC: the current task's score, averaged with the lowest scores of earlier tasks.

    WC-ACC = A(i, now)/i + (1 − 1/i) min-ACC_i(now), and A(1, now) for i = 1, with i the task in
    training at step `now`.

    Args:
        c: The scores during training.
        now: The step at which it is computed. By default the last one.

    Returns:
        WC-ACC, in units of the score. NaN if a score that it needs was not evaluated.

    Example:
        >>> c = Curves(("a", "b"), [1, 2, 3], [[.9, np.nan], [.4, .5], [.7, .9]], [1, 3])
        >>> worst_case_accuracy(c)
        0.65

    References:
        M. De Lange, G. van de Ven, T. Tuytelaars (2023), Continual evaluation for lifelong
        learning: identifying the stability gap. ICLR.
    """
    now = c.until(now)
    i = c.current(now)
    evaluations = np.flatnonzero(np.asarray(c.steps) <= now)
    if not len(evaluations):
        return math.nan
    # The newest evaluation at or before `now` counts as the current one.
    current_score = float(c.array()[evaluations[-1], i])
    if i == 0:
        return current_score
    # i counts from 0 here and from 1 in the formula.
    return current_score / (i + 1) + (1 - 1 / (i + 1)) * min_acc(c, now)


def windowed_forgetting(c: Curves, window: float) -> float:
    """Compute WF^w: the largest drop within a window of steps, averaged over tasks.

    For each task it is the largest A(j, s) − A(j, s') with s < s' and s' − s < w.

    Args:
        c: The scores during training.
        window: Length w of the window in steps.

    Returns:
        The mean over tasks that were evaluated, at least 0. NaN if there are none.

    Example:
        >>> windowed_forgetting(Curves(("a",), [1, 2, 3], [[.9], [.5], [.8]], [3]), 2)
        0.4

    References:
        M. De Lange, G. van de Ven, T. Tuytelaars (2023), Continual evaluation for lifelong
        learning: identifying the stability gap. ICLR.
    """
    return _windowed(c, window, -1.0)


def windowed_plasticity(c: Curves, window: float) -> float:
    """Compute WP^w: the largest rise within a window of steps, averaged over tasks.

    For each task it is the largest A(j, s') − A(j, s) with s < s' and s' − s < w.

    Args:
        c: The scores during training.
        window: Length w of the window in steps.

    Returns:
        The mean over tasks that were evaluated, at least 0. NaN if there are none.

    Example:
        >>> windowed_plasticity(Curves(("a",), [1, 2, 3], [[.9], [.5], [.8]], [3]), 2)
        0.3

    References:
        M. De Lange, G. van de Ven, T. Tuytelaars (2023), Continual evaluation for lifelong
        learning: identifying the stability gap. ICLR.
    """
    return _windowed(c, window, 1.0)


def _windowed(c: Curves, window: float, sign: float) -> float:
    """Average the largest change in the direction of `sign` within a window over tasks."""
    # With the scores negated, a drop is a rise.
    signed = c.array() * sign
    steps = np.asarray(c.steps, dtype=float)
    largest = []
    for j in range(len(c.tasks)):
        # A task that was never evaluated is left out of the mean.
        known = ~np.isnan(signed[:, j])
        if known.any():
            largest.append(_largest_rise(signed[known, j], steps[known], window))
    if not largest:
        return math.nan
    # Rounding removes the last bits, in which 0.9 − 0.5 differs from 0.4.
    return round(float(np.mean(largest)), 12)


def _largest_rise(values: np.ndarray, steps: np.ndarray, window: float) -> float:
    """Find the largest rise from an earlier value that is less than `window` steps away."""
    largest = 0.0
    for k in range(1, len(values)):
        in_window = values[:k][steps[k] - steps[:k] < window]
        if len(in_window):
            largest = max(largest, float(values[k] - in_window.min()))
    return largest


def average_anytime_accuracy(c: Curves) -> float:
    """Compute AAA: the mean over steps of the mean score on the tasks seen so far.

    A task counts from the step at which its training begins.

    Args:
        c: The scores during training.

    Returns:
        AAA, in units of the score. NaN if a task that was seen lacks its score at a step.

    Example:
        >>> c = Curves(("a", "b"), [1, 2, 3], [[.9, np.nan], [.4, .5], [.7, .9]], [1, 3])
        >>> round(average_anytime_accuracy(c), 4)
        0.7167
    """
    scores = c.array()  # (S, T)
    by_step = []
    for row, step in zip(scores, c.steps, strict=True):
        seen = c.current(step) + 1
        by_step.append(float(np.mean(row[:seen])))
    if not by_step:
        return math.nan
    return float(np.mean(by_step))
