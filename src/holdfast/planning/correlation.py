"""Spearman's rank correlation with an interval over orders."""

import math
from collections.abc import Sequence

import numpy as np

from holdfast.metrics import Interval
from holdfast.metrics.distributions import normal_quantile, ranks
from holdfast.metrics.intervals import without_bounds

FEWEST_ORDERS = 10  # random orders from which on the correlation has an interval


def rank_correlation(
    predicted: Sequence[float],
    realised: Sequence[float],
    confidence: float = 0.95,
) -> Interval:
    """Compute Spearman's ρ between two lists, with an interval over orders.

    The interval is that of Bonett and Wright: symmetric on Fisher's scale, with the variance
    (1 + ρ²/2)/(n − 3). A perfect ρ counts as half a step below 1 there, since few orders can agree
    by luck.

    Args:
        predicted: One value per order.
        realised: One value per order.
        confidence: Probability with which the interval contains the true ρ, in (0, 1).

    Returns:
        The interval. Its bounds are NaN, with a `reason`, for fewer than ten orders or if a list is
        constant.

    Example:
        >>> f"{rank_correlation(range(10), [0, 2, 1, 3, 5, 4, 6, 7, 9, 8]):.2f}"
        '0.96 (0.80 to 0.99)'

    References:
        D. G. Bonett, T. A. Wright (2000), Sample size requirements for estimating Pearson, Kendall
        and Spearman correlations. Psychometrika 65(1).
    """
    n = len(predicted)
    rho = _spearman(predicted, realised)
    # Between constant lists there is no correlation to speak of.
    if math.isnan(rho):
        reason = "all predictions or all results are equal"
        return without_bounds(rho, confidence, "orders", n, reason)
    if n < FEWEST_ORDERS:
        reason = f"fewer than {FEWEST_ORDERS} random orders say too little"
        return without_bounds(rho, confidence, "orders", n, reason)
    # Halfway to the largest ρ below 1, which one swap of neighbours gives.
    most = 1 - 6 / (n * (n * n - 1))
    middle = np.arctanh(np.clip(rho, -most, most))
    half = normal_quantile((1 + confidence) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    return Interval(
        estimate=rho,
        low=float(np.tanh(middle - half)),
        high=float(np.tanh(middle + half)),
        confidence=confidence,
        varies="orders",
        n=n,
    )


def _spearman(predicted: Sequence[float], realised: Sequence[float]) -> float:
    """Compute Spearman's ρ with mean ranks of ties. NaN if a list is constant."""
    a = _centred_ranks(predicted)
    b = _centred_ranks(realised)
    spread = float(np.sqrt((a @ a) * (b @ b)))
    if not spread:
        return math.nan
    return float(a @ b) / spread


def _centred_ranks(values: Sequence[float]) -> np.ndarray:
    """Rank values, and subtract the mean of the ranks."""
    # Sums that differ in their last bits tie.
    place = ranks(np.round(np.asarray(values, dtype=float), 12))
    centred: np.ndarray = place - place.mean()
    return centred
