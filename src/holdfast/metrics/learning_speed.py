"""How much faster a task is learnt after others: the second meaning of forward transfer."""

import math
from collections.abc import Sequence

import numpy as np

from holdfast.errors import HoldfastError


def learning_speed_transfer(
    steps: Sequence[float],
    learner: Sequence[float],
    fresh: Sequence[float],
    threshold: float | None = None,
) -> dict[str, float]:
    """Compute how much faster a task is learnt by a trained model than by a fresh one.

    `forward_transfer` looks at the score before training. This looks at the learning curve.

    Args:
        steps: The S steps at which both models were evaluated, ascending, at least two.
        learner: Scores of the model that has learnt other tasks before, shape (S,).
        fresh: Scores of a model that has learnt nothing before, shape (S,).
        threshold: The score that counts as learnt. By default no steps are compared.

    Returns:
        `area`: the area between the curves divided by the span of steps, in units of the score;
        above 0, the learner is faster. `steps`: the steps that the learner needs to reach
        `threshold` minus those of the fresh model; below 0, the learner is faster. It is NaN if one
        of them never reaches the threshold.

    Raises:
        HoldfastError: The sequences differ in length or are too short, or steps do not increase.

    Example:
        >>> learning_speed_transfer([0, 10, 20], [.5, .9, .9], [.1, .5, .9], threshold=0.9)
        {'area': 0.3, 'steps': -10.0}
    """
    times = np.asarray(steps, dtype=float)
    learner_scores = np.asarray(learner, dtype=float)
    fresh_scores = np.asarray(fresh, dtype=float)
    same_shape = times.shape == learner_scores.shape == fresh_scores.shape
    if not same_shape or times.ndim != 1 or len(times) < 2:
        raise HoldfastError(
            "expected three sequences of one length of at least 2, "
            f"got shapes {times.shape}, {learner_scores.shape} and {fresh_scores.shape}"
        )
    if (np.diff(times) <= 0).any():
        raise HoldfastError("steps must increase; give each step once, in the order of training")
    # Divided by the span, the area does not depend on the unit of steps.
    area = float(np.trapezoid(learner_scores - fresh_scores, times) / (times[-1] - times[0]))
    fewer = math.nan
    # If one of the two never reaches the threshold, NaN minus a number stays NaN.
    if threshold is not None:
        learner_needs = _first_step(times, learner_scores, threshold)
        fresh_needs = _first_step(times, fresh_scores, threshold)
        fewer = learner_needs - fresh_needs
    # Rounding removes the last bits, in which a sum of decimal scores differs from a decimal.
    return {"area": round(area, 12), "steps": fewer}


def _first_step(steps: np.ndarray, scores: np.ndarray, threshold: float) -> float:
    """Return the first step at which the score reaches the threshold, or NaN."""
    reached = np.flatnonzero(scores >= threshold)
    if not len(reached):
        return math.nan
    return float(steps[reached[0]])
