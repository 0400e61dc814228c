"""What a learner was told when it was built, besides its model, its method and its optimizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from holdfast.errors import HoldfastError, one_of
from holdfast.settings import Settings
from holdfast.streams.task import SCENARIOS, Augment
from holdfast.training.scoring import Scorer

Log = Callable[[dict[str, Any]], None]
PRECISIONS: Mapping[str, torch.dtype | None] = {
    "float32": None,  # no cast
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass
class Setup:
    """What stays the same while a learner trains.

    Attributes:
        scenario: "task", "domain" or "class".
        settings: How it trains.
        seed: Decides the batches, the methods' choices, and whatever draws random numbers.
        device: Where the network and the examples of a step are.
        augment: Changes raw training examples at random; a stream's own if the user gave none.
        scorer: Gives the score of each example from its logits and its label.
        log: Receives records of steps and evaluations.
        log_every: Steps between two records.
    """

    scenario: str
    settings: Settings
    seed: int
    device: torch.device
    augment: Augment | None
    scorer: Scorer
    log: Log | None
    log_every: int

    def __post_init__(self) -> None:
        one_of("scenario", self.scenario, SCENARIOS)
        if self.log_every < 1:
            raise HoldfastError(
                f"log_every is a number of steps of at least 1, got {self.log_every}; "
                "leave out log to switch logging off"
            )

    @property
    def precision(self) -> torch.dtype | None:
        """The type of the forward pass; None for that of the network."""
        return PRECISIONS[self.settings.precision]

    def known_task(self, task: int | None) -> int | None:
        """The number of a task if the scenario tells it at test time, otherwise None."""
        return task if self.scenario == "task" else None
