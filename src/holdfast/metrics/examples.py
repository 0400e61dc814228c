"""Intervals over test examples: what these models could have scored on another test set.

All bounds come from `resampling`, which says why.
"""

import copy
from collections.abc import Callable, Hashable, Mapping

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.distributions import normal_cdf
from holdfast.metrics.intervals import NAN, Interval, check_confidence, without_bounds
from holdfast.metrics.matrix import AccuracyMatrix, Cell
from holdfast.metrics.resampling import Resampler, mean_bounds, share_bounds, units_of

# The largest of several noisy but equal scores is measured too high, say by B. A draw adds as much
# noise again, so that its largest score is too high by √2 B. The draws then lie (√2 − 1) B above
# the estimate, which can be seen, and √2 B above the truth, which is 2 + √2 = 3.4 times as much. On
# small test sets the highest of several scores has the least noise, so less is seen, and more is
# taken.
EXCESS = 5.0
Metric = Callable[[AccuracyMatrix], float]
Scores = Mapping[Hashable, np.ndarray]  # by task: one score per row that was evaluated


def transfer_interval(m: AccuracyMatrix, task: Hashable, confidence: float = 0.95) -> Interval:
    """R[T, j] − R[j, j] of one task, with an interval over test examples.

    With the results of each example the comparison is paired. The bounds are Gaffke's: they hold
    for scores of 0 and 1 and for all others within `m.score_range`, they have a width even if no
    example changed, and they are wide if there are few clusters. With counts alone the two scores
    are treated as measured on different examples, which is wider than the truth if they were not.

    Args:
        m: The matrix; `record(..., results=, clusters=)` keeps what a paired interval needs.
        task: Name of the task.
        confidence: In (0, 1).

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
    """
    check_confidence(confidence)
    last = m.tasks[-1]
    estimate, kept = m.score(task, after=last) - m.score(task, after=task), m.results(task)
    low, high = m.score_range
    if task == last:
        reason = "the last task has only just been learnt"
        return without_bounds(estimate, confidence, "examples", 0, reason)
    if task in kept and last in kept:
        clusters = m.clusters.get(task)
        units = units_of((kept[last] - kept[task])[None], clusters)
        varies = "examples" if clusters is None else "clusters"
        if units.number < 2:
            reason = f"one {varies.removesuffix('s')} shows no spread; at least two are needed"
            return without_bounds(estimate, confidence, varies, units.number, reason)
        least, most = mean_bounds(units, high - low, confidence)
        return Interval(estimate, least, most, confidence, varies, units.number)
    cells = [m.cells.get((task, after, None)) for after in (task, last)]
    sides = [((c.score - low) / (high - low), c.examples) for c in cells if c and c.examples]
    if len(sides) < 2:
        reason = "the task was not evaluated both times"
        if all(cells):
            reason = "the number of test examples is not known"
        return without_bounds(estimate, confidence, "examples", 0, reason)
    least, most = share_bounds(sides[0], sides[1], confidence)
    least, most = (high - low) * least, (high - low) * most
    number = min(count for _, count in sides)
    return Interval(estimate, least, most, confidence, "examples (unpaired)", number)


