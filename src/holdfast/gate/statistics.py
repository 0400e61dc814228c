"""Tests of a change against what is allowed: does the candidate lose less than that, or more?

Every test is for scores in [0, 1] and holds its level whatever their distribution is: 0 or 1, real
numbers, a few large losses among many examples without change, clusters of any sizes. A test that
estimates the spread from a few units believes that what did not happen in the sample never happens. So
no spread is estimated here. Instead each sample is completed by one more unit with the worst outcome
that is possible, and all units are weighted at random:

- One sample of differences (the same examples on both sides): the bound of Gaffke (2005) for the mean
  of bounded variables, in `tails`. For 0/1 variables it is the exact bound of Clopper and Pearson.
- Two samples of which means are known (aggregated scores): the bounds of both are combined by melding
  (Fay, Proschan and Brittain 2015), in `melding`.

Gaffke's bound is proven for special cases and not in general; no counterexample is known.
`benchmarks/gate_levels.py` measures the level of both on a grid of hard cases.

A *change* is the candidate's mean score minus the champion's, in [-1, 1]; below 0 the candidate is
worse. A *loss* is minus the change.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, sqrt

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.melding import flipped, p_difference, variance_of
from holdfast.gate.units import Key, Units
from holdfast.metrics.distributions import normal_quantile

POINTS = 33  # losses at which a p-value is looked at, at once, to find where it crosses a level
ROUNDS = 3  # each looks between two neighbours of the last


class Evidence(ABC):
    """What the scores of two models show about the change of their mean.

    Attributes:
        change: Measured change, in [-1, 1].
        examples: Number of examples; for two samples that of the smaller one.
        clusters: Number of clusters, or None if examples are independent.
        method: Name of the test.
    """

    change: float
    examples: int
    clusters: int | None = None
    method: str

    @abstractmethod
    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """P-values of several hypotheses.

        Args:
            losses: In [-1, 1], shape (G,). Below 0 they are gains.
            worse: False: of "the candidate loses `loss` or more". True: of "it loses `loss` or less".
            near: If given, values that are not near this level may be approximations.

        Returns:
            Shape (G,).
        """

    def p_loses_less(self, loss: float) -> float:
        """The p-value of "the candidate loses `loss` or more": small if it is shown to lose less.

        Args:
            loss: In [-1, 1]. Below 0 it is a gain.
        """
        return float(self.p_values(np.array([loss]), worse=False)[0])

    def p_loses_more(self, loss: float) -> float:
        """The p-value of "the candidate loses `loss` or less": small if it is shown to lose more.

        Args:
            loss: In [-1, 1]. Below 0 it is a gain.
        """
        return float(self.p_values(np.array([loss]), worse=True)[0])

    @abstractmethod
    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """How many examples would show that the candidate loses less than `limit`.

        Args:
            limit: The loss that is allowed, in (0, 1).
            alpha: Level of the test, in (0, 0.5).
            loss: The assumed true loss, below `limit`.
            power: Chance of showing it, in (0, 1).

        Returns:
            Number of examples, and of clusters (None if examples are independent).
        """

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """The changes that the two one-sided tests do not reject.

        Args:
            alpha_low: Level of the test against larger losses, whose end is the lower one.
            alpha_high: Level of the test against smaller losses, whose end is the upper one.

        Returns:
            Lower and upper end of the change, in [-1, 1].
        """

        def less(losses: np.ndarray) -> np.ndarray:
            return self.p_values(losses, worse=False, near=alpha_low)

        def more(gains: np.ndarray) -> np.ndarray:
            return self.p_values(-gains, worse=True, near=alpha_high)

        return 0.0 - _crossing(less, alpha_low), _crossing(more, alpha_high)


class Paired(Evidence):
    """Scores of both models on the same examples.

    Without clusters, examples are the independent units. With clusters (a user, a day, a document) the
    clusters are: the sum of a cluster's differences is one observation, and the unit that completes the
    sample is a cluster of the largest size there is in which everything is lost. Both tests are then
    made, and the larger p-value counts, so that naming clusters never makes a result more certain.

    Args:
        champion: Scores in [0, 1], shape (N,).
        candidate: Scores of the same examples in the same order, shape (N,).
        clusters: What each example belongs to, shape (N,), or None if examples are independent.

    Raises:
        HoldfastError: The shapes differ, there is no example, or a score is outside [0, 1].

    Example:
        >>> right = np.ones(1000)
        >>> mistakes = np.arange(1000) < 5
        >>> evidence = Paired(right, right - mistakes)
        >>> round(evidence.change, 3), round(evidence.p_loses_less(0.02), 5)
        (-0.005, 6e-05)
        >>> Paired(right, right - mistakes, np.arange(1000) // 50).p_loses_less(0.02) > 0.05
        True
    """

    def __init__(
        self, champion: np.ndarray, candidate: np.ndarray, clusters: np.ndarray | None = None
    ) -> None:
        before, after = np.asarray(champion, dtype=float), np.asarray(candidate, dtype=float)
        if before.shape != after.shape or before.ndim != 1 or not len(before):
            raise HoldfastError(
                f"paired scores need one score of each model per example, got shapes {before.shape} and {after.shape}"
            )
        if not all(bool(((scores >= 0) & (scores <= 1)).all()) for scores in (before, after)):
            raise HoldfastError(
                "scores must be numbers from 0 to 1; divide them by the largest possible score"
            )
        losses = before - after
        self.change = 0.0 - float(losses.mean())
        self.examples = len(losses)
        self._units = [Units.of_examples(losses)]
        self.method = "Gaffke 2005, paired"
        if clusters is not None:
            by_cluster = Units.of_clusters(losses, np.asarray(clusters))
            self.clusters = len(by_cluster.losses)
            if self.clusters < self.examples:
                self._units.append(by_cluster)
            self.method += f", {self.clusters} clusters"

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """See `Evidence`."""
        if worse:
            found = [units.turned.p_loses_less(-losses, near) for units in self._units]
        else:
            found = [units.p_loses_less(losses, near) for units in self._units]
        return np.max(found, axis=0)

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """See `Evidence`."""
        if len(self._units) == 1 and self._units[0].is_small:
            return _interval(self._units[0].key, alpha_low, alpha_high)
        return super().interval(alpha_low, alpha_high)

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """See `Evidence`."""
        counts = [units.needed(limit, alpha, loss, power) for units in self._units]
        if self.clusters is None:
            return counts[0], None
        per_cluster = self.examples / self.clusters
        clusters = max(counts[-1], int(np.ceil(counts[0] / per_cluster)))
        return int(np.ceil(clusters * per_cluster)), clusters


class Aggregated(Evidence):
    """Mean scores of both models, each with its number of examples, and their standard deviations if known.

    Nothing is known of which examples both models were tested on, so the samples are taken as
    independent. Of all samples with the given mean and standard deviation, the one with the largest
    share of worst scores is assumed. Without a standard deviation all scores are taken as 0 or 1, which
    is the largest spread that a mean allows.

    Args:
        champion: Mean score, standard deviation (None: unknown) and number of examples.
        candidate: The same of the candidate.

    Raises:
        HoldfastError: A mean is outside [0, 1], a deviation is negative, or there are no examples.

    Example:
        >>> round(Aggregated((0.9, None, 5000), (0.9, None, 5000)).p_loses_less(0.02), 5)
        0.00049
        >>> Aggregated((0.9, 0.05, 5000), (0.9, 0.05, 5000)).p_loses_less(0.02) < 1e-9
        True
    """

    def __init__(
        self, champion: tuple[float, float | None, int], candidate: tuple[float, float | None, int]
    ) -> None:
        for mean, deviation, count in (champion, candidate):
            if not (0 <= mean <= 1 and count >= 1 and (deviation is None or deviation >= 0)):
                raise HoldfastError(
                    "aggregated scores need a mean from 0 to 1, a standard deviation of at least 0 or none, and at "
                    f"least one example, got {(mean, deviation, count)}"
                )
        self._champion, self._candidate = champion, candidate
        self.change = candidate[0] - champion[0]
        self.examples = min(champion[2], candidate[2])
        self.method = "melded bounds (Fay et al. 2015), unpaired"

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """See `Evidence`. All values are exact."""
        if worse:
            return p_difference(flipped(self._candidate), self._champion, -losses)
        return p_difference(flipped(self._champion), self._candidate, losses)

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """See `Evidence`. Both sides grow in proportion."""
        luck = normal_quantile(power)
        (before, s1, n1), (_, s2, n2) = self._champion, self._candidate
        variances = [variance_of(m, s) for m, s, _ in (self._champion, self._candidate)]

        def passes(factor: float) -> bool:
            unlucky = loss + luck * sqrt(
                variances[0] / (n1 * factor) + variances[1] / (n2 * factor)
            )
            after = before - unlucky
            if unlucky >= limit or not 0 <= after <= 1:
                return False
            champion, candidate = (before, s1, n1 * factor), (after, s2, n2 * factor)
            return bool(p_difference(flipped(champion), candidate, np.array(limit)) <= alpha)

        high = 1.0
        while not passes(high) and high < 1e9:
            high *= 2
        while high > 1e-6 and passes(high / 2):
            high /= 2
        low = high / 2
        for _ in range(20):
            middle = sqrt(low * high)
            low, high = (low, middle) if passes(middle) else (middle, high)
        return int(np.ceil(high * min(n1, n2))), None


@dataclass(frozen=True)
class Corrected:
    """One of several hypotheses after Holm's correction: whether it is rejected, and the level it was tested at."""

    rejected: bool
    level: float
    p: float  # corrected: the smallest level of the whole family at which it would be rejected


def holm(p_values: Sequence[float], alpha: float) -> list[Corrected]:
    """Test several hypotheses so that the chance of any false rejection is at most `alpha` (Holm 1979).

    Args:
        p_values: One p-value per hypothesis.
        alpha: Level of the whole family, in (0, 1).

    Returns:
        One result per hypothesis, in the order given.

    Example:
        >>> [h.rejected for h in holm([0.04, 0.001, 0.02], 0.05)]
        [True, True, True]
        >>> [round(h.p, 3) for h in holm([0.04, 0.03, 0.2], 0.05)]
        [0.09, 0.09, 0.2]
    """
    m = len(p_values)
    out: dict[int, Corrected] = {}
    going, largest, level = True, 0.0, alpha
    for rank, i in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (m - rank) * p_values[i]))
        if going:  # after the first that is kept, the others keep its level
            level = alpha / (m - rank)
        going = going and p_values[i] <= level
        out[i] = Corrected(going, level, largest)
    return [out[i] for i in range(m)]


