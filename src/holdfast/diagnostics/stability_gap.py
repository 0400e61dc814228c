"""The stability gap: how far old tasks fall right after a task boundary, before they recover.

The scores are those of fixed examples, step by step (De Lange et al. 2023).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class StabilityGap:
    """The mean score of the old tasks in the steps after a task boundary.

    Args:
        steps: The number of steps before each evaluation; 0 is before the first step.
        scores: The score at each evaluation.

    Example:
        >>> gap = StabilityGap(steps=(0, 1, 2), scores=(0.9, 0.25, 0.75))
        >>> gap.depth, gap.lowest_at
        (0.5, 1)
    """

    steps: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def depth(self) -> float:
        """How far the lowest score is below the last one."""
        # From the end and not from the beginning, because forgetting that lasts is no gap.
        return self.scores[-1] - min(self.scores)

    @property
    def lowest_at(self) -> int:
        """The step of the lowest score."""
        return self.steps[int(np.argmin(self.scores))]


def evaluation_steps(steps: int, dense: int = 30, every: int = 10) -> list[int]:
    """Choose the steps at which to evaluate: all at first, where the gap is, and then some.

    Args:
        steps: The number of steps of the training.
        dense: Evaluate before the first step and after each of this many steps.
        every: Later, evaluate after every step whose number is a multiple of this.

    Returns:
        The numbers of the steps, from 0 to `steps`, in order.

    Example:
        >>> evaluation_steps(50, dense=3, every=20)
        [0, 1, 2, 3, 20, 40, 50]
    """
    first = range(min(dense, steps) + 1)
    later = range(0, steps + 1, every)
    # The last step is among them, because the depth is measured from the end.
    return sorted({*first, *later, steps})


def watch_stability_gap(
    step: Callable[[], object], score: Callable[[], float], at: Sequence[int]
) -> StabilityGap:
    """Train, and evaluate the old tasks in between.

    Args:
        step: Trains one step. Its result is not used.
        score: Evaluates the old tasks, on the same examples each time.
        at: The steps to evaluate at, in order and from 0; see `evaluation_steps`.

    Returns:
        The scores.

    Raises:
        HoldfastError: The first evaluation is not at step 0.

    Example:
        >>> scores = iter([0.9, 0.4, 0.8])
        >>> watch_stability_gap(lambda: None, lambda: next(scores), [0, 1, 5]).scores
        (0.9, 0.4, 0.8)
    """
    # Without a score from before, a fall in the first step would not be seen.
    if not at or at[0] != 0:
        raise HoldfastError(
            f"the first evaluation is at step 0, before training, but at= is {list(at)}; begin it "
            "with 0"
        )
    scores = []
    done = 0
    for evaluated_at in at:
        while done < evaluated_at:
            step()
            done += 1
        scores.append(score())
    return StabilityGap(tuple(at), tuple(scores))
