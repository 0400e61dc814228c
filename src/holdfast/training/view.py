"""A learner as its method sees it: what it trains, how far it has come, and questions about it.

Questions (gradients, losses, features, importances on rows that are not being trained on) change
nothing: weights, statistics of BatchNorm and random generators are afterwards as they were.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.competing import ALL, Competing
from holdfast.engine.fisher import fisher_diagonal
from holdfast.engine.magnitudes import mean_magnitude
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.methods.view import Logits, MakeOptimizer
from holdfast.models.heads import Head
from holdfast.named_inputs import Inputs, join_inputs
from holdfast.streams.order import BatchOrder
from holdfast.streams.row_tasks import shared_task
from holdfast.streams.task import Task
from holdfast.training.batches import order_of, read
from holdfast.training.forward import Forward
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState
from holdfast.training.watch import warn_if_unstable

CHUNK = 4096  # examples that are fetched at once, so that reading has a bounded size


class View:
    """Implements `methods.view.LearnerView`.

    Args:
        setup: The arguments of the learner.
        state: What training changes.

    Attributes:
        forward: The forward pass.
        model: The network, as the method wrapped it.
        space: θ and its gradient as vectors.
        device: Where the network is.
        scenario: "task", "domain" or "class".
    """

    def __init__(self, setup: Setup, state: TrainingState) -> None:
        self.setup = setup
        self.state = state
        self.forward = Forward(setup, state)
        # Plain attributes, because methods read these in every step and properties take longer.
        self.model = state.model
        self.space = state.space
        self.device = setup.device
        self.scenario = setup.scenario
        self.objective = setup.objective

    @property
    def head(self) -> Head:
        """The network's output layer."""
        return self.state.head

    # ---- how far training has come

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks so far, the current one last."""
        return self.state.tasks

    @property
    def task_number(self) -> int:
        """How many tasks came before the current one: 0 during the first task."""
        return self.state.task_number

    @property
    def training_task(self) -> Task | None:
        """The current task with the examples that its method chose, or None between two tasks."""
        return self.state.training_task

    @property
    def task_steps(self) -> int:
        """How many steps of the current task are done."""
        return self.state.progress.task_steps

    @property
    def active(self) -> bool:
        """Whether a task is being trained."""
        return self.state.active

    @property
    def seen_outputs(self) -> int:
        """How many outputs the tasks so far have."""
        return self.state.progress.seen_outputs

    @property
    def learning_rate(self) -> float:
        """The present learning rate of the optimizer's first group."""
        return self.state.optimizers.learning_rate

    def order(self, task: Task) -> BatchOrder:
        """Return the batches of a task: how many there are, and which rows each has.

        Raises:
            HoldfastError: The settings have no number of epochs for the task.
        """
        return order_of(self.setup, self.state.takes_steps, task)

    def batches(self) -> Iterator[Batch]:
        """Read the current task's batches, from the step that was reached so far.

        If a checkpoint from the middle of a task was loaded, these are the batches that are left.

        Raises:
            HoldfastError: No task is being trained.
        """
        task = self.need_task()
        return read(self.setup, self.state, task.train, self.order(task), self.task_steps)

    def need_task(self) -> Task:
        """Return the current task with the examples that its method chose.

        Raises:
            HoldfastError: No task is being trained.
        """
        training_task = self.training_task
        if training_task is None:
            raise HoldfastError("no task is being trained; call begin(task) first")
        return training_task

    # ---- forward passes and gradients

    @overload
    def prepare(self, x: Tensor, augment: bool = True) -> Tensor: ...

    @overload
    def prepare(self, x: Inputs, augment: bool = True) -> Inputs: ...

    def prepare(self, x: Inputs, augment: bool = True) -> Inputs:
        """Turn raw rows (N, ...) into inputs of the network (see `Forward.prepare`)."""
        return self.forward.prepare(x, augment)

    def competing(self, batch: Batch) -> Competing:
        """Return the outputs that compete in the loss of each row (see `Forward.competing`)."""
        return self.forward.competing(batch)

    def all_logits(self, features: Tensor) -> Tensor:
        """Return the logits (N, C) of every open output from features (N, D), whatever the task."""
        logits: Tensor = self.state.head(features, None)
        return logits

    def gradient_on(self, batch: Batch, out: Tensor | None = None) -> Tensor:
        """Compute the gradient of the plain loss on other rows than those of the step.

        The gradient g of the step, BatchNorm statistics and random generators stay as they were.

        Args:
            batch: The rows.
            out: A θ-shaped vector that is overwritten. None makes a new one.

        Returns:
            The gradient, θ-shaped.
        """
        if out is None:
            vector = torch.zeros_like(self.space.theta)
        else:
            vector = out.zero_()
        # Hooks such as `after` run without gradients, so they are switched on here.
        with torch.enable_grad(), self.state.undisturbed():
            step = self.forward(batch)
            loss = self.objective.loss(step)
            with self.space.writing_to(vector):
                loss.backward()
        return vector

    @torch.no_grad()
    def losses_on(self, batch: Batch) -> Tensor:
        """Compute the plain loss of each row in training mode.

        BatchNorm statistics and random generators stay as they were.

        Args:
            batch: The rows.

        Returns:
            The losses, (B,).
        """
        with self.state.undisturbed():
            step = self.forward(batch)
            rows = Rows(step.x, batch.y, batch.task)
            return self.objective.losses(step.logits, rows, step.competing)

    @contextmanager
    def at(self, theta: Tensor) -> Iterator[None]:
        """Give the network other weights inside the context.

        Args:
            theta: The weights, θ-shaped. They are copied.
        """
        with torch.no_grad():
            # The parameters are views of θ, so writing into it changes the network.
            kept = self.space.theta.clone()
            self.space.theta.copy_(theta)
        try:
            yield
        finally:
            with torch.no_grad():
                self.space.theta.copy_(kept)

    @torch.no_grad()
    def embed(self, rows: Task | Inputs, task: int | None = None) -> Tensor:
        """Compute features in evaluation mode, without augmentation; see `LearnerView.embed`."""
        if isinstance(rows, Task):
            size = self.forward.rows_at_once(rows, "train", rows.train)
            order = torch.arange(len(rows.train)).split(size)
            pieces = [self.embed(x, rows.index) for x, _, _ in rows.train.batches(order)]
            return torch.cat(pieces)
        known = self.setup.known_task(task)
        with evaluating(self.model):
            return self.model.features(self.prepare(rows.to(self.device), augment=False), known)

    # ---- how much each weight matters

    def fisher(
        self, task: Task, *, samples: int, labels: str, generator: torch.Generator
    ) -> Tensor:
        """Estimate the diagonal of the Fisher information on a task.

        It is that of the outputs that compete in the task's loss.

        Args:
            task: The task.
            samples: How many random training examples are used. 0 uses all of them.
            labels: Which labels are used (see `engine.fisher.fisher_diagonal`).
            generator: Draws the examples, and labels if they are sampled.

        Returns:
            The diagonal, θ-shaped.
        """
        x, y, logits = self.examples_of(task, samples, generator)
        return self._fisher(logits, Rows.of_task(x, y, task.index), labels, generator)

    def fisher_on(self, batch: Batch) -> Tensor:
        """Compute the diagonal of the empirical Fisher information on a batch's stream rows.

        Args:
            batch: The rows, all of one task. Those that a method added are left out.

        Returns:
            The diagonal at the rows' labels, θ-shaped.
        """
        rows = batch.rows(torch.arange(len(batch.blocks[0])))
        x = self.prepare(rows.x, augment=False)
        y, logits = self._in_play(Batch.of_stream(rows))
        with torch.enable_grad():
            return self._fisher(logits, Rows(x, y, rows.task), "empirical", None)

    def _fisher(
        self, logits: Logits, rows: Rows, labels: str, generator: torch.Generator | None
    ) -> Tensor:
        """Compute the diagonal of the Fisher information of the learner's objective on rows."""
        ask = partial(fisher_diagonal, objective=self.objective, tasks=rows.task)
        return ask(self.space, logits, rows.x, rows.y, labels=labels, generator=generator)

    def output_sensitivity(self, task: Task, *, samples: int, generator: torch.Generator) -> Tensor:
        """Measure how much each weight changes the outputs on a task, without labels.

        This is E_x |∂ ½‖f(x)‖² / ∂θ|, where f are the outputs that compete in the task's loss
        (Aljundi et al., Memory Aware Synapses, ECCV 2018).

        Args:
            task: The task.
            samples: How many random training examples are used. 0 uses all of them.
            generator: Draws the examples.

        Returns:
            The mean magnitude of each weight's gradient, θ-shaped.
        """
        x, _, logits = self.examples_of(task, samples, generator)

        def half_norm(module: nn.Module, part: Inputs) -> Tensor:
            # A text has an answer per token.
            return logits(module, part).flatten(1).square().sum(1, keepdim=True) / 2

        # There is one "output" per row, the half norm, and its weight in the mean is 1.
        weights = torch.ones(len(x), 1, device=x.device)
        return mean_magnitude(self.space, half_norm, x, weights, torch.abs)

    def examples_of(
        self, task: Task, samples: int, generator: torch.Generator
    ) -> tuple[Inputs, Tensor, Logits]:
        """Draw training examples of a task; see `LearnerView.examples_of`."""
        order = torch.randperm(len(task.train), generator=generator)
        if samples:
            order = order[:samples]
        inputs = []
        labels = []
        for x, y, _ in task.train.batches(order.split(CHUNK)):
            inputs.append(self.prepare(x.to(self.device), augment=False))
            labels.append(y.to(self.device))
        x = join_inputs(inputs)
        y = torch.cat(labels)
        return x, *self._in_play(Batch.of_stream(Rows.of_task(x, y, task.index)))

    def _in_play(self, batch: Batch) -> tuple[Tensor, Logits]:
        """Return labels and logits function of `examples_of` for rows of one task."""
        competing = self.forward.competing(batch).of_one_task()
        if competing is ALL:  # Fisher needs a number of outputs, which are those that are open
            competing = Competing.between(0, self.head.opened)
        # Rows of several tasks come from a memory. Only the task scenario reads the number.
        number = shared_task(batch.task)
        if number is None:
            number = self.tasks[-1].index
        known = self.setup.known_task(number)

        def logits(module: nn.Module, part: Inputs) -> Tensor:
            return competing.of(module(part, known))

        return self.objective.targets(batch.y, competing, self.head.width), logits

    # ---- what a method may do besides returning values

    def optimizer_for(self, name: str, module: nn.Module, make: MakeOptimizer) -> Optimizer:
        """Return the optimizer of a trainable part of the method itself. Checkpoints contain it.

        Args:
            name: A name of its own, which is the same in every process.
            module: The part.
            make: Makes the optimizer from parameters, the first time it is asked for.

        Returns:
            The optimizer, with its state from a checkpoint if there is one.
        """
        return self.state.optimizer_for(name, module, make)

    def warn_if_unstable(self, strength: float, largest: float) -> None:
        """Warn if a quadratic penalty makes gradient descent diverge.

        Args:
            strength: The factor of the penalty.
            largest: The largest entry of its curvature.
        """
        warn_if_unstable(self.state.optimizers.main, strength, largest)
