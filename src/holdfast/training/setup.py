"""The arguments with which a learner was built, besides its model, its method and its optimizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from holdfast.engine.objective import Objective
from holdfast.errors import HoldfastError, one_of
from holdfast.settings import Settings
from holdfast.streams.task import SCENARIOS, Augment
from holdfast.training.scoring import Scorer

# A record has names such as "task", "step", "loss" and "score" (see `training.records`). Its values
# are texts, numbers, tensors, or dicts of numbers, so no narrower type holds for all of them.
Record = dict[str, object]
Log = Callable[[Record], object]
PRECISIONS: Mapping[str, torch.dtype | None] = {
    "float32": None,  # the network's own type, so nothing is cast
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass
class Setup:
    """The arguments of a learner. They stay the same while it trains, and checkpoints lack them.

    The one exception is `augment`: if you give none, `fit` sets that of its stream.

    Args:
        scenario: "task", "domain" or "class".
        objective: What the network is trained for.
        settings: How the learner trains.
        seed: Decides the order of the examples, the method's choices, and everything that draws
            random numbers.
        device: Where the network and the examples of a step are.
        augment: (raw examples, generator) → examples. None leaves training examples as they are.
        scorer: (answers, targets) → one score per example.
        log: Receives the records of steps and evaluations. None switches logging off.
        log_every: Steps between two records of a task, at least 1.

    Raises:
        HoldfastError: There is no such scenario, the objective has no meaning in it, or
            `log_every` is below 1.
    """

    scenario: str
    objective: Objective
    settings: Settings
    seed: int
    device: torch.device
    augment: Augment | None
    scorer: Scorer
    log: Log | None
    log_every: int

    def __post_init__(self) -> None:
        one_of("scenario", self.scenario, SCENARIOS)
        self.objective.refuse(self.scenario)
        if self.log_every < 1:
            raise HoldfastError(
                f"log_every is a number of steps of at least 1, got {self.log_every}; "
                "leave out log to switch logging off"
            )

    @property
    def precision(self) -> torch.dtype | None:
        """The number format of the forward pass, or None for that of the network."""
        return PRECISIONS[self.settings.precision]

    def known_task(self, task: int | None) -> int | None:
        """Return what the network may know of a task at test time.

        Args:
            task: The number of a task, from 0.

        Returns:
            The number in the task scenario. In the other scenarios None, because there the network
            must answer without knowing the task.
        """
        if self.scenario == "task":
            return task
        return None
