"""A learner as its method sees it: what it trains, how far it has come, and questions about it.

Questions (gradients, losses, features, importances on rows that are not being trained on) change
nothing: weights, statistics of BatchNorm and random generators are afterwards as they were.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.competing import ALL, Competing
from holdfast.engine.fisher import fisher_diagonal
from holdfast.engine.loss import cross_entropy
from holdfast.engine.magnitudes import mean_magnitude
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.methods.view import Logits, MakeOptimizer
from holdfast.models.heads import Head
from holdfast.streams.order import BatchOrder
from holdfast.streams.row_tasks import shared_task
from holdfast.streams.task import Task
from holdfast.training.batches import order_of, read
from holdfast.training.forward import Forward
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState
from holdfast.training.watch import warn_if_unstable

CHUNK = 4096  # examples that are fetched at once


class View:
    """Implements `methods.view.LearnerView`.

    Attributes:
        setup: What the learner was told.
        state: What training changes.
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
        self.model = state.model
        self.space = state.space
        self.device = setup.device
        self.scenario = setup.scenario

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
        """What is trained on for the current task; None between two tasks."""
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
        """The batches of a task: how many there are, and which rows each has."""
        return order_of(self.setup, self.state.takes_steps, task)

    def batches(self) -> Iterator[Batch]:
        """The current task's batches, from the step reached so far."""
        task = self.need_task()
        return read(self.setup, self.state, task.train, self.order(task), self.task_steps)

    def need_task(self) -> Task:
        """What is trained on for the current task.

        Raises:
            HoldfastError: No task has begun.
        """
        if self.training_task is None:
            raise HoldfastError("no task is being trained; call begin(task) first")
        return self.training_task

    # ---- forward passes and gradients

    def prepare(self, x: Tensor, augment: bool = True) -> Tensor:
        """Turn raw rows (B, ...) into inputs of the network."""
        return self.forward.prepare(x, augment)

    def competing(self, batch: Batch) -> Competing:
        """The outputs that compete in the loss of each row."""
        return self.forward.competing(batch)

    def all_logits(self, features: Tensor) -> Tensor:
        """Logits of every output that is open, whatever the task."""
        return self.state.head(features, None)

    def gradient_on(self, batch: Batch, out: Tensor | None = None) -> Tensor:
        """The gradient of the plain loss on other rows, θ-shaped; g, BatchNorm statistics and generators are left as they were.

        `out` is overwritten where given, else a new vector is made.
        """
        vector = torch.zeros_like(self.space.theta) if out is None else out.zero_()
        with torch.enable_grad(), self.state.undisturbed():
            step = self.forward(batch)
            loss = cross_entropy(step.logits, batch.y, step.competing, batch)
            with self.space.writing_to(vector):
                loss.backward()
        return vector

    @torch.no_grad()
    def losses_on(self, batch: Batch) -> Tensor:
        """The plain loss of each row, (B,), in training mode; BatchNorm statistics and generators are left as they were."""
        with self.state.undisturbed():
            step = self.forward(batch)
            return step.competing.losses(step.logits, batch.y)

    @contextmanager
    def at(self, theta: Tensor) -> Iterator[None]:
        """Other weights for a while."""
        with torch.no_grad():
            kept = self.space.theta.clone()
            self.space.theta.copy_(theta)
        try:
            yield
        finally:
            with torch.no_grad():
                self.space.theta.copy_(kept)

    @torch.no_grad()
    def embed(self, rows: Task | Tensor, task: int | None = None) -> Tensor:
        """Features (N, D), in eval mode and not augmented, of a task's training examples in order, or of raw inputs (N, ...)."""
        if isinstance(rows, Task):
            order = torch.arange(len(rows.train)).split(
                self.forward.rows_at_once(rows, "train", rows.train)
            )
            pieces = [self.embed(x, rows.index) for x, _, _ in rows.train.batches(order)]
            return torch.cat(pieces)
        with evaluating(self.model):
            known = task if self.scenario == "task" else None
            return self.model.features(self.prepare(rows.to(self.device), augment=False), known)

    def fisher(
        self, task: Task, *, samples: int, labels: str, generator: torch.Generator
    ) -> Tensor:
        """The Fisher diagonal on `samples` random training examples of a task (0: all), over the outputs that compete in its loss."""
        x, y, logits = self.examples_of(task, samples, generator)
        return fisher_diagonal(self.space, logits, x, y, labels=labels, generator=generator)

    def output_sensitivity(self, task: Task, *, samples: int, generator: torch.Generator) -> Tensor:
        """E_x |∂ ½‖f(x)‖² / ∂θ| per example, f the outputs that compete in the task's loss; no labels are used (MAS)."""
        x, _, logits = self.examples_of(task, samples, generator)

        def half_norm(module: nn.Module, part: Tensor) -> Tensor:
            return logits(module, part).square().sum(1, keepdim=True) / 2

        return mean_magnitude(
            self.space, half_norm, x, torch.ones(len(x), 1, device=x.device), torch.abs
        )

    def fisher_on(self, batch: Batch) -> Tensor:
        """The Fisher diagonal of a batch's stream rows at their labels, over the outputs that compete."""
        rows = batch.rows(torch.arange(len(batch.blocks[0])))
        x = self.prepare(rows.x, augment=False)
        y, logits = self._in_play(Batch.of_stream(rows))
        with torch.enable_grad():
            return fisher_diagonal(self.space, logits, x, y, labels="empirical")

    def examples_of(
        self, task: Task, samples: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Logits]:
        """Random training examples (0: all) as the network takes them, labels as positions among the outputs that compete, and those
        outputs' logits as a function of (module, x)."""
        order = torch.randperm(len(task.train), generator=generator)[: samples or None]
        rows = list(task.train.batches(order.split(CHUNK)))
        x = torch.cat([self.prepare(r[0].to(self.device), augment=False) for r in rows])
        y = torch.cat([r[1].to(self.device) for r in rows])
        return x, *self._in_play(Batch.of_stream(Rows.of_task(x, y, task.index)))

    def _in_play(self, batch: Batch) -> tuple[Tensor, Logits]:
        """For rows of one task, what `examples_of` returns besides the inputs."""
        competing = self.forward.competing(batch).of_one_task()
        if competing is ALL:
            competing = Competing.between(0, self.head.opened)
        number = shared_task(batch.task)
        if number is None:
            number = self.tasks[-1].index
        known = self.setup.known_task(number)

        def logits(module: nn.Module, part: Tensor) -> Tensor:
            return competing.of(module(part, known))

        return competing.position(batch.y), logits

    # ---- what a method may do besides returning values

    def optimizer_for(self, name: str, module: nn.Module, make: MakeOptimizer) -> Optimizer:
        """An optimizer for a trainable part of the method itself. Checkpoints contain it."""
        return self.state.optimizer_for(name, module, make)

    def warn_if_unstable(self, strength: float, largest: float) -> None:
        """Warn if a quadratic penalty of this strength makes gradient descent diverge."""
        warn_if_unstable(self.state.optimizers.main, strength, largest)
