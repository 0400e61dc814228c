"""What happens in a step after the optimizer of the Trainer has moved the weights."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback


class AfterOptimizer(TrainerCallback):
    """Finishes the step of a learner.

    Args:
        finish: Is called once per step, before the learning rate and the count of steps change.
    """

    def __init__(self, finish: Callable[[], None]) -> None:
        self._finish = finish

    def on_optimizer_step(self, *args: Any, **more: Any) -> None:
        """Finish the step."""
        self._finish()
