"""Tests of a change against what is allowed: does the candidate lose less than that, or more?

Every test is for scores in [0, 1] and holds its level whatever their distribution is: 0 or 1, real
numbers, a few large losses among many examples without change, clusters of any sizes. Where a test
assumed a spread that it had estimated from a few units, it would believe that what did not happen in
the sample never happens. So no spread is estimated here. Instead each sample is completed by one more
unit with the worst outcome that is possible, and all units are weighted at random:

- One sample of differences (the same examples on both sides): the bound of Gaffke (2005) for the mean
  of bounded variables. For 0/1 variables it is the exact bound of Clopper and Pearson.
- Two samples of which means are known (aggregated scores): the bounds of both are combined by melding
  (Fay, Proschan and Brittain 2015).

Gaffke's bound is proven for special cases and not in general; no counterexample is known.
`benchmarks/gate_levels.py` measures the level of both on a grid of hard cases.

A *change* is the candidate's mean score minus the champion's, in [-1, 1]; below 0 the candidate is
worse. A *loss* is minus the change.

References:
    N. Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the mean of a
    nonnegative variable. Mathematical Methods of Statistics 14(4).
    M. P. Fay, M. A. Proschan, E. Brittain (2015), Combining one-sample confidence procedures for
    inference in the two-sample case. Biometrics 71(1).
    R. Lugannani, S. Rice (1980), Saddle point approximation for the distribution of the sum of
    independent random variables. Advances in Applied Probability 12(2).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, log1p, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta, norm

from holdfast.errors import HoldfastError

MOST_VALUES = 4096  # distinct differences up to which each keeps its own value
CLOSE = 1e-6  # how exactly the ends of an interval are found
FEW_CHANGES = 5  # examples that changed, below which a plan assumes that more will


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
    def p_loses_less(self, loss: float) -> float:
        """The p-value of the hypothesis "the candidate loses `loss` or more".

        Args:
            loss: In [-1, 1]. Below 0 it is a gain.

        Returns:
            A small value shows that the candidate loses less than `loss`. It falls as `loss` grows.
        """

    @abstractmethod
    def p_loses_more(self, loss: float) -> float:
        """The p-value of the hypothesis "the candidate loses `loss` or less".

        Args:
            loss: In [-1, 1]. Below 0 it is a gain.

        Returns:
            A small value shows that the candidate loses more than `loss`. It grows as `loss` grows.
        """

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
        most = _crossing(self.p_loses_less, alpha_low, falling=True)
        least = _crossing(self.p_loses_more, alpha_high, falling=False)
        return 0.0 - most, 0.0 - least


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
        self._units = [_Units.of_examples(losses)]
        self.method = "Gaffke 2005, paired"
        if clusters is not None:
            by_cluster = _Units.of_clusters(losses, np.asarray(clusters))
            self.clusters = len(by_cluster.losses)
            if self.clusters < self.examples:
                self._units.append(by_cluster)
            self.method += f", {self.clusters} clusters"

    def p_loses_less(self, loss: float) -> float:
        """See `Evidence`."""
        return max(units.p_loses_less(loss) for units in self._units)

    def p_loses_more(self, loss: float) -> float:
        """See `Evidence`."""
        return max(units.p_loses_more(loss) for units in self._units)

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


@dataclass(frozen=True)
class _Units:
    """Independent units: the sum of losses in each, its size, and how often it occurs; each of shape (J,)."""

    losses: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray

    @staticmethod
    def of_examples(losses: np.ndarray) -> "_Units":
        values, counts = np.unique(losses, return_counts=True)
        if len(values) > MOST_VALUES:
            values, counts = _on_a_grid(losses, MOST_VALUES)
        return _Units(values, np.ones(len(values)), counts.astype(float))

    @staticmethod
    def of_clusters(losses: np.ndarray, clusters: np.ndarray) -> "_Units":
        if clusters.shape != losses.shape:
            raise HoldfastError(
                f"clusters need one label per example, got {clusters.shape} for {losses.shape}"
            )
        _, index = np.unique(clusters, return_inverse=True)
        sizes = np.bincount(index).astype(float)
        return _Units(np.bincount(index, losses), sizes, np.ones(len(sizes)))

    def p_loses_less(self, loss: float) -> float:
        return float(p_loses_less(self.losses, self.sizes, self.counts, loss))

    def p_loses_more(self, loss: float) -> float:
        return float(p_loses_less(-self.losses, self.sizes, self.counts, -loss))

    def needed(self, limit: float, alpha: float, loss: float, power: float) -> int:
        """Number of units like these, for `Evidence.needed`.

        At each number of units the test is made on the sample as it would be if luck were bad: the
        units as they are, weighted so that their mean is worse than the assumed one by as much as
        happens with chance 1 - power.
        """
        excess, shares = self._planned(limit, loss)
        worst = float(self.sizes.max()) * (1 - limit)
        mean = float(excess @ shares)
        spread = sqrt(float(((excess - mean) ** 2) @ shares))
        luck = float(norm.ppf(power))

        def passes(count: float) -> bool:
            target = mean + luck * spread / sqrt(count)
            if target >= min(0.0, float(excess.max())):
                return False
            unlucky = count * _tilted(excess, shares, target)
            p = gamma_tail(np.append(excess, worst), np.append(unlucky, 1.0))
            return float(p) <= alpha

        high = max(log(alpha) / log1p(-limit), 1.0)
        while not passes(high):
            high *= 2
            if high > 1e12:
                return int(1e12)
        low = high / 2
        for _ in range(20):
            middle = sqrt(low * high)
            low, high = (low, middle) if passes(middle) else (middle, high)
        return int(np.ceil(high))

    def _planned(self, limit: float, loss: float) -> tuple[np.ndarray, np.ndarray]:
        """Losses beyond the limit of the units to come, and their shares, if `loss` is the true mean.

        Their spread is that of the units at hand, and more where these are few: by as much as a
        sample's variance errs in the unlucky direction in one of five samples.
        """
        total = float(self.counts @ self.sizes)
        mean_loss = float(self.counts @ self.losses) / total
        residual = self.losses - mean_loss * self.sizes
        shares, sizes = self.counts / self.counts.sum(), self.sizes
        changed = float(self.counts[np.abs(self.losses) > 1e-9].sum())
        if (
            changed < FEW_CHANGES
        ):  # what is rare has hardly been seen: one unit more that loses, one that gains
            typical = total / float(self.counts.sum())
            extra = 1 / (float(self.counts.sum()) + 2)
            residual, sizes = (
                np.append(residual, [typical, -typical]),
                np.append(sizes, [typical, typical]),
            )
            shares = np.append(shares * (1 - 2 * extra), [extra, extra])
        variance = float((residual**2) @ shares)
        kurtosis = float((residual**4) @ shares) / max(variance**2, 1e-300)
        inflation = sqrt(
            1 + float(norm.ppf(0.8)) * sqrt(max(kurtosis - 1, 0.0) / float(self.counts.sum()))
        )
        return np.clip(residual * inflation, -sizes, sizes) + (loss - limit) * sizes, shares


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

    def p_loses_less(self, loss: float) -> float:
        """See `Evidence`."""
        return p_difference(_flipped(self._champion), self._candidate, loss)

    def p_loses_more(self, loss: float) -> float:
        """See `Evidence`."""
        return p_difference(_flipped(self._candidate), self._champion, -loss)

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """See `Evidence`. Both sides grow in proportion."""
        luck = float(norm.ppf(power))
        (before, s1, n1), (_, s2, n2) = self._champion, self._candidate
        variances = [_variance(m, s) for m, s, _ in (self._champion, self._candidate)]

        def passes(factor: float) -> bool:
            unlucky = loss + luck * sqrt(
                variances[0] / (n1 * factor) + variances[1] / (n2 * factor)
            )
            after = before - unlucky
            if unlucky >= limit or not 0 <= after <= 1:
                return False
            champion, candidate = (before, s1, n1 * factor), (after, s2, n2 * factor)
            return p_difference(_flipped(champion), candidate, limit) <= alpha

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


def p_loses_less(
    losses: np.ndarray, sizes: np.ndarray, counts: np.ndarray, loss: float
) -> np.ndarray:
    """The p-value of "the mean loss is `loss` or more" by Gaffke's bound, for one sample or many at once.

    Args:
        losses: Sum of the losses in each unit, shape (..., J); a loss per example lies in [-1, 1].
        sizes: Examples in each unit, shape (..., J) or (J,).
        counts: How often each unit occurs, shape (..., J) or (J,); 0 for units that are not there.
        loss: The loss of the hypothesis, in [-1, 1].

    Returns:
        P-values of shape (...).

    Example:
        Nothing was lost in 150 examples. The chance of that at a loss of 2 % is 0.98 ** 150 = 0.048.

        >>> round(float(p_loses_less(np.zeros(1), np.ones(1), np.array([150.0]), 0.02)), 3)
        0.049
    """
    excess = losses - loss * sizes
    there = np.broadcast_to(counts, excess.shape)
    largest = np.where(there > 0, np.broadcast_to(sizes, excess.shape), 0.0).max(-1, keepdims=True)
    completed = np.concatenate([excess, largest * (1 - loss)], axis=-1)
    return gamma_tail(completed, np.concatenate([there, np.ones_like(largest)], axis=-1))


def gamma_tail(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The chance that a sum of exponential variables with the given factors is 0 or more.

    By the saddle point approximation of Lugannani and Rice. In the cases that matter here it errs by
    less than 1 % of the chance itself, and upwards (see tests/gate/test_statistics.py).

    Args:
        values: Factors, shape (..., J).
        counts: How many exponential variables have each factor, at least 0, shape (..., J).

    Returns:
        P(Σ values · Gamma(counts) ≥ 0), shape (...).
    """
    there = counts > 0
    top = np.where(there, values, -np.inf).max(-1)
    bottom = np.where(there, values, np.inf).min(-1)
    both = (top > 0) & (bottom < 0)
    a = np.where(there & both[..., None], values, 0.0)
    # The derivative of the cumulant generating function is 0 between the reciprocals of both extremes.
    low, high = 1 / np.where(both, bottom, -1.0), 1 / np.where(both, top, 1.0)
    width, point = high - low, np.zeros(both.shape)
    for _ in range(100):
        ratio = a / (1 - point[..., None] * a)
        slope, curvature = (counts * ratio).sum(-1), (counts * ratio * ratio).sum(-1)
        high = np.where(slope > 0, point, high)
        low = np.where(slope > 0, low, point)
        step = point - slope / np.where(curvature > 0, curvature, 1.0)
        step = np.where((step > low) & (step < high), step, (low + high) / 2)
        done = np.abs(step - point) <= 1e-12 * width
        point = step
        if bool(done.all()):
            break
    p = _lugannani_rice(a, counts, point)
    certain = np.where(top >= 0, 1.0, 0.0)  # all factors have one sign
    certain = np.where((top == 0) & (bottom < 0), 0.0, certain)
    return np.where(both, p, certain)


