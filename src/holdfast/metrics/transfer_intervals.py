"""The transfer of one task with an interval over its test examples."""

from collections.abc import Hashable

import numpy as np

from holdfast.metrics.intervals import Interval, check_confidence, without_bounds
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.resampling import mean_bounds, share_bounds
from holdfast.metrics.units import units_of


def transfer_interval(m: AccuracyMatrix, task: Hashable, confidence: float = 0.95) -> Interval:
    """Compute R[T, j] − R[j, j] of one task with an interval over test examples.

    If the results of each example are known, the comparison is paired. The bounds are Gaffke's:
    they hold for scores of 0 and 1 and for all others within `m.score_range`, they have a width
    even if no example changed, and they are wide if there are few clusters.

    If only the numbers of examples are known, the two scores are treated as measured on different
    examples. The interval is then wider than necessary if they were the same.

    Args:
        m: The accuracy matrix. `record(..., results=, clusters=)` keeps what a paired interval
            needs.
        task: Name of the task.
        confidence: Probability with which the interval contains the true value, in (0, 1).

    Returns:
        The interval. Its bounds are NaN, with a `reason`, if nothing is known of the examples or if
        there is only one of them or one cluster.

    Raises:
        HoldfastError: The task is unknown, or `confidence` is not in (0, 1).

    Example:
        >>> m = AccuracyMatrix(["a", "b"])
        >>> m.record("a", after="a", results=[1] * 50)
        >>> m.record("a", after="b", results=[1] * 48 + [0] * 2)
        >>> f"{transfer_interval(m, 'a'):.2f}"
        '-0.04 (-0.14 to 0.04)'

    References:
        N. Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the mean
        of a nonnegative variable. Mathematical Methods of Statistics 14(4).
    """
    check_confidence(confidence)
    last = m.tasks[-1]
    estimate = m.score(task, after=last) - m.score(task, after=task)
    if task == last:
        reason = "the last task has only just been learnt"
        return without_bounds(estimate, confidence, "examples", 0, reason)
    results = m.results(task)
    if task in results and last in results:
        changes = results[last] - results[task]
        return _paired(m, changes, m.clusters.get(task), estimate, confidence)
    return _unpaired(m, task, estimate, confidence)


def _paired(
    m: AccuracyMatrix,
    changes: np.ndarray,
    clusters: np.ndarray | None,
    estimate: float,
    confidence: float,
) -> Interval:
    """Make the interval from the change of each example, (N,)."""
    varies = "examples" if clusters is None else "clusters"
    # Examples of one cluster are not independent, so the cluster is what is drawn anew.
    units = units_of(changes[None], clusters)
    if units.number < 2:
        reason = f"one {varies.removesuffix('s')} shows no spread; at least two are needed"
        return without_bounds(estimate, confidence, varies, units.number, reason)
    # A change lies between minus and plus the width of the score range.
    low, high = m.score_range
    least, most = mean_bounds(units, high - low, confidence)
    return Interval(
        estimate=estimate,
        low=least,
        high=most,
        confidence=confidence,
        varies=varies,
        n=units.number,
    )


def _unpaired(
    m: AccuracyMatrix,
    task: Hashable,
    estimate: float,
    confidence: float,
) -> Interval:
    """Make the interval from two scores and the numbers of examples behind them."""
    before = m.cells.get((task, task, None))
    after = m.cells.get((task, m.tasks[-1], None))
    if before is None or after is None:
        reason = "the task was not evaluated both times"
        return without_bounds(estimate, confidence, "examples", 0, reason)
    # A score without a number of examples says nothing about its own noise.
    if not before.examples or not after.examples:
        reason = "the number of test examples is not known"
        return without_bounds(estimate, confidence, "examples", 0, reason)
    # The bounds are for shares, so the scores are moved to [0, 1] and the bounds back.
    low, high = m.score_range
    width = high - low
    first = ((before.score - low) / width, before.examples)
    second = ((after.score - low) / width, after.examples)
    least, most = share_bounds(first, second, confidence)
    return Interval(
        estimate=estimate,
        low=width * least,
        high=width * most,
        confidence=confidence,
        varies="examples (unpaired)",
        n=min(before.examples, after.examples),
    )
