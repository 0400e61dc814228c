"""Evidence from the scores of both models on the same examples."""

from functools import lru_cache

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.statistics.evidence import Evidence, crossing
from holdfast.gate.statistics.sample_size import units_needed
from holdfast.gate.statistics.units import Units, UnitsKey

LARGEST_LIMIT = 0.999  # of the span, since a plan needs a limit below all of it


class Paired(Evidence):
    """Evidence from the scores of both models on the same examples.

    Without clusters, the examples are the independent units. With clusters (a user, a day, a
    document), the clusters are the units: the sum of a cluster's differences is one observation,
    and the unit that completes the sample is a cluster of the largest size there is in which
    everything is lost. Both tests are then made, and the larger p-value counts, so that naming
    clusters never makes a result more certain.

    Args:
        champion: Scores in [0, 1], shape (N,).
        candidate: Scores of the same examples in the same order, shape (N,).
        clusters: What each example belongs to, shape (N,), or None if examples are independent.
        span: The largest possible difference between two scores, above 0. None stands for scores in
            [0, 1]. With a span, scores may be any numbers, and losses are in their unit.

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
        self,
        champion: np.ndarray,
        candidate: np.ndarray,
        clusters: np.ndarray | None = None,
        span: float | None = None,
    ) -> None:
        losses = checked_losses(champion, candidate, in_range=span is None)
        self.change = 0.0 - float(losses.mean())  # 0.0 - x, so that it is never a negative zero
        self.examples = len(losses)
        self.span = span or 1.0
        if span is not None:
            # Rounding may lift a difference above the largest possible one.
            losses = (losses / span).clip(-1, 1)
        self._units = [Units.of_examples(losses)]
        self.method = "Gaffke 2005, paired"
        if clusters is not None:
            by_cluster = Units.of_clusters(losses, np.asarray(clusters))
            self.clusters = int(by_cluster.counts.sum())
            # Clusters of one example each are the examples, so the second test would be the same.
            if self.clusters < self.examples:
                self._units.append(by_cluster)
            self.method += f", {self.clusters} clusters"

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute the p-values of several hypotheses; see `Evidence.p_values`."""
        p_of_units = []
        shares = (losses / self.span).clip(-1, 1)
        for units in self._units:
            if worse:
                # To lose more than `loss` is to gain less than `-loss` after a change of sides.
                p_of_units.append(units.turned.p_loses_less(-shares, near))
            else:
                p_of_units.append(units.p_loses_less(shares, near))
        largest: np.ndarray = np.max(p_of_units, axis=0)
        return largest

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """Find the changes that are not rejected; see `Evidence.interval`."""
        if self.span == 1 and len(self._units) == 1 and self._units[0].is_small:
            return _remembered_interval(self._units[0].key, alpha_low, alpha_high)
        return super().interval(alpha_low, alpha_high)

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate how many examples would show a loss below `limit`; see `Evidence.needed`."""
        share = min(limit / self.span, LARGEST_LIMIT)
        numbers = [
            units_needed(units, share, alpha, loss / self.span, power) for units in self._units
        ]
        examples = numbers[0]
        if self.clusters is None:
            return examples, None
        # Both tests must pass, so the clusters must also hold enough examples.
        per_cluster = self.examples / self.clusters
        clusters = max(numbers[-1], int(np.ceil(examples / per_cluster)))
        return int(np.ceil(clusters * per_cluster)), clusters


def checked_losses(
    champion: np.ndarray, candidate: np.ndarray, in_range: bool = True
) -> np.ndarray:
    """Return what each example lost, after a check of the scores.

    Args:
        champion: Scores in [0, 1], shape (N,).
        candidate: Scores of the same examples in the same order, shape (N,).
        in_range: Whether scores must lie in [0, 1]. Otherwise they may be any numbers.

    Returns:
        The champion's scores minus the candidate's, shape (N,).

    Raises:
        HoldfastError: The shapes differ, there is no example, or a score is outside [0, 1].
    """
    before = np.asarray(champion, dtype=float)
    after = np.asarray(candidate, dtype=float)
    if before.shape != after.shape or before.ndim != 1 or not len(before):
        raise HoldfastError(
            f"paired scores need one score of each model per example, got shapes "
            f"{before.shape} and {after.shape}"
        )
    for scores in (before, after):
        if not in_range:
            continue
        # Written so that NaN, which is never in the range, is refused as well.
        if not bool(((scores >= 0) & (scores <= 1)).all()):
            raise HoldfastError(
                "scores must be numbers from 0 to 1; divide them by the largest possible score"
            )
    losses: np.ndarray = before - after
    return losses


@lru_cache(maxsize=10_000)
def _remembered_interval(key: UnitsKey, alpha_low: float, alpha_high: float) -> tuple[float, float]:
    """Cache the intervals of small samples, because small segments are often alike."""
    units = Units.from_key(key)

    def p_loses_less(losses: np.ndarray) -> np.ndarray:
        return units.p_loses_less(losses, alpha_low)

    def p_gains_less(gains: np.ndarray) -> np.ndarray:
        return units.turned.p_loses_less(gains, alpha_high)

    largest_loss = crossing(p_loses_less, alpha_low)
    largest_gain = crossing(p_gains_less, alpha_high)
    return 0.0 - largest_loss, largest_gain
