"""How well boundaries were found: delays, misses and false alarms."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """`delays`: steps from each true boundary to the first declared one before the next (None: missed); `false_alarms`: the others."""

    delays: tuple[int | None, ...]
    false_alarms: int

    @property
    def missed(self) -> int:
        """True boundaries that were not found."""
        return sum(d is None for d in self.delays)


def detection(declared: Sequence[int], true: Sequence[int]) -> Detection:
    """Declared boundaries against true ones, both as numbers of steps done before them, ascending.

    >>> detection(declared=[40, 103, 150, 320], true=[100, 200, 300])
    Detection(delays=(3, None, 20), false_alarms=2)
    """
    delays: list[int | None] = []
    for k, boundary in enumerate(true):
        end = true[k + 1] if k + 1 < len(true) else float("inf")
        found = [d for d in declared if boundary <= d < end]
        delays.append(found[0] - boundary if found else None)
    return Detection(tuple(delays), len(declared) - sum(d is not None for d in delays))
