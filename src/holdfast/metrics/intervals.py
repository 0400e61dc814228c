"""Intervals, labelled with what varies in them: seeds here, test examples in `examples`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.distributions import normal_quantile, student_quantile

NAN = float("nan")
SAME = 1e-12  # values of several seeds that differ by less are equal but for rounding


@dataclass(frozen=True)
class Interval:
    """An estimate with bounds.

    Args:
        estimate: What was measured.
        low: Lower bound; NaN if there is no interval.
        high: Upper bound; NaN if there is no interval.
        confidence: Chance with which such an interval holds the truth, in (0, 1).
        varies: What would be drawn anew if the measurement were repeated: seeds, examples,
            clusters.
        n: How many of these there were.
        reason: Why there is no interval, or why it has no width. Empty if there is nothing to say.

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
        """Whether there are bounds."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    @property
    def all_equal(self) -> bool:
        """Whether the bounds have no width, which happens if all seeds gave one value."""
        return self.known and self.low == self.high

    def scaled(self, factor: float) -> "Interval":
        """The same interval in another unit, such as points (factor 100).

        Args:
            factor: Positive number that estimate and bounds are multiplied by.
        """
        low, high = factor * self.low, factor * self.high
        return replace(self, estimate=factor * self.estimate, low=low, high=high)

    def __format__(self, spec: str) -> str:
        """The estimate with ± half the width if the bounds are symmetric, with both bounds if not.

        Without bounds it is the estimate alone. If all values were equal it says so, because "± 0"
        would read as a claim that the next seed cannot differ.
        """
        shown = format(self.estimate, spec)
        if not self.known:
            return shown
        if self.all_equal:
            return f"{shown} (equal)"
        below, above = self.estimate - self.low, self.high - self.estimate
        if abs(above - below) <= 1e-6 * (self.high - self.low):
            return f"{shown} ± {format(above, spec.replace('+', ''))}"
        return f"{shown} ({format(self.low, spec)} to {format(self.high, spec)})"


def without_bounds(
    estimate: float,
    confidence: float,
    varies: str,
    n: int,
    reason: str,
) -> Interval:
    """An estimate that has no interval, with the reason."""
    return Interval(estimate, NAN, NAN, confidence, varies, n, reason)


def seed_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """The mean over seeds, with Student's t interval.

    The interval treats the values as normal. It is not cut off at the lowest and highest possible
    score, so a wide one may reach beyond them.

    Args:
        values: One number per seed, at least one.
        confidence: In (0, 1).

    Returns:
        The interval. One seed has no spread, so its bounds are NaN. If a value is NaN, the mean is
        unknown and all is NaN. If all values are equal, both bounds are that value: the seeds did
        not differ, as it is with methods that draw nothing at random, and nothing follows for other
        seeds. `reason` says which of these it is.

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
    v = np.asarray(list(values), dtype=float)
    check_confidence(confidence)
    if not len(v):
        raise HoldfastError("an interval over seeds needs at least one value, got none")
    mean = float(np.mean(v))
    if np.isnan(mean):
        return without_bounds(mean, confidence, "seeds", len(v), "the value of a seed is not known")
    if len(v) == 1:
        reason = "one seed has no spread; run at least two"
        return without_bounds(mean, confidence, "seeds", 1, reason)
    if np.ptp(v) <= SAME * max(1.0, abs(mean)):
        reason = f"all {len(v)} seeds gave the same value"
        return Interval(mean, mean, mean, confidence, "seeds", len(v), reason)
    half = float(_t(confidence, len(v) - 1) * np.std(v, ddof=1) / np.sqrt(len(v)))
    return Interval(mean, mean - half, mean + half, confidence, "seeds", len(v))


def paired_seed_interval(
    a: Sequence[float],
    b: Sequence[float],
    confidence: float = 0.95,
) -> Interval:
    """The mean of a − b over the same seeds, with Student's t interval.

    Args:
        a: One number per seed.
        b: The numbers of the same seeds in the same order.
        confidence: In (0, 1).

    Returns:
        The interval of the differences; see `seed_interval` for one seed and for equal differences.

    Raises:
        HoldfastError: The lengths differ, there is no value, or `confidence` is not in (0, 1).

    Example:
        >>> f"{paired_seed_interval([.91, .8, .7], [.8, .7, .6]):.3f}"
        '0.103 ± 0.014'
    """
    if len(a) != len(b):
        raise HoldfastError(f"paired values need equal lengths, got {len(a)} and {len(b)}")
    return seed_interval(np.asarray(a, dtype=float) - np.asarray(b, dtype=float), confidence)


def wilson_interval(score: float, examples: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for the share of right answers among independent examples.

    Its level holds on average over true shares. For shares within a few examples of 0 or 1 it can
    be lower; benchmarks/results/interval-levels.md has the figures.

    Args:
        score: The share, in [0, 1].
        examples: Number of examples, at least 1.
        confidence: In (0, 1).

    Raises:
        HoldfastError: An argument is out of its range.

    Example:
        >>> i = wilson_interval(1.0, 100)
        >>> round(i.low, 3), i.high
        (0.963, 1.0)
    """
    check_confidence(confidence)
    if examples < 1 or not 0 <= score <= 1:
        got = f"got {score} over {examples}"
        raise HoldfastError(f"expected a score in [0, 1] over at least 1 example, {got}")
    z = normal_quantile((1 + confidence) / 2)
    middle = (score + z * z / (2 * examples)) / (1 + z * z / examples)
    variance = score * (1 - score) / examples + z * z / (4 * examples**2)
    half = z / (1 + z * z / examples) * np.sqrt(variance)
    low, high = float(max(0.0, middle - half)), float(min(1.0, middle + half))
    return Interval(score, low, high, confidence, "examples", examples)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence outside (0, 1)."""
    if not 0 < confidence < 1:
        raise HoldfastError(f"confidence must lie in (0, 1), got {confidence}; 0.95 is usual")


def _t(confidence: float, freedom: int) -> float:
    return student_quantile((1 + confidence) / 2, freedom)
