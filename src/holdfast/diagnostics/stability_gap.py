"""The stability gap: how far old tasks fall right after a boundary, on fixed examples, before they come back (De Lange et al. 2023)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class StabilityGap:
    """Mean score of the old tasks by step after a boundary (step 0: before the first). `depth`: the last score minus the least."""

    steps: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def depth(self) -> float:
        """How much deeper the lowest point lies than the end."""
        return self.scores[-1] - min(self.scores)

    @property
    def lowest_at(self) -> int:
        """The step of the lowest score."""
        return self.steps[int(np.argmin(self.scores))]


def schedule(steps: int, dense: int = 30, every: int = 10) -> list[int]:
    """The steps at which to evaluate: each of the first `dense`, then every `every`-th, and the last.

    >>> schedule(50, dense=3, every=20)
    [0, 1, 2, 3, 20, 40, 50]
    """
    return sorted({*range(min(dense, steps) + 1), *range(0, steps + 1, every), steps})


def watch_stability_gap(
    step: Callable[[], object], score: Callable[[], float], at: Sequence[int]
) -> StabilityGap:
    """Trains with `step()` and evaluates `score()` (old tasks, the same examples each time) at the steps listed."""
    if not at or at[0] != 0:
        raise HoldfastError("the first evaluation is at step 0, before training")
    found, done = [], 0
    for wanted in at:
        while done < wanted:
            step()
            done += 1
        found.append(score())
    return StabilityGap(tuple(at), tuple(found))
