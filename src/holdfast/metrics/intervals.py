"""Intervals, each labelled with what varies in it: seeds here, test examples in `examples`."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.distributions import normal_quantile, student_quantile

SAME = 1e-12  # values of several seeds that differ by less than this differ by rounding alone
SYMMETRIC = 1e-6  # share of the width up to which an interval is printed as ± half


@dataclass(frozen=True)
class Interval:
    """An estimate with its bounds and what they mean.

    Format it like a number, for example `f"{interval:.2f}"`, to print the estimate with its bounds.

    Args:
        estimate: The measured value.
        low: Lower bound. NaN if there is no interval.
        high: Upper bound. NaN if there is no interval.
        confidence: Probability with which such an interval contains the true value, in (0, 1).
        varies: What would be drawn anew if you measured again: seeds, examples, or clusters.
        n: Number of seeds, examples or clusters.
        reason: Why there is no interval, or why it has no width. Empty otherwise.

    Example:
        >>> f"{Interval(0.5, 0.4, 0.6, 0.95, 'seeds', 5):.2f}"
        '0.50 ± 0.10'
        >>> f"{Interval(-0.01, -0.04, 0.0, 0.95, 'examples', 200):.2f}"
        '-0.01 (-0.04 to 0.00)'
    """

    estimate: float
    low: float
    high: float
    confidence: float
    varies: str
    n: int
    reason: str = ""

    @property
    def known(self) -> bool:
        """Tell whether there are bounds."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    @property
    def all_equal(self) -> bool:
        """Tell whether the bounds have no width, because all seeds gave the same value."""
        return self.known and self.low == self.high

    def scaled(self, factor: float) -> "Interval":
        """Return the same interval in another unit, such as points.

        Args:
            factor: Positive number by which the estimate and the bounds are multiplied. It is 100
                for points.

        Returns:
            A new interval.

        Example:
            >>> f"{Interval(0.5, 0.4, 0.6, 0.95, 'seeds', 5).scaled(100):.1f}"
            '50.0 ± 10.0'
        """
        return replace(
            self,
            estimate=factor * self.estimate,
            low=factor * self.low,
            high=factor * self.high,
        )

    def __format__(self, spec: str) -> str:
        """Format the estimate with its bounds; `spec` is the format of each number.

        Symmetric bounds are printed as ± half the width, other bounds as "(low to high)". Without
        bounds, the estimate stands alone.
        """
        shown = format(self.estimate, spec)
        if not self.known:
            return shown
        if self.all_equal:
            # "± 0" would read as a claim that the next seed cannot differ.
            return f"{shown} (equal)"
        # Bounds that are symmetric but for rounding are printed as such.
        below = self.estimate - self.low
        above = self.high - self.estimate
        if abs(above - below) <= SYMMETRIC * (self.high - self.low):
            return f"{shown} ± {format(above, spec.replace('+', ''))}"
        return f"{shown} ({format(self.low, spec)} to {format(self.high, spec)})"


def without_bounds(
    estimate: float,
    confidence: float,
    varies: str,
    n: int,
    reason: str,
) -> Interval:
    """Make an interval that has no bounds, with the reason.

    Args:
        estimate: The measured value.
        confidence: The confidence that was asked for.
        varies: What would be drawn anew if the measurement were repeated.
        n: Number of seeds, examples or clusters.
        reason: Why there are no bounds.

    Returns:
        The interval, with NaN for both bounds.
    """
    return Interval(
        estimate=estimate,
        low=math.nan,
        high=math.nan,
        confidence=confidence,
        varies=varies,
        n=n,
        reason=reason,
    )