def _lugannani_rice(a: np.ndarray, counts: np.ndarray, point: np.ndarray) -> np.ndarray:
    inner = 1 - point[..., None] * a
    cumulant = -(counts * np.log(inner)).sum(-1)
    curvature = (counts * (a / inner) ** 2).sum(-1)
    w = np.sign(point) * np.sqrt(np.maximum(-2 * cumulant, 0.0))
    u = point * np.sqrt(curvature)
    near = np.abs(w) < 1e-3  # at the mean the formula is 0/0; its limit is one of the skewness
    skewness = 2 * (counts * a**3).sum(-1) / np.maximum((counts * a**2).sum(-1), 1e-200) ** 1.5
    at_mean = 0.5 - skewness / (6 * sqrt(2 * np.pi))
    w, u = np.where(near, 1.0, w), np.where(near, 1.0, u)
    p = norm.sf(w) + norm.pdf(w) * (1 / u - 1 / w)
    return np.clip(np.where(near, at_mean, p), 0.0, 1.0)


def p_difference(
    complement: tuple[float, float | None, float],
    lower: tuple[float, float | None, float],
    difference: float,
) -> float:
    """The p-value of "the first mean exceeds the second by `difference` or more", by melding two bounds.

    Args:
        complement: One minus the first mean, its standard deviation, and its number of examples.
        lower: The second mean, its standard deviation and its number of examples.
        difference: In [-1, 1].

    Returns:
        The chance that (1 - x) - y is `difference` or more, where x and y follow the distributions
        that the lower confidence bounds of both arguments come from.
    """
    x, y = _Bound.of(*complement), _Bound.of(*lower)
    rest = 1 - difference  # x + y is at most this
    if x.deviation < y.deviation:
        x, y = (
            y,
            x,
        )  # integrate over the wider one: the other one's distribution is the steeper function
    if x.scale == 0:
        return float(y.below(np.array(rest)))
    nodes = np.linspace(-8.5, 8.5, 801)
    weights = norm.pdf(nodes) * (nodes[1] - nodes[0])
    return float(min(1.0, weights @ y.below(rest - x.quantile(norm.cdf(nodes)))))


