"""What noise alone would show: the worst forgetting of a model that has forgotten nothing."""

from collections.abc import Hashable

import numpy as np

from holdfast.metrics.distributions import normal_cdf
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.units import units_of

NAN = float("nan")
FURTHEST = 8  # standard deviations up to which a normal distribution is integrated
GRID = 4001  # points of the integral


def expected_worst_forgetting(m: AccuracyMatrix) -> float:
    """Estimate what `worst_forgetting` would be on average if no task had truly changed.

    Compare the two: a worst forgetting that is not clearly larger may be noise.

    This is the mean of the largest of T − 1 normal variables with mean 0. Their variances are those
    of the changes if gains and losses are equally likely: from paired results (by cluster if
    clusters are known), or else from two shares with the same true value.

    Args:
        m: The accuracy matrix, with results or numbers of examples.

    Returns:
        The mean, in units of the score. NaN if nothing is known of the examples.

    Example:
        >>> scores = np.full((50, 50), 0.95)
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task", examples=200)
        >>> round(expected_worst_forgetting(m), 2)
        0.05
    """
    errors = np.array([_error_if_unchanged(m, task) for task in m.tasks[:-1]])
    if not len(errors) or np.isnan(errors).any():
        return NAN
    noisy = errors[errors > 0]
    if not len(noisy):
        return 0.0
    has_certain_task = len(noisy) < len(errors)

    def below(values: np.ndarray) -> np.ndarray:
        """Compute P(the largest ≤ value), in which a task without noise is exactly 0."""
        probabilities: np.ndarray = np.prod(normal_cdf(values[:, None] / noisy), 1)
        if has_certain_task:
            probabilities = probabilities * (values >= 0)
        return probabilities

    # The mean of a variable is ∫ P(X > x) dx over x > 0, less ∫ P(X ≤ −x) dx.
    x = np.linspace(0, FURTHEST * noisy.max(), GRID)
    above_zero = np.trapezoid(1 - below(x), x)
    below_zero = np.trapezoid(below(-x) * (x > 0), x)
    return max(0.0, float(above_zero - below_zero))


def _error_if_unchanged(m: AccuracyMatrix, task: Hashable) -> float:
    """Estimate the standard deviation of a task's transfer if its true value is 0."""
    last = m.tasks[-1]
    results = m.results(task)
    if task in results and last in results:
        changes = results[last] - results[task]
        units = units_of(changes[None], m.clusters.get(task))
        squares = (units.totals[0] ** 2) @ units.counts
        return float(np.sqrt(squares) / (units.sizes @ units.counts))
    before = m.cells.get((task, task, None))
    after = m.cells.get((task, last, None))
    if before is None or after is None or not before.examples or not after.examples:
        return NAN
    low, high = m.score_range
    # If nothing has changed, both scores measure one value, and their mean measures it best.
    examples = before.examples + after.examples
    pooled = (before.score * before.examples + after.score * after.examples) / examples
    # A score with this mean varies most if it is either the lowest or the highest.
    variance = (pooled - low) * (high - pooled) * (1 / before.examples + 1 / after.examples)
    return float(np.sqrt(max(variance, 0.0)))