def seed_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Compute the mean over seeds with Student's t interval.

    With the mean x̄ and the sample standard deviation s of n values, the bounds are
    x̄ ± t_{n−1} · s / √n. They assume that the values are normal. They are not cut off at the
    lowest and highest possible score, so a wide interval may reach beyond them. Tables of runs
    show `bounded_seed_interval` instead, which stays inside.

    Args:
        values: One number per seed, at least one.
        confidence: Probability with which the interval contains the true mean, in (0, 1).

    Returns:
        The interval. `reason` says which special case it is, if any. One seed has no spread, so the
        bounds are NaN. If a value is NaN, the estimate is NaN too. If all values are equal, both
        bounds are that value. This is usual for methods that draw nothing at random, and it says
        nothing about other seeds.

    Raises:
        HoldfastError: There is no value, or `confidence` is not in (0, 1).

    Example:
        >>> f"{seed_interval([0.9, 0.92, 0.94]):.3f}"
        '0.920 ± 0.050'
        >>> f"{seed_interval([0.9, 0.9, 0.9]):.3f}"
        '0.900 (equal)'
        >>> seed_interval([0.9]).reason
        'one seed has no spread; run at least two'
    """
    # A list first, so that `values` may be a generator.
    measured = np.asarray(list(values), dtype=float)
    check_confidence(confidence)
    n = len(measured)
    if not n:
        raise HoldfastError("an interval over seeds needs at least one value, got none")
    mean = float(np.mean(measured))
    # Leaving the unknown seed out would make the mean look better known than it is.
    if np.isnan(mean):
        return without_bounds(mean, confidence, "seeds", n, "the value of a seed is not known")
    if n == 1:
        reason = "one seed has no spread; run at least two"
        return without_bounds(mean, confidence, "seeds", 1, reason)
    # The mean of equal values differs from them in the last bits, so equality needs a tolerance.
    if np.ptp(measured) <= SAME * max(1.0, abs(mean)):
        return _over_seeds(mean, 0.0, confidence, n, f"all {n} seeds gave the same value")
    # Half the width is t times the standard error of the mean.
    quantile = student_quantile((1 + confidence) / 2, n - 1)
    half = float(quantile * np.std(measured, ddof=1) / np.sqrt(n))
    return _over_seeds(mean, half, confidence, n)


def _over_seeds(mean: float, half: float, confidence: float, n: int, reason: str = "") -> Interval:
    """Make the interval from `mean` − `half` to `mean` + `half`."""
    return Interval(
        estimate=mean,
        low=mean - half,
        high=mean + half,
        confidence=confidence,
        varies="seeds",
        n=n,
        reason=reason,
    )


def paired_seed_interval(
    a: Sequence[float],
    b: Sequence[float],
    confidence: float = 0.95,
) -> Interval:
    """Compute the mean of a − b over the same seeds with Student's t interval.

    Use this to compare two methods. Two runs with one seed share the data order and the initial
    weights, so their difference varies less than two independent runs.

    Args:
        a: One number per seed.
        b: The numbers of the same seeds in the same order.
        confidence: Probability with which the interval contains the true mean, in (0, 1).

    Returns:
        The interval of the differences. `seed_interval` explains what it is for one seed and for
        equal differences.

    Raises:
        HoldfastError: The lengths differ, there is no value, or `confidence` is not in (0, 1).

    Example:
        >>> f"{paired_seed_interval([.91, .8, .7], [.8, .7, .6]):.3f}"
        '0.103 ± 0.014'
    """
    # Of two lists of different lengths, nobody knows which seeds belong together.
    if len(a) != len(b):
        raise HoldfastError(
            f"paired values need equal lengths, got {len(a)} and {len(b)}; "
            "give both for the same seeds"
        )
    differences = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    return seed_interval(differences, confidence)


def wilson_interval(score: float, examples: int, confidence: float = 0.95) -> Interval:
    """Compute Wilson's score interval for the share of right answers.

    With the share p of n examples and the normal quantile z, the bounds are
    (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n). They hold their level on average over true
    shares. For shares within a few examples of 0 or 1 the level can be lower;
    benchmarks/results/interval-levels.md has the figures.

    Args:
        score: The share of right answers, in [0, 1].
        examples: Number of independent examples, at least 1.
        confidence: Probability with which the interval contains the true share, in (0, 1).

    Returns:
        The interval.

    Raises:
        HoldfastError: An argument is out of its range.

    Example:
        >>> i = wilson_interval(1.0, 100)
        >>> round(i.low, 3), i.high
        (0.963, 1.0)

    References:
        E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference.
        Journal of the American Statistical Association 22(158).
    """
    check_confidence(confidence)
    if examples < 1 or not 0 <= score <= 1:
        raise HoldfastError(
            "expected a score in [0, 1] over at least 1 example, "
            f"got {score} over {examples} examples"
        )
    # z, and everything below, is named as in the formula of the docstring.
    z = normal_quantile((1 + confidence) / 2)
    middle = (score + z * z / (2 * examples)) / (1 + z * z / examples)
    variance = score * (1 - score) / examples + z * z / (4 * examples**2)
    half = z / (1 + z * z / examples) * np.sqrt(variance)
    # Rounding may carry a bound beyond 0 or 1.
    return Interval(
        estimate=score,
        low=float(max(0.0, middle - half)),
        high=float(min(1.0, middle + half)),
        confidence=confidence,
        varies="examples",
        n=examples,
    )


def check_confidence(confidence: float) -> None:
    """Raise an error if a confidence is not in (0, 1)."""
    if not 0 < confidence < 1:
        raise HoldfastError(f"confidence must lie in (0, 1), got {confidence}; 0.95 is usual")
