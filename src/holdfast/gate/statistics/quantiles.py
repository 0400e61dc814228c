"""Evidence about the change of a quantile, such as the 95th percentile of a latency."""

import numpy as np

from holdfast.gate.statistics.evidence import Evidence
from holdfast.gate.statistics.units import Units

BISECTIONS = 24  # after which a level is known to one part in ten million
SMALLEST_P = 1e-7


def quantile(values: np.ndarray, share: float) -> float:
    """Return the smallest value that at least a share of all values do not exceed.

    >>> quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
    2.0
    """
    return float(np.quantile(values, share, method="inverted_cdf"))


class QuantileChange(Evidence):
    """Evidence about the change of a quantile of a cost, of which lower values are better.

    Both quantiles get an exact one-sided bound at half of the level: the candidate's is above its
    upper bound, or the champion's below its lower bound, with a chance of at most half of the level
    each. "The quantile of X is t or more" means that at least the share 1 - q of the values is t or
    more, so each bound is a test of one share: by clusters if there are any.

    Args:
        champion: Costs, shape (N,).
        candidate: Costs of the same examples, shape (N,).
        clusters: What each example belongs to, shape (N,), or None if examples are independent.
        share: The quantile, in (0, 1).
        relative: Whether losses are shares of the champion's quantile.

    Example:
        >>> seconds = np.arange(1.0, 2001.0)
        >>> QuantileChange(seconds, seconds, None, 0.95, True).p_loses_less(0.1) < 0.05
        True
    """

    def __init__(
        self,
        champion: np.ndarray,
        candidate: np.ndarray,
        clusters: np.ndarray | None,
        share: float,
        relative: bool,
    ) -> None:
        self._champion = _Bounds(champion, clusters, share)
        self._candidate = _Bounds(candidate, clusters, share)
        self._relative = relative
        before = quantile(champion, share)
        after = quantile(candidate, share)
        self.change = before - after
        if relative:
            self.change = 0.0
            if before > 0:
                self.change = 1 - after / before
        self.examples = len(champion)
        self.method = "exact bounds of both quantiles"
        if clusters is not None:
            self.clusters = len(np.unique(clusters))
            self.method += f", {self.clusters} clusters"
        largest = max(float(champion.max()), float(candidate.max()))
        self.span = largest
        if relative:
            self.span = max(1.0, largest / before) if before > 0 else 1.0

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute the p-values of several hypotheses; see `Evidence.p_values`."""
        return np.array([self._p(float(loss), worse) for loss in losses])

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """Find the changes that are not rejected, from the bounds; see `Evidence.interval`."""
        largest_loss = self._loss(
            self._champion.lower(alpha_low / 2), self._candidate.upper(alpha_low / 2)
        )
        least_loss = self._loss(
            self._champion.upper(alpha_high / 2), self._candidate.lower(alpha_high / 2)
        )
        return 0.0 - largest_loss, 0.0 - least_loss

    def _loss(self, before: float, after: float) -> float:
        """Return the loss between two bounds, at most as large as any loss can be."""
        # A sample that is too small has no upper bound, so nothing is known then.
        if not np.isfinite(after):
            return self.span
        if not np.isfinite(before):
            return 0.0 - self.span
        loss = after - before
        if self._relative:
            loss = self.span
            if before > 0:
                loss = after / before - 1
        return float(np.clip(loss, -self.span, self.span))

    def _p(self, loss: float, worse: bool) -> float:
        """Find the smallest level at which the bounds exclude a loss."""
        low = SMALLEST_P
        high = 1.0
        if self._excludes(loss, worse, low):
            return low
        for _ in range(BISECTIONS):
            # The geometric mean, because small levels are told apart by their ratio.
            middle = float(np.sqrt(low * high))
            if self._excludes(loss, worse, middle):
                high = middle
            else:
                low = middle
        return high

    def _excludes(self, loss: float, worse: bool, alpha: float) -> bool:
        """Whether the bounds at a level exclude that the loss is as large (or as small) as this."""
        if worse:
            before = self._champion.upper(alpha / 2)
            after = self._candidate.lower(alpha / 2)
            return after > self._after(before, loss)
        before = self._champion.lower(alpha / 2)
        after = self._candidate.upper(alpha / 2)
        return after < self._after(before, loss)

    def _after(self, before: float, loss: float) -> float:
        """Return the cost after a loss."""
        if self._relative:
            return before * (1 + loss)
        return before + loss

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate how many examples would show a loss below `limit`; see `Evidence.needed`.

        Bounds come closer with the root of the number of examples.
        """
        lower = self._champion.lower(alpha / 2)
        upper = self._candidate.upper(alpha / 2)
        room = max(limit - loss, 1e-9)
        width = upper - lower
        if self._relative:
            width = width / max(lower, 1e-12)
        factor = max((width / room) ** 2, 1.0)
        # Below some number of examples there is no upper bound at all, so no width either.
        if not np.isfinite(factor):
            factor = 1e9
        if self.clusters is None:
            return int(np.ceil(self.examples * factor)), None
        return int(np.ceil(self.examples * factor)), int(np.ceil(self.clusters * factor))


class _Bounds:
    """One-sided bounds of a quantile of one side.

    Args:
        values: The values, shape (N,).
        clusters: What each example belongs to, shape (N,), or None.
        share: The quantile, in (0, 1).
    """

    def __init__(self, values: np.ndarray, clusters: np.ndarray | None, share: float) -> None:
        self._values = values
        self._sorted = np.sort(values)
        self._clusters = clusters
        self._share = share
        # The search for a level asks about the same places many times.
        self._p_below: dict[int, float] = {}
        self._p_above: dict[int, float] = {}

    def upper(self, alpha: float) -> float:
        """Return a value that the quantile exceeds with a chance of at most alpha, or infinity."""
        count = len(self._sorted)
        low = 0
        high = count  # the place behind the last value stands for infinity
        while low < high:
            middle = (low + high) // 2
            if self._chance_above(middle) <= alpha:
                high = middle
            else:
                low = middle + 1
        if low == count:
            return float("inf")
        return float(self._sorted[low])

    def lower(self, alpha: float) -> float:
        """Return a value that exceeds the quantile with a chance of at most alpha, or 0."""
        low = -1  # the place before the first value stands for 0
        high = len(self._sorted) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._chance_below(middle) <= alpha:
                low = middle
            else:
                high = middle - 1
        if low < 0:
            return 0.0
        return float(self._sorted[low])

    def _chance_above(self, place: int) -> float:
        """P-value of "the quantile is above this value": that more than 1 - q lies above it."""
        if place not in self._p_above:
            above = (self._values > self._sorted[place]).astype(float)
            self._p_above[place] = self._p(above, 1 - self._share)
        return self._p_above[place]

    def _chance_below(self, place: int) -> float:
        """P-value of "the quantile is below this value": that at least q lies below it."""
        if place not in self._p_below:
            below = (self._values < self._sorted[place]).astype(float)
            self._p_below[place] = self._p(below, self._share)
        return self._p_below[place]

    def _p(self, happened: np.ndarray, share: float) -> float:
        """P-value of "the true share is `share` or more"."""
        p_of_units = [Units.of_examples(happened).p_loses_less(np.array([share]))]
        if self._clusters is not None:
            units = Units.of_clusters(happened, self._clusters)
            p_of_units.append(units.p_loses_less(np.array([share])))
        return float(np.max(p_of_units))
