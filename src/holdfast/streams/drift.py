"""Detectors that declare a boundary from a running loss (river's; extra `drift`)."""

from collections import deque
from itertools import takewhile
from statistics import mean, median
from typing import Any

from holdfast.errors import HoldfastError, MissingExtra, one_of

DETECTORS: dict[str, dict[str, Any]] = {  # name → options that differ from river's
    "adwin": {"clock": 1},  # looks at every loss, not at every 32nd
    "page-hinkley": {"mode": "up", "threshold": 5.0},
}
MEMORY, NEWEST = 100, 5  # losses remembered; those that tell a rise from a fall


class Detector:
    """Declares a boundary when the running loss has risen. Falls, which learning brings about, count for nothing.

    `adwin` (Bifet & Gavaldà 2007) keeps a window of losses and cuts it where its two parts differ at confidence `delta`; `page-hinkley`
    (Page 1954) sums deviations of more than `delta` above the mean up to `threshold`. `since`: how many of the last losses belong to the
    new part, those above the middle between the usual loss and the newest.
    """

    since = 0

    def __init__(self, name: str, **options: Any) -> None:
        """`options`: of river's class of that name (defaults as there, but for those in DETECTORS)."""
        self.name, self.options = one_of("detector", name, DETECTORS), options
        try:
            from river import drift
        except ImportError:
            raise MissingExtra("river", "drift") from None
        self._make = drift.ADWIN if name == "adwin" else drift.PageHinkley
        self.reset()

    def reset(self) -> None:
        """Forgets everything, as after a boundary."""
        try:
            self._detector: Any = self._make(**(DETECTORS[self.name] | self.options))
        except TypeError as error:
            raise HoldfastError(f"detector {self.name}: {error}") from None
        self._losses: deque[float] = deque(maxlen=MEMORY)

    def update(self, loss: float) -> bool:
        """Takes the next loss; True where it declares a boundary (and resets itself)."""
        self._detector.update(loss)
        self._losses.append(loss)
        if not self._detector.drift_detected or len(self._losses) <= NEWEST:
            return False
        losses = list(self._losses)
        before, newest = losses[:-NEWEST], mean(losses[-NEWEST:])
        usual = median(before)
        if newest <= usual:
            return False
        risen = list(takewhile(lambda v: v > (usual + newest) / 2, reversed(self._losses)))
        self.since = len(risen)
        self.reset()
        return True
