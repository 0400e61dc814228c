"""Any metric with an interval over test examples: what it could have been on another test set.

The bounds come from random reweightings of the examples; `resampling` explains them.
"""

import copy
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.cells import Cell
from holdfast.metrics.intervals import Interval, check_confidence, without_bounds
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.resampling import Resampler

FEWEST_RESAMPLES = 100
# The largest of several noisy but equal scores is measured too high, say by B. A draw adds as much
# noise again, so that its largest score is too high by √2 B. The draws then lie (√2 − 1) B above
# the estimate, which can be seen, and √2 B above the truth, which is 2 + √2 = 3.4 times as much. On
# small test sets the highest of several scores has the least noise, so less is seen, and the bounds
# are moved by more than 3.4 times what is seen.
EXCESS = 5.0
Metric = Callable[[AccuracyMatrix], float]
ByTask = Mapping[Hashable, np.ndarray]  # for each task, one number per row that was evaluated


def example_interval(
    m: AccuracyMatrix,
    metric: Metric,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Compute any metric of a matrix with an interval over test examples or clusters of them.

    All rows of a task share the weights of a draw, so models that saw the same examples stay
    paired. A cluster that occurs in several tasks has the same weight in each of them.

    Args:
        m: A matrix that has the results of each example in every cell.
        metric: Function of a matrix, such as `backward_transfer`. It should rise or fall with each
            score, as all metrics here do.
        confidence: Probability with which the interval contains the true value, in (0, 1).
        resamples: Number of draws, at least 100. Each costs three calls of `metric`.
        seed: Seed of the draws.

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
    if resamples < FEWEST_RESAMPLES:
        raise HoldfastError(
            f"resamples must be at least {FEWEST_RESAMPLES}, got {resamples}; 1000 is usual"
        )
    _check_results(m)
    study = _Study(m, metric, Resampler(m))
    return _interval(study, confidence, resamples, seed)


def _check_results(m: AccuracyMatrix) -> None:
    """Raise an error if a cell has only a score."""
    needed = "an interval over examples needs the results of each example"
    if not m.cells:
        raise HoldfastError(f"{needed}, but the matrix is empty; record results first")
    for (task, _, segment), cell in m.cells.items():
        if segment is None and cell.results is None:
            raise HoldfastError(
                f"{needed}, but task {task!r} has a bare score; record it with results="
            )


@dataclass(frozen=True)
class _Study:
    """One metric of one matrix, to be computed with other scores in its cells.

    Args:
        m: The accuracy matrix.
        metric: Function of a matrix.
        sample: The test examples of the matrix.
    """

    m: AccuracyMatrix
    metric: Metric
    sample: Resampler

    def value(self, scores: ByTask) -> float:
        """Compute the metric with other scores, given for each task's rows."""
        low, high = self.m.score_range
        changed = copy.copy(self.m)
        changed.cells = {}
        for task, values in scores.items():
            # The weighted mean of scores may leave the range in its last bit.
            possible = np.clip(values, low, high)
            for after, score in zip(self.sample.rows[task], possible, strict=True):
                key = (task, after, None)
                changed.cells[key] = Cell(float(score), self.m.cells[key].examples)
        return self.metric(changed)

    def values(self, tables: Iterable[ByTask]) -> list[float]:
        """Compute the metric for each of several tables of scores."""
        return [self.value(scores) for scores in tables]

    def directions(self) -> ByTask:
        """Find whether the metric rises (1), falls (−1) or stays (0) with each score."""
        scores = self.sample.typical({})
        low, high = self.m.score_range
        directions = {}
        for task, values in scores.items():
            rises = []
            for row in range(len(values)):
                at_highest = self._value_with(scores, task, row, high)
                at_lowest = self._value_with(scores, task, row, low)
                rises.append(at_highest - at_lowest)
            # A metric that is not known is treated as one that stays.
            directions[task] = np.sign(np.nan_to_num(rises))
        return directions

    def _value_with(self, scores: ByTask, task: Hashable, row: int, score: float) -> float:
        """Compute the metric with a single score changed."""
        changed = scores[task].copy()
        changed[row] = score
        return float(self.value({**scores, task: changed}))

    def extreme_unit(self, directions: ByTask, sign: float) -> ByTask:
        """Find the outcome of one more unit that moves the metric most.

        Args:
            directions: The result of `directions`.
            sign: 1 to move the metric up, −1 to move it down.

        Returns:
            The outcome in each row, for the tasks that the unit is in.
        """
        scores = self.sample.typical({})
        low, high = self.m.score_range
        outcomes = {}
        for task, direction in directions.items():
            # Each score takes the end of its range that moves the metric in the direction of sign.
            extreme = np.where(direction * sign > 0, high, low)
            outcomes[task] = np.where(direction == 0, scores[task], extreme)

        def effect(unit: ByTask) -> float:
            moved = sign * self.value(self.sample.typical(unit))
            if np.isnan(moved):
                return -np.inf
            return float(moved)

        # A cluster may be in all tasks that share clusters, so the added unit is in all of them.
        units = [_only(tasks, outcomes) for tasks in self.sample.related()]
        return max(units, key=effect)


def _only(tasks: Iterable[Hashable], outcomes: ByTask) -> ByTask:
    """Keep the outcomes of some tasks."""
    return {task: outcomes[task] for task in tasks}


def _interval(study: _Study, confidence: float, resamples: int, seed: int) -> Interval:
    """Compute the interval, or the reason why there is none."""
    sample = study.sample
    estimate = float(study.metric(study.m))

    def no_interval(reason: str) -> Interval:
        return without_bounds(estimate, confidence, sample.varies, sample.number, reason)

    if np.isnan(estimate):
        return no_interval("the metric is not known here: a cell that it needs was not evaluated")
    directions = study.directions()
    for task, signs in directions.items():
        # The number of units of a task does not matter if the metric does not read it.
        if signs.any() and sample.units[task].number < 2:
            kind = "cluster" if task in study.m.clusters else "example"
            return no_interval(
                f"task {task!r} has one {kind}, which shows no spread; at least two are needed"
            )
    # Three ways to complete the sample: not at all, with the worst unit, and with the best.
    worst = study.extreme_unit(directions, -1.0)
    best = study.extreme_unit(directions, 1.0)
    draws = sample.draws(({}, worst, best), resamples, seed)
    drawn = np.array([study.values(draw) for draw in draws])  # (resamples, 3)
    undefined = int(np.isnan(drawn).any(1).sum())
    if undefined:
        return no_interval(f"the metric is not defined in {undefined} of {resamples} draws")
    low, high = _bounds(drawn, estimate, confidence)
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        varies=sample.varies,
        n=sample.number,
    )


def _bounds(drawn: np.ndarray, estimate: float, confidence: float) -> tuple[float, float]:
    """Compute the bounds from the metric in each draw, (resamples, 3)."""
    plain, with_worst, with_best = drawn.T
    tail = (1 - confidence) / 2
    low = float(np.quantile(with_worst, tail))
    high = float(np.quantile(with_best, 1 - tail))
    # A metric with a maximum is biased. Only a bias that exceeds chance in these draws counts.
    bias = float(plain.mean()) - estimate
    if abs(bias) > 3 * float(plain.std()) / len(plain) ** 0.5:
        low -= EXCESS * max(bias, 0.0)
        high -= EXCESS * min(bias, 0.0)
    return low, high
