"""What a method may see of the learner that trains with it, and what it may ask.

Every hook of a method receives such a view as `learner`. It is the whole interface: a method never
reaches the optimizer, the loop, or another method.

The shapes in this file: N or B rows, C outputs, D features, and P weights. θ is the vector of all
trainable weights, (P,), and "θ-shaped" means of this shape.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, overload

import torch
from torch import Tensor, nn

from holdfast.engine.batch import Batch
from holdfast.engine.competing import Competing
from holdfast.engine.objective import Objective
from holdfast.engine.parameters import ParameterSpace
from holdfast.models.heads import Head
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs
from holdfast.streams.order import BatchOrder
from holdfast.streams.task import Task

Logits = Callable[[nn.Module, Inputs], Tensor]  # (network, inputs (N, ...)) → logits (N, C)
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

    @property
    def objective(self) -> Objective:
        """What the network is trained for: its loss, and what its outputs mean."""

    # ---- how far training has come

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks so far, the current one last. It may be empty after a checkpoint was loaded."""

    @property
    def task_number(self) -> int:
        """How many tasks came before the current one: 0 during the first task."""

    @property
    def training_task(self) -> Task | None:
        """What is trained on for the current task, as `begin` returned it. None between tasks."""

    def need_task(self) -> Task:
        """Return `training_task`, when a task is being trained.

        Raises:
            HoldfastError: No task is being trained.
        """

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
        """Return the batches of a task: how many there are, and which rows each has."""

    # ---- forward passes and gradients; none of them changes the network or the course of training

    @overload
    def prepare(self, x: Tensor, augment: bool = True) -> Tensor: ...

    @overload
    def prepare(self, x: Inputs, augment: bool = True) -> Inputs: ...

    def prepare(self, x: Inputs, augment: bool = True) -> Inputs:
        """Turn raw rows into inputs of the network.

        Args:
            x: Raw rows, (B, ...).
            augment: Whether they are augmented as in training.

        Returns:
            The inputs, (B, ...) as floating point numbers.
        """

    def competing(self, batch: Batch) -> Competing:
        """Return the outputs that compete in the loss of each row of a batch."""

    def all_logits(self, features: Tensor) -> Tensor:
        """Return the logits (B, C) of all open outputs from features (B, D), whatever the task."""

    def embed(self, rows: Task | Inputs, task: int | None = None) -> Tensor:
        """Compute features in evaluation mode, without augmentation.

        Args:
            rows: A task, for its training examples in order, or raw inputs (N, ...).
            task: The number of the task of raw inputs. It is used in the task scenario only.

        Returns:
            The features, (N, D).
        """

    def gradient_on(self, batch: Batch, out: Tensor | None = None) -> Tensor:
        """Compute the gradient of the plain loss on other rows than those of the step.

        Args:
            batch: The rows.
            out: A θ-shaped vector that is overwritten, such as `space.scratch`. None makes a new
                one.

        Returns:
            The gradient, θ-shaped.
        """

    def losses_on(self, batch: Batch) -> Tensor:
        """Return the plain loss of each row of a batch, (B,)."""

    def at(self, theta: Tensor) -> AbstractContextManager[None]:
        """Give the network the weights `theta`, θ-shaped, inside a `with` block."""

    def examples_of(
        self, task: Task, samples: int, generator: torch.Generator
    ) -> tuple[Inputs, Tensor, Logits]:
        """Draw training examples of a task.

        Args:
            task: The task.
            samples: How many. 0 takes all of them, in random order.
            generator: Draws them.

        Returns:
            Inputs (N, ...) as the network takes them, labels (N,) as positions among the outputs
            that compete in the task's loss (or the targets (N, K) of these outputs), and a function
            (network, inputs) → the logits of these outputs.
        """

    # ---- how much each weight matters

    def fisher(
        self, task: Task, *, samples: int, labels: str, generator: torch.Generator
    ) -> Tensor:
        """Estimate the diagonal of the Fisher information on a task.

        Args:
            task: The task.
            samples: How many random training examples are used. 0 uses all of them.
            labels: Which labels are used (see `engine.fisher.fisher_diagonal`).
            generator: Draws the examples, and labels if they are sampled.

        Returns:
            The diagonal, θ-shaped.
        """

    def fisher_on(self, batch: Batch) -> Tensor:
        """Return the diagonal on the stream's rows of a batch, at their labels, θ-shaped."""

    def output_sensitivity(self, task: Task, *, samples: int, generator: torch.Generator) -> Tensor:
        """Measure how much each weight changes the outputs on a task, without labels.

        Args:
            task: The task.
            samples: How many random training examples are used. 0 uses all of them.
            generator: Draws the examples.

        Returns:
            E_x |∂ ½‖f(x)‖² / ∂θ|, θ-shaped, where f are the outputs that compete in the task's
            loss.
        """

    # ---- what a method may do besides returning values

    def optimizer_for(
        self, name: str, module: nn.Module, make: MakeOptimizer
    ) -> torch.optim.Optimizer:
        """Return the optimizer of a trainable part of the method itself. Checkpoints contain it.

        Args:
            name: A name of its own, which is the same in every process.
            module: The part.
            make: Makes the optimizer from the part's parameters. It is called when there is none.

        Returns:
            The optimizer.
        """

    def warn_if_unstable(self, strength: float, largest: float) -> None:
        """Warn if a quadratic penalty makes plain gradient descent diverge.

        Args:
            strength: The factor of the penalty.
            largest: The largest entry of the penalty's curvature, without its factor.
        """
