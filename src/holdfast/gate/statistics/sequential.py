"""Evidence at one of several planned looks at a growing test set."""

import numpy as np

from holdfast.gate.statistics.evidence import Evidence
from holdfast.gate.statistics.spending import Spending


class AtLook(Evidence):
    """Evidence at one of several planned looks at a growing test set.

    Its p-values count all looks: they are the smallest levels of the whole series at which this
    look would reject. So everything that compares a p-value with a level, Holm's correction
    included, stays as it is, and the chance of an error at any look is within that level.

    Args:
        evidence: What the scores at hand show, as if there were no other look.
        design: How the looks share the level.
        look: Number of this look, from 1.

    References:
        W. Maurer, F. Bretz (2013), Multiple testing in group sequential trials using graphical
        approaches. Statistics in Biopharmaceutical Research 5(4).

    Example:
        >>> from holdfast.gate.statistics.paired import Paired
        >>> right = np.ones(300)
        >>> alone = Paired(right, right)
        >>> first = AtLook(alone, Spending([0.5, 1.0]), look=1)
        >>> round(alone.p_loses_less(0.02), 4), round(first.p_loses_less(0.02), 4)
        (0.0023, 0.032)
    """

    def __init__(self, evidence: Evidence, design: Spending, look: int) -> None:
        self._alone = evidence
        self._design = design
        self._look = look
        self.change = evidence.change
        self.examples = evidence.examples
        self.clusters = evidence.clusters
        self.span = evidence.span
        self.method = evidence.method
        # A series of one look is no series.
        if len(design.shares) > 1:
            self.method += f", look {look} of {len(design.shares)} (O'Brien-Fleming-type spending)"

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute p-values that count all looks; see `Evidence.p_values`."""
        # `near` is a level of the whole series, but the evidence alone is tested at the look's.
        if near is not None:
            near = self._design.nominal(near, self._look)
        return self._design.whole(self._alone.p_values(losses, worse, near), self._look)

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """Find the changes that are not rejected at this look; see `Evidence.interval`."""
        return self._alone.interval(
            self._design.nominal(alpha_low, self._look),
            self._design.nominal(alpha_high, self._look),
        )

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate how many examples would be enough at the last look; see `Evidence.needed`."""
        last = len(self._design.shares)
        return self._alone.needed(limit, self._design.nominal(alpha, last), loss, power)