@lru_cache(maxsize=10_000)
def _interval(key: Key, alpha_low: float, alpha_high: float) -> tuple[float, float]:
    """Small segments are often alike, so their intervals are kept."""
    units = Units.from_key(key)
    most = _crossing(lambda x: units.p_loses_less(x, alpha_low), alpha_low)
    least = _crossing(lambda x: units.turned.p_loses_less(x, alpha_high), alpha_high)
    return 0.0 - most, least


def _crossing(p_values: Callable[[np.ndarray], np.ndarray], alpha: float) -> float:
    """The loss from which on a p-value, which falls with the loss, is at most `alpha`; 1 if it never is."""
    low, high = -1.0, 1.0
    for _ in range(ROUNDS):
        losses = np.linspace(low, high, POINTS)
        rejected = p_values(losses) <= alpha
        if not bool(rejected.any()):
            return 1.0
        first = int(rejected.argmax())
        if first == 0:
            return low
        low, high = float(losses[first - 1]), float(losses[first])
    # Between two close neighbours the normal quantile of the p-value is a straight line.
    start, end = (-normal_quantile(float(p)) for p in p_values(np.array([low, high])))
    goal = -normal_quantile(alpha)
    if not (isfinite(start) and isfinite(end)) or end <= start:
        return high
    part = (goal - start) / (end - start)
    return low + float(np.clip(part, 0.0, 1.0)) * (high - low)
