"""Detectors that declare a task boundary from the running loss, by River (extra `drift`)."""

from collections import deque
from collections.abc import Mapping
from itertools import takewhile
from statistics import mean, median
from typing import Protocol

from holdfast.errors import HoldfastError, MissingExtra, one_of

Option = float | int | str | bool
DETECTORS: dict[str, dict[str, Option]] = {  # name → options that differ from River's defaults
    "adwin": {"clock": 1},  # looks at every loss, not at every 32nd
    "page-hinkley": {"mode": "up", "threshold": 5.0},
}
MEMORY = 100  # losses that are remembered
NEWEST = 5  # losses whose mean tells a rise from a fall


class RiverDetector(Protocol):
    """What is used of a detector of River."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value made it detect a drift."""
        ...

    def update(self, x: float) -> None:
        """Take the next value."""
        ...


class Detector:
    """Declares a task boundary when the running loss has risen.

    Falls of the loss, which learning brings about, never count.

    Args:
        name: "adwin" (Bifet & Gavaldà 2007) keeps a window of losses, and cuts it if the means of
            its two parts differ at confidence `delta`. "page-hinkley" (Page 1954) sums how far the
            losses exceed their mean by more than `delta`, up to `threshold`.
        **options: Options of River's class of that name. Defaults are River's, except for those in
            `DETECTORS`.

    Attributes:
        since: After a boundary, how many of the last losses belong to the new task: those above
            the middle between the usual loss and the newest.

    Raises:
        MissingExtra: River is not installed.
        HoldfastError: The detector or one of its options is unknown.

    Example:
        >>> detector = Detector("page-hinkley")
        >>> losses = [0.1] * 50 + [2.0] * 20
        >>> [number for number, loss in enumerate(losses) if detector.update(loss)]
        [52]
    """

    since = 0

    def __init__(self, name: str, **options: Option) -> None:
        self.name = one_of("detector", name, DETECTORS)
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Forget all losses, as after a boundary."""
        self._detector = _make(self.name, DETECTORS[self.name] | self.options)
        self._losses: deque[float] = deque(maxlen=MEMORY)

    def update(self, loss: float) -> bool:
        """Take the next loss.

        Args:
            loss: The mean loss of a batch.

        Returns:
            Whether a boundary is declared. The detector has then been reset, and `since` is set.
        """
        self._detector.update(loss)
        self._losses.append(loss)
        # So soon after a boundary there is no usual loss to compare with.
        if not self._detector.drift_detected or len(self._losses) <= NEWEST:
            return False
        losses = list(self._losses)
        usual = median(losses[:-NEWEST])
        newest = mean(losses[-NEWEST:])
        # The detector also reacts to falls.
        if newest <= usual:
            return False
        middle = (usual + newest) / 2
        # The rise began where the losses, read backwards, fall below the middle for the first time.
        self.since = len(list(takewhile(lambda value: value > middle, reversed(losses))))
        self.reset()
        return True


def _make(name: str, options: Mapping[str, Option]) -> RiverDetector:
    """A new detector of River."""
    try:
        from river import drift
    except ImportError:
        raise MissingExtra("river", "drift") from None
    classes = {"adwin": drift.ADWIN, "page-hinkley": drift.PageHinkley}
    try:
        return classes[name](**options)
    except TypeError as error:  # an option that River doesn't have
        raise HoldfastError(f"detector {name}: {error}; correct its options") from None
