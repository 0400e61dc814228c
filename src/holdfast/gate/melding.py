"""The p-value of a difference of two means, of which only mean, deviation and number of examples are known.

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
_NODES = np.linspace(-8.5, 8.5, 801)  # of an integral over a normal variable
_WEIGHTS = normal_pdf(_NODES) * (_NODES[1] - _NODES[0])
_SHARES = normal_cdf(_NODES)


def p_difference(complement: Sample, lower: Sample, difference: np.ndarray) -> np.ndarray:
    """The p-value of "the first mean exceeds the second by `difference` or more", by melding two bounds.

    Args:
        complement: One minus the first mean, its standard deviation, and its number of examples.
        lower: The second mean, its standard deviation and its number of examples.
        difference: One or several, in [-1, 1], shape (...).

    Returns:
        The chance that (1 - x) - y is `difference` or more, where x and y follow the distributions
        that the lower confidence bounds of both arguments come from; shape (...).
    """
    x, y = _Bound.of(*complement), _Bound.of(*lower)
    if (
        x.deviation < y.deviation
    ):  # integrate over the wider one: the other gives the steeper function
        x, y = y, x
    rest = 1 - np.asarray(difference, dtype=float)  # x + y is at most this
    if x.scale == 0:
        return y.below(rest)
    inner = y.below(rest[..., None] - x.scale * _quantiles(x.a, x.b))
    return np.minimum(inner @ _WEIGHTS, 1.0)


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
        variance = variance_of(mean, deviation)
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
        return beta_cdf(np.asarray(x) / self.scale, self.a, self.b)


@lru_cache(maxsize=1_000)
def _quantiles(a: float, b: float) -> np.ndarray:
    """The quantiles of Beta(a, b) at the nodes."""
    return beta_quantile(_SHARES, a, b)


def variance_of(mean: float, deviation: float | None) -> float:
    """The variance; at most that of 0/1 scores with this mean, which is also taken where it is unknown."""
    largest = mean * (1 - mean)
    return largest if deviation is None else min(deviation**2, largest)


def flipped(side: Sample) -> Sample:
    """The same sample with its scores counted from the other end: 1 minus the score."""
    return 1 - side[0], side[1], side[2]
