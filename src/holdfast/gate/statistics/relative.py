"""Evidence about a loss that is relative to the champion's score."""

from collections.abc import Callable

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.statistics.evidence import Evidence
from holdfast.gate.statistics.paired import LARGEST_LIMIT, Paired

BISECTIONS = 20  # after which an end of an interval is known to one part in a million


class Relative(Evidence):
    """Evidence about a loss that is relative to the champion's score.

    "Loses the share r or more" is a statement about one mean: that of c - (1 - r)·b over examples,
    for scores b and c of champion and candidate, is 0 or less. So for each r there is a paired test
    of its own, and no ratio of two means is ever approximated. For errors, of which lower ones are
    better, it is the mean of (1 + r)·b - c.

    Args:
        champion: Scores, shape (N,). Their mean must be above 0.
        candidate: Scores of the same examples in the same order, shape (N,).
        clusters: What each example belongs to, shape (N,), or None if examples are independent.
        span: The largest possible difference between two scores, above 0.
        higher_is_better: Whether a larger score is a better one.

    Raises:
        HoldfastError: The champion's mean is not above 0, so that nothing is relative to it.

    Example:
        >>> seconds = np.tile([1.0, 3.0], 500)
        >>> slower = Relative(seconds, seconds * 1.02, None, 5.0, higher_is_better=False)
        >>> round(slower.change, 4), slower.p_loses_less(0.1) < 0.05
        (-0.02, True)
    """

    def __init__(
        self,
        champion: np.ndarray,
        candidate: np.ndarray,
        clusters: np.ndarray | None,
        span: float,
        higher_is_better: bool,
    ) -> None:
        mean = float(champion.mean())
        if not mean > 0:
            raise HoldfastError(
                f"a relative limit needs a champion with a value above 0, got {mean:g}; set "
                "delta to a number"
            )
        self._champion = champion
        self._candidate = candidate
        self._clusters = clusters
        self._score_span = span
        self._sign = -1.0
        if higher_is_better:
            self._sign = 1.0
        at_equality = self._at(0.0)
        self.change = self._sign * (float(candidate.mean()) / mean - 1)
        self.examples = at_equality.examples
        self.clusters = at_equality.clusters
        self.method = at_equality.method
        # Errors may grow by any share, but a search needs an end.
        self.span = max(1.0, span / mean)

    def _at(self, loss: float) -> Paired:
        """Return the evidence on the champion's score after a relative loss."""
        allowed = (1 - self._sign * loss) * self._champion
        # Scores that are scaled up lie further apart, and the test needs a bound that holds.
        span = self._score_span * max(1.0, abs(1 - self._sign * loss))
        return Paired(self._sign * allowed, self._sign * self._candidate, self._clusters, span)

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute the p-values of several hypotheses; see `Evidence.p_values`."""
        # The scores contain the loss already, so the test asks whether more is lost than that.
        nothing_beyond = np.zeros(1)
        p = [
            float(self._at(float(loss)).p_values(nothing_beyond, worse, near)[0]) for loss in losses
        ]
        return np.array(p)

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """Find the changes that are not rejected; see `Evidence.interval`.

        Each loss needs a test of its own, so the ends are found by bisection and not on a grid.
        """

        def at_low_end(loss: float) -> bool:
            return float(self.p_values(np.array([loss]), False, alpha_low)[0]) <= alpha_low

        def at_high_end(gain: float) -> bool:
            return float(self.p_values(np.array([-gain]), True, alpha_high)[0]) <= alpha_high

        return 0.0 - self._first(at_low_end), self._first(at_high_end)

    def _first(self, is_rejected: Callable[[float], bool]) -> float:
        """Find the smallest loss or gain that is rejected, between -span and span."""
        low = -self.span
        high = self.span
        # If nothing is rejected, every change is possible.
        if not is_rejected(high):
            return high
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if is_rejected(middle):
                high = middle
            else:
                low = middle
        return high

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate how many examples would show a loss below `limit`; see `Evidence.needed`."""
        # In the unit of the scores, a relative limit is a share of the champion's mean.
        mean = float(self._champion.mean())
        equal = self._at(0.0)
        absolute = min(limit * mean, LARGEST_LIMIT * equal.span)
        return equal.needed(absolute, alpha, loss * mean, power)