def example_interval(
    m: AccuracyMatrix,
    metric: Metric,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Any metric of the matrix, with an interval over test examples or clusters of them.

    All rows of a task share the weights of a draw, so models that saw the same examples stay
    paired. A cluster that occurs in several tasks has the same weight in each of them.

    Args:
        m: A matrix that has the results of each example in every cell.
        metric: Function of a matrix, such as `backward_transfer`. It should rise or fall with each
            score, as all metrics here do.
        confidence: In (0, 1).
        resamples: Number of draws, at least 100. Each costs three calls of `metric`.
        seed: Of the draws.

    Returns:
        The interval. Its bounds are NaN, with a `reason`, if a task that the metric reads has only
        one example or one cluster, or if the metric is NaN for the matrix itself or for a draw.

    Raises:
        HoldfastError: A cell lacks the results of its examples, or an argument is out of its range.

    Example:
        >>> from holdfast.metrics import backward_transfer
        >>> m = AccuracyMatrix(["a", "b"])
        >>> m.record("a", after="a", results=[1] * 50)
        >>> m.record("a", after="b", results=[1] * 48 + [0] * 2)
        >>> m.record("b", after="b", results=[1] * 50)
        >>> f"{example_interval(m, backward_transfer):.2f}"
        '-0.04 (-0.14 to 0.04)'
    """
    check_confidence(confidence)
    if resamples < 100:
        raise HoldfastError(f"resamples must be at least 100, got {resamples}; 1000 is usual")
    _needs_results(m)
    sample = Resampler(m)
    estimate = float(metric(m))

    def nothing(reason: str) -> Interval:
        return without_bounds(estimate, confidence, sample.varies, sample.number, reason)

    if np.isnan(estimate):
        return nothing("the metric is not known here: a cell that it needs was not evaluated")
    directions = _directions(m, metric, sample)
    for task, signs in directions.items():
        if signs.any() and sample.units[task].number < 2:
            kind = "cluster" if task in m.clusters else "example"
            why = "which shows no spread; at least two are needed"
            return nothing(f"task {task!r} has one {kind}, {why}")
    ways = ({}, *(_added(m, metric, sample, directions, sign) for sign in (-1.0, 1.0)))
    draws = sample.draws(ways, resamples, seed)
    drawn = np.array([[metric(_with(m, sample, scores)) for scores in draw] for draw in draws])
    if bad := int(np.isnan(drawn).any(1).sum()):
        return nothing(f"the metric is not defined in {bad} of {resamples} draws")
    tail = (1 - confidence) / 2
    low, high = float(np.quantile(drawn[:, 1], tail)), float(np.quantile(drawn[:, 2], 1 - tail))
    bias = float(drawn[:, 0].mean()) - estimate
    if abs(bias) > 3 * float(drawn[:, 0].std()) / resamples**0.5:  # more than chance in these draws
        low, high = low - EXCESS * max(bias, 0.0), high - EXCESS * min(bias, 0.0)
    return Interval(estimate, low, high, confidence, sample.varies, sample.number)


def _needs_results(m: AccuracyMatrix) -> None:
    bare = [t for (t, _, s), c in m.cells.items() if s is None and c.results is None]
    if bare or not m.cells:
        where = f"task {bare[0]!r} has a bare score" if bare else "the matrix is empty"
        raise HoldfastError(f"an interval over examples needs the results of each example; {where}")


def _with(m: AccuracyMatrix, sample: Resampler, scores: Scores) -> AccuracyMatrix:
    """The matrix with other scores in its cells."""
    out, bounds = copy.copy(m), m.score_range
    out.cells = {
        (t, after, None): Cell(float(score), m.cells[t, after, None].examples)
        for t, values in scores.items()
        for after, score in zip(sample.rows[t], np.clip(values, *bounds), strict=True)
    }
    return out


def _directions(m: AccuracyMatrix, metric: Metric, sample: Resampler) -> dict[Hashable, np.ndarray]:
    """Whether the metric rises (1), falls (−1) or stays (0) with each score, by task (A,)."""
    scores = sample.typical({})

    def at(task: Hashable, row: int, score: float) -> float:
        changed = scores[task].copy()
        changed[row] = score
        return float(metric(_with(m, sample, {**scores, task: changed})))

    low, high = m.score_range
    found = {}
    for t, values in scores.items():
        rises = [at(t, k, high) - at(t, k, low) for k in range(len(values))]
        found[t] = np.sign(np.nan_to_num(rises))
    return found


def _added(
    m: AccuracyMatrix,
    metric: Metric,
    sample: Resampler,
    directions: Scores,
    sign: float,
) -> dict[Hashable, np.ndarray]:
    """The outcome of one more unit that moves the metric most: up for `sign` 1, down for −1."""
    scores, (low, high) = sample.typical({}), m.score_range
    outcomes = {}
    for t, d in directions.items():
        outcomes[t] = np.where(d == 0, scores[t], np.where(d * sign > 0, high, low))
    choices = [{t: outcomes[t] for t in tasks} for tasks in sample.related()]

    def effect(added: dict[Hashable, np.ndarray]) -> float:
        moved = sign * metric(_with(m, sample, sample.typical(added)))
        return -np.inf if np.isnan(moved) else float(moved)

    return max(choices, key=effect)


def expected_worst_forgetting(m: AccuracyMatrix) -> float:
    """What `worst_forgetting` would be on average if no task had truly changed.

    This is the mean of the largest of T − 1 normal variables with mean 0. Their variances are those
    of the changes if gains and losses are equally likely: from paired results (by cluster if
    known), else from two shares with one true value. It is an estimate and has no confidence.

    Args:
        m: The matrix, with results or counts of examples.

    Returns:
        In units of the score. NaN if the examples are not known.

    Example:
        >>> scores = np.full((50, 50), 0.95)
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task", examples=200)
        >>> round(expected_worst_forgetting(m), 2)
        0.05
    """
    errors = np.array([_error_if_unchanged(m, t) for t in m.tasks[:-1]])
    if not len(errors) or np.isnan(errors).any():
        return NAN
    e = errors[errors > 0]
    if not len(e):
        return 0.0
    x = np.linspace(0, 8 * e.max(), 4001)

    def below(at: np.ndarray) -> np.ndarray:
        """P(the largest ≤ at); a task without noise is exactly 0."""
        return np.prod(normal_cdf(at[:, None] / e), 1) * (at >= 0 if len(e) < len(errors) else 1)

    return max(0.0, float(np.trapezoid(1 - below(x), x) - np.trapezoid(below(-x) * (x > 0), x)))


def _error_if_unchanged(m: AccuracyMatrix, task: Hashable) -> float:
    """Standard deviation of a task's transfer if its true value is 0; NaN if it is not known."""
    kept, last = m.results(task), m.tasks[-1]
    if task in kept and last in kept:
        units = units_of((kept[last] - kept[task])[None], m.clusters.get(task))
        return float(np.sqrt((units.totals[0] ** 2) @ units.counts) / (units.sizes @ units.counts))
    before, after = m.cells.get((task, task, None)), m.cells.get((task, last, None))
    if before is None or after is None or not before.examples or not after.examples:
        return NAN
    low, high = m.score_range
    examples = before.examples + after.examples
    pooled = (before.score * before.examples + after.score * after.examples) / examples
    variance = (pooled - low) * (high - pooled) * (1 / before.examples + 1 / after.examples)
    return float(np.sqrt(max(variance, 0.0)))
