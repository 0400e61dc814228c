"""Intervals over seeds that stay inside the range of the score.

Student's t interval may reach beyond the range, most of all with two or three seeds. The one here
is the t interval of the mean on the logit scale. Near the ends of the range, where values over
seeds are skewed, it holds its level better than the t interval. Neither of them holds it if values
are skewed far from the ends, such as a BWT of -0.2 that most seeds do not reach, or if one seed in
ten collapses, because few seeds rarely show the collapse. benchmarks/results/interval-levels.md has
the figures.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

from holdfast.errors import HoldfastError
from holdfast.metrics.intervals import Interval, seed_interval
from holdfast.metrics.values import ScoreRange

MOST_LOGITS = 700.0  # exp of more than this overflows


def bounded_seed_interval(
    values: Iterable[float], bounds: ScoreRange, confidence: float = 0.95
) -> Interval:
    """Compute the mean over seeds with an interval that lies inside the range of the score.

    With the mean m as a share of the range and h half of the width of Student's t interval, also as
    a share, the bounds are the shares whose logit is logit(m) ± h / (m (1 − m)). The interval is
    longer on the side that has more room.

    Args:
        values: One number per seed, at least one.
        bounds: The lowest and the highest possible value, such as (0, 1) for an accuracy and
            (-1, 1) for a change of it. If one of them is infinite, the t interval is cut off at the
            other one.
        confidence: Probability with which the interval contains the true mean, in (0, 1).

    Returns:
        The interval. The estimate is the mean. `seed_interval` explains what it is for one seed,
        for an unknown value and for equal values.

    Raises:
        HoldfastError: There is no value, one lies outside of the bounds, or `confidence` is wrong.

    Example:
        >>> f"{bounded_seed_interval([0.18, 0.28], (0, 1)):.2f}"
        '0.23 (0.01 to 0.92)'
        >>> f"{seed_interval([0.18, 0.28]):.2f}"
        '0.23 ± 0.64'

    References:
        E. L. Korn and B. I. Graubard (1998), Confidence intervals for proportions with small
        expected number of positive counts estimated from survey data. Survey Methodology 24(2).
    """
    measured = list(values)
    symmetric = seed_interval(measured, confidence)
    _refuse_outside(measured, bounds)
    if not symmetric.known or symmetric.all_equal:
        return symmetric
    lowest, highest = bounds
    if math.isinf(highest - lowest):
        # Half a line has no logit. The true mean cannot lie in what is cut off.
        return replace(symmetric, low=max(symmetric.low, lowest), high=min(symmetric.high, highest))
    width = highest - lowest
    share = (symmetric.estimate - lowest) / width
    half = (symmetric.high - symmetric.estimate) / width
    return replace(
        symmetric,
        low=lowest + width * _moved(share, -half),
        high=lowest + width * _moved(share, half),
    )


def _moved(share: float, change: float) -> float:
    """Move a share on the logit scale by as much as `change` is there, to first order."""
    odds = share * (1 - share)
    # Shares at the ends have equal values, apart from rounding.
    if odds <= 0:
        return share
    # This is the inverse of the logit, written so that small shares keep their digits.
    logits = max(-MOST_LOGITS, min(MOST_LOGITS, change / odds))
    return share / (share + (1 - share) * math.exp(-logits))


def _refuse_outside(values: list[float], bounds: ScoreRange) -> None:
    """Raise an error if a value is not within the bounds, but for rounding."""
    lowest, highest = bounds
    for value in values:
        slack = 1e-9 * max(1.0, abs(value))
        # Both comparisons are false for an unknown value, which has no interval anyway.
        if value < lowest - slack or value > highest + slack:
            raise HoldfastError(
                f"the value {value:g} of a seed lies outside of its range from {lowest:g} to "
                f"{highest:g}; give the range that the score can have"
            )