@dataclass(frozen=True)
class _Bound:
    """The distribution of a lower confidence bound over its levels: scale · Beta(a, b)."""

    scale: float
    a: float
    b: float

    @staticmethod
    def of(mean: float, deviation: float | None, count: float) -> "_Bound":
        """Of the worst sample with this mean and deviation: a share of zeros, and one value above them."""
        if mean <= 0:
            return _Bound(0.0, 1.0, 1.0)
        variance = _variance(mean, deviation)
        zeros = variance / (variance + mean**2)
        return _Bound((variance + mean**2) / mean, count * (1 - zeros), count * zeros + 1)

    @cached_property
    def deviation(self) -> float:
        total = self.a + self.b
        return self.scale * sqrt(self.a * self.b / (total**2 * (total + 1)))

    def below(self, x: np.ndarray) -> np.ndarray:
        """The chance of being at most x."""
        if self.scale == 0:
            return np.where(np.asarray(x) >= 0, 1.0, 0.0)
        return np.asarray(
            beta.cdf(np.clip(np.asarray(x) / self.scale, 0.0, 1.0), self.a, self.b)
        ) * (np.asarray(x) >= 0)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return np.asarray(self.scale * beta.ppf(share, self.a, self.b))


def _variance(mean: float, deviation: float | None) -> float:
    """The variance; at most that of 0/1 scores with this mean, which is also taken where it is unknown."""
    largest = mean * (1 - mean)
    return largest if deviation is None else min(deviation**2, largest)


