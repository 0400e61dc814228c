"""How well a detector finds task boundaries: delays, misses and false alarms."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """Which boundaries a detector found, and how late.

    Args:
        delays: For each true boundary, the number of steps from it to the first declared boundary
            before the next true one. None if it was missed.
        false_alarms: Number of all other declared boundaries.
    """

    delays: tuple[int | None, ...]
    false_alarms: int

    @property
    def missed(self) -> int:
        """The number of true boundaries that were not found."""
        return self.delays.count(None)


def detection(declared: Sequence[int], true: Sequence[int]) -> Detection:
    """Compare declared boundaries with true ones.

    A true boundary is found by the first boundary that is declared at it or after it, but before
    the next true one. Every other declared boundary is a false alarm.

    Args:
        declared: Numbers of steps that were done before each declared boundary, ascending.
        true: Numbers of steps that were done before each true boundary, ascending.

    Returns:
        The delay of each true boundary, and the number of false alarms.

    Example:
        >>> detection(declared=[40, 103, 150, 320], true=[100, 200, 300])
        Detection(delays=(3, None, 20), false_alarms=2)
    """
    delays: list[int | None] = []
    number_found = 0
    # After the last true boundary, every declared one lies before the next.
    for boundary, following in zip(true, [*true[1:], float("inf")], strict=True):
        # The first of these is the one that found the boundary. The others are false alarms.
        after = [step for step in declared if boundary <= step < following]
        if after:
            delays.append(after[0] - boundary)
            number_found += 1
        else:
            delays.append(None)
    return Detection(tuple(delays), false_alarms=len(declared) - number_found)
