"""Evidence that stays valid however often you look at it."""

from collections.abc import Callable

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.statistics.betting import log_capital, units_to_win
from holdfast.gate.statistics.evidence import Evidence
from holdfast.gate.statistics.paired import LARGEST_LIMIT, checked_losses
from holdfast.gate.statistics.sample_size import MOST_UNITS
from holdfast.gate.statistics.units import Units

BISECTIONS = 20  # after which the end of an interval is known to two millionths

Ordered = tuple[np.ndarray, np.ndarray]  # sum of losses and size of each unit, in order


class Anytime(Evidence):
    """Evidence from paired scores that stays valid however often you look at it.

    You may look after every example and stop as soon as a p-value is small enough, because a
    p-value counts the best moment so far: the chance that it ever falls to α under its hypothesis
    is at most α. The interval is a confidence sequence. The price is that a test of a fixed number
    of examples shows more with the same number.

    Without clusters, the examples are the independent units, in the order given. With clusters, the
    clusters are the units, in the order in which they were completed, so pass complete clusters
    only. As in `Paired`, both tests are then made, and the larger p-value counts.

    Args:
        champion: Scores in [0, 1], in the order in which they were obtained, shape (N,).
        candidate: Scores of the same examples in the same order, shape (N,).
        clusters: What each example belongs to, shape (N,), or None if examples are independent.
        span: The largest possible difference between two scores, above 0, which must be known in
            advance. None stands for scores in [0, 1]. With a span, scores may be any numbers.

    Raises:
        HoldfastError: The shapes differ, there is no example, or a score is outside [0, 1].

    Example:
        >>> right = np.ones(1000)
        >>> evidence = Anytime(right, right - (np.arange(1000) % 250 == 7))
        >>> round(evidence.change, 3), round(evidence.p_loses_less(0.02), 4)
        (-0.004, 0.0013)
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
        # Rounding may lift a difference above the largest possible one.
        losses = (losses / self.span).clip(-1, 1)
        self._ordered: list[Ordered] = [(losses, np.ones(len(losses)))]
        self._units = [Units.of_examples(losses)]
        self.method = "betting (Waudby-Smith and Ramdas 2023), paired, valid at any time"
        if clusters is not None:
            by_cluster = _in_order(losses, np.asarray(clusters))
            self.clusters = len(by_cluster[0])
            # Clusters of one example each are the examples, so the second test would be the same.
            if self.clusters < self.examples:
                self._ordered.append(by_cluster)
                self._units.append(Units.of_clusters(losses, np.asarray(clusters)))
            self.method += f", {self.clusters} clusters"

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute p-values that are valid at any time; see `Evidence.p_values`."""
        sign = 1.0
        if worse:
            # To lose more than `loss` is to gain less than `-loss` after a change of sides.
            sign = -1.0
        shares = sign * (losses / self.span).clip(-1, 1)
        p_values = np.zeros(len(losses))
        for sums, sizes in self._ordered:
            for position, share in enumerate(shares.tolist()):
                largest = float(log_capital(sign * sums, sizes, share).max())
                # A capital that never rose above its start of 1 shows nothing, and no p is above 1.
                p_values[position] = max(p_values[position], np.exp(-max(largest, 0.0)))
        return p_values

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """Find the changes that are not rejected at any time; see `Evidence.interval`."""

        def p_loses_less(loss: float) -> float:
            return self.p_loses_less(loss)

        def p_gains_less(gain: float) -> float:
            return self.p_loses_more(-gain)

        largest_loss = _end(p_loses_less, -self.change, alpha_low, self.span)
        largest_gain = _end(p_gains_less, self.change, alpha_high, self.span)
        return 0.0 - largest_loss, largest_gain  # 0.0 - x, so that no end is a negative zero

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate after how many examples a loss below `limit` is shown; see `Evidence.needed`."""
        share = min(limit / self.span, LARGEST_LIMIT)
        numbers: list[int] = []
        for units in self._units:
            number = min(units_to_win(units, share, alpha, loss / self.span, power), MOST_UNITS)
            numbers.append(int(np.ceil(number)))
        if self.clusters is None:
            return numbers[0], None
        # Both tests must pass, so the clusters must also hold enough examples.
        per_cluster = self.examples / self.clusters
        clusters = max(numbers[-1], int(np.ceil(numbers[0] / per_cluster)))
        return int(np.ceil(clusters * per_cluster)), clusters


def _in_order(losses: np.ndarray, clusters: np.ndarray) -> Ordered:
    """Sum up the losses of each cluster, in the order in which clusters were completed."""
    if clusters.shape != losses.shape:
        raise HoldfastError(
            f"there must be one cluster label per example, but clusters have the shape "
            f"{clusters.shape} and scores the shape {losses.shape}"
        )
    names, index = np.unique(clusters, return_inverse=True)
    last = np.zeros(len(names), dtype=int)
    # If an index occurs several times, NumPy does not promise which assignment is kept.
    np.maximum.at(last, index, np.arange(len(losses)))
    order = np.argsort(last)
    sizes = np.bincount(index).astype(float)
    return np.bincount(index, losses)[order], sizes[order]


def _end(p_values: Callable[[float], float], measured: float, alpha: float, span: float) -> float:
    """Find the loss from which on a p-value that falls with the loss is at most `alpha`.

    Args:
        p_values: The p-value of a loss.
        measured: The measured loss, at which nothing is rejected.
        alpha: The level.
        span: The largest possible loss.
    """
    high = span
    # Not even the largest possible loss is rejected, so the interval has no closer end.
    if p_values(high) > alpha:
        return high
    low = measured
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if p_values(middle) <= alpha:
            high = middle
        else:
            low = middle
    return high