def _flipped(side: tuple[float, float | None, float]) -> tuple[float, float | None, float]:
    return 1 - side[0], side[1], side[2]


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


def _crossing(p: Callable[[float], float], alpha: float, falling: bool) -> float:
    """The loss at which a p-value crosses `alpha`; the end of [-1, 1] on the safe side if it does not."""
    goal = float(norm.isf(alpha))

    def beyond(loss: float) -> float:
        return float(np.clip(norm.isf(p(loss)), -30.0, 30.0)) - goal

    low, high = -1.0, 1.0
    if falling and beyond(high) < 0:
        return high
    if not falling and beyond(low) < 0:
        return low
    if (beyond(low) < 0) == (beyond(high) < 0):
        return low if falling else high
    return float(brentq(beyond, low, high, xtol=CLOSE))


def _tilted(values: np.ndarray, shares: np.ndarray, target: float) -> np.ndarray:
    """The shares, tilted exponentially so that the mean of the values is `target`."""
    scale = float(np.abs(values).max()) or 1.0
    scaled, goal = values / scale, target / scale
    low, high = -2000.0, 2000.0
    weights = shares
    for _ in range(80):
        tilt = (low + high) / 2
        exponent = tilt * scaled
        weights = shares * np.exp(exponent - exponent.max())
        weights /= weights.sum()
        low, high = (tilt, high) if float(weights @ scaled) < goal else (low, tilt)
    return weights


def _on_a_grid(values: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Many values as counts on a grid. Each is split between its two neighbours so that the mean stays;
    the spread can only grow, which makes the test more careful."""
    low, high = float(values.min()), float(values.max())
    grid = np.linspace(low, high, points)
    place = (values - low) / (high - low) * (points - 1)
    left = np.clip(place.astype(int), 0, points - 2)
    part = place - left
    counts = np.bincount(left, 1 - part, points) + np.bincount(left + 1, part, points)
    return grid, counts
