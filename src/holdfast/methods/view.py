"""What a method may see of the learner that trains with it, and what it may ask.

Every hook of a method receives such a view as `learner`. It is the whole interface: a method never
reaches the optimizer, the loop, or another method. B is the number of rows of a batch, C the number
of outputs, D the number of features, and θ the vector of all trainable weights.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn

from holdfast.engine.batch import Batch
from holdfast.engine.competing import Competing
from holdfast.engine.parameters import ParameterSpace
from holdfast.models.heads import Head
from holdfast.models.network import Network
from holdfast.streams.order import BatchOrder
from holdfast.streams.task import Task

Logits = Callable[[nn.Module, Tensor], Tensor]  # (network, inputs (N, ...)) → logits (N, C)
MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class LearnerView(Protocol):
    """A learner as its method sees it."""

    # ---- what is trained

    @property
    def model(self) -> Network:
        """The network, as the methods' `attach` wrapped it."""

    @property
    def head(self) -> Head:
        """The network's output layer. It knows which outputs each task has."""

    @property
    def space(self) -> ParameterSpace:
        """θ and its gradient as vectors (`space.theta`, `space.grad`)."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    @property
    def scenario(self) -> str:
        """The scenario: "task", "domain" or "class"."""

    # ---- how far training has come

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks so far, the current one last."""

    @property
    def task_number(self) -> int:
        """How many tasks came before the current one: 0 during the first task."""

    @property
    def training_task(self) -> Task | None:
        """What is trained on for the current task, as `begin` returned it. None between two tasks."""

    def need_task(self) -> Task:
        """The same, for the time when a task is being trained; an error between two tasks."""

    @property
    def task_steps(self) -> int:
        """How many steps of the current task are done."""

    @property
    def active(self) -> bool:
        """Whether a task is being trained: True from `begin` to the end of `consolidate`."""

    @property
    def seen_outputs(self) -> int:
        """How many outputs the tasks so far have."""

    @property
    def learning_rate(self) -> float:
        """The present learning rate of the optimizer's first group."""

    def order(self, task: Task) -> BatchOrder:
        """The batches of a task: how many there are, and which rows each has."""

    # ---- forward passes and gradients; none of them changes the network or the course of training

    def prepare(self, x: Tensor, augment: bool = True) -> Tensor:
        """Turn raw rows (B, ...) into inputs of the network, augmented as in training if you want."""

    def competing(self, batch: Batch) -> Competing:
        """Which outputs compete in the loss of each row of a batch."""

    def all_logits(self, features: Tensor) -> Tensor:
        """The logits (B, C) of all outputs that are open, from features (B, D), whatever the task."""

    def embed(self, rows: Task | Tensor, task: int | None = None) -> Tensor:
        """Features (N, D) in evaluation mode of a task's training examples, or of raw inputs (N, ...)."""

    def gradient_on(self, batch: Batch, out: Tensor | None = None) -> Tensor:
        """The gradient of the plain loss on a batch, shaped like θ. It is written into `out` if given."""

    def losses_on(self, batch: Batch) -> Tensor:
        """The plain loss of each row of a batch, (B,)."""

    def at(self, theta: Tensor) -> AbstractContextManager[None]:
        """Inside this context, the network has the weights `theta`."""

    def examples_of(
        self, task: Task, samples: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Logits]:
        """Draw training examples of a task: inputs, labels, and a function that gives their logits."""

    # ---- how much each weight matters

    def fisher(
        self, task: Task, *, samples: int, labels: str, generator: torch.Generator
    ) -> Tensor:
        """The diagonal of the Fisher information on a task, shaped like θ."""

    def fisher_on(self, batch: Batch) -> Tensor:
        """The same on the rows of a batch that came from the stream, at their labels."""

    def output_sensitivity(self, task: Task, *, samples: int, generator: torch.Generator) -> Tensor:
        """How much each weight changes the outputs on a task, without labels, shaped like θ."""

    # ---- what a method may do besides returning values

    def optimizer_for(
        self, name: str, module: nn.Module, make: MakeOptimizer
    ) -> torch.optim.Optimizer:
        """An optimizer for a trainable part of the method itself. Checkpoints contain it."""

    def warn_if_unstable(self, strength: float, largest: float) -> None:
        """Warn if a quadratic penalty of this strength and curvature makes gradient descent diverge."""
