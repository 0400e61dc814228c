"""The p-value of a difference of two means, if only their summaries are known.

A summary is a mean, a standard deviation and a number of examples. Each mean has a lower
confidence bound at every level, and over the levels these bounds form a distribution. Melding asks
how often two values that are drawn from these distributions differ by as much as the hypothesis.

References:
    M. P. Fay, M. A. Proschan, E. Brittain (2015), Combining one-sample confidence procedures for
    inference in the two-sample case. Biometrics 71(1).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import sqrt

import numpy as np

from holdfast.metrics.distributions import beta_cdf, beta_quantile, normal_cdf, normal_pdf

Sample = tuple[float, float | None, float]  # mean, standard deviation (None: unknown), examples

# An integral over a normal variable z, by the trapezoidal rule: Σ f(z_i) · φ(z_i) · Δz.
_NODES = np.linspace(-8.5, 8.5, 801)
_WEIGHTS = normal_pdf(_NODES) * (_NODES[1] - _NODES[0])
_SHARES = normal_cdf(_NODES)


def p_difference(complement: Sample, lower: Sample, difference: np.ndarray) -> np.ndarray:
    """Compute the p-value of "the first mean exceeds the second by `difference` or more".

    Args:
        complement: One minus the first mean, its standard deviation, and its number of examples.
        lower: The second mean, its standard deviation, and its number of examples.
        difference: One or several differences, in [-1, 1], shape (...).

    Returns:
        The chance that (1 - x) - y is `difference` or more, shape (...). Here x and y follow the
        distributions of the lower confidence bounds of both arguments.

    Example:
        >>> equal = p_difference((0.1, None, 5000), (0.9, None, 5000), np.array([0.02]))
        >>> equal.round(5).tolist()
        [0.00049]
    """
    wider = _Bound.of(*complement)
    narrower = _Bound.of(*lower)
    if wider.deviation < narrower.deviation:
        # The integral runs over the wider distribution, because the distribution function of the
        # narrower one is steep and would need more nodes.
        wider, narrower = narrower, wider

    # (1 - x) - y ≥ difference means x + y ≤ 1 - difference.
    largest_sum = 1 - np.asarray(difference, dtype=float)
    # The bound of a mean of 0 is always 0, so there is nothing to integrate over.
    if wider.scale == 0:
        return narrower.below(largest_sum)
    quantiles = _quantiles(wider.a, wider.b)
    inner = narrower.below(largest_sum[..., None] - wider.scale * quantiles)
    chances: np.ndarray = np.minimum(inner @ _WEIGHTS, 1.0)
    return chances


@dataclass(frozen=True)
class _Bound:
    """The distribution of a lower confidence bound over its levels: scale · Beta(a, b)."""

    scale: float
    a: float
    b: float

    @staticmethod
    def of(mean: float, deviation: float | None, count: float) -> "_Bound":
        """Take the bound of the worst sample that has this mean and deviation.

        That sample holds a share of zeros, and one value above them for all other examples:
        value = (σ² + μ²) / μ and share of zeros = σ² / (σ² + μ²).
        """
        if mean <= 0:
            return _Bound(scale=0.0, a=1.0, b=1.0)
        variance = variance_of(mean, deviation)
        zeros = variance / (variance + mean**2)
        value = (variance + mean**2) / mean
        return _Bound(scale=value, a=count * (1 - zeros), b=count * zeros + 1)

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of the bound: scale · √(ab / ((a + b)² · (a + b + 1)))."""
        total = self.a + self.b
        return self.scale * sqrt(self.a * self.b / (total**2 * (total + 1)))

    def below(self, x: np.ndarray) -> np.ndarray:
        """Compute the chance that the bound is at most x, shape of x."""
        if self.scale == 0:
            return np.where(np.asarray(x) >= 0, 1.0, 0.0)
        return beta_cdf(np.asarray(x) / self.scale, self.a, self.b)


@lru_cache(maxsize=1_000)
def _quantiles(a: float, b: float) -> np.ndarray:
    """Compute the quantiles of Beta(a, b) at the nodes of the integral."""
    return beta_quantile(_SHARES, a, b)


def variance_of(mean: float, deviation: float | None) -> float:
    """Return the variance of scores in [0, 1] with this mean.

    Args:
        mean: Mean score, in [0, 1].
        deviation: Standard deviation, or None if it is unknown. The largest possible variance,
            mean · (1 - mean), then takes its place, and it also limits a deviation that is larger.
    """
    largest = mean * (1 - mean)
    if deviation is None:
        return largest
    return min(deviation**2, largest)


def flipped(sample: Sample) -> Sample:
    """Count the scores of a sample from the other end: each score becomes 1 minus the score."""
    mean, deviation, count = sample
    return 1 - mean, deviation, count
