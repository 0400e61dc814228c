"""Questions to a learner that change nothing: gradients, losses, features and importances on rows that are not being trained on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.batch import Batch, Block, Step
from holdfast.engine.fisher import fisher_diagonal
from holdfast.engine.loss import cross_entropy, restrict, within
from holdfast.engine.magnitudes import mean_magnitude
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.models.heads import Head
from holdfast.streams.task import Part, Task

Logits = Callable[[nn.Module, Tensor], Tensor]


class Probing:
    """What methods may ask of a learner (its base class)."""

    model: nn.Module
    space: ParameterSpace
    scenario: str
    device: torch.device
    tasks: list[Task]

    @property
    def head(self) -> Head:
        """The model's head."""
        return self.model.head  # type: ignore[return-value]

    def forward(self, batch: Batch) -> Step:
        """Raw rows → network input, features and logits."""
        raise NotImplementedError

    def prepare(self, x: Tensor, augment: bool = True) -> Tensor:
        """Raw rows on the device as the network takes them."""
        raise NotImplementedError

    def rows_at_once(self, task: Task, part: str, rows: Part) -> int:
        """The number of rows that one forward pass without gradients takes, by their bytes."""
        raise NotImplementedError

    def competing(self, batch: Batch) -> Any:
        """The outputs that compete in the loss of each row."""
        raise NotImplementedError

    def _generators(self) -> list[torch.Generator]:
        raise NotImplementedError

    def gradient_on(self, batch: Batch, out: Tensor | None = None) -> Tensor:
        """The gradient of the plain loss on other rows, θ-shaped; g, BatchNorm statistics and generators are left as they were.

        `out` is overwritten where given, else a new vector is made.
        """
        vector = torch.zeros_like(self.space.theta) if out is None else out.zero_()
        with torch.enable_grad(), self.undisturbed():
            step = self.forward(batch)
            loss = cross_entropy(step.logits, batch.y, step.competing, batch)
            with self.space.writing_to(vector):
                loss.backward()
        return vector

    @torch.no_grad()
    def losses_on(self, batch: Batch) -> Tensor:
        """The plain loss of each row, (B,), in training mode; BatchNorm statistics and generators are left as they were."""
        with self.undisturbed():
            step = self.forward(batch)
            return F.cross_entropy(
                restrict(step.logits, step.competing),
                within(batch.y, step.competing),
                reduction="none",
            )

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Forward passes inside leave the network's buffers and the generators they draw from as they were."""
        kept = [(b, b.clone()) for b in self.model.buffers()]
        states = [g.get_state() for g in self._generators()]
        try:
            yield
        finally:
            for generator, state in zip(self._generators(), states, strict=True):
                generator.set_state(state)
            with torch.no_grad():
                for buffer, value in kept:
                    buffer.copy_(value)

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
                self.rows_at_once(rows, "train", rows.train)
            )
            pieces = [self.embed(x, rows.index) for x, _, _ in rows.train.batches(order)]
            return torch.cat(pieces)
        with evaluating(self.model):
            known = task if self.scenario == "task" else None
            return self.model.features(self.prepare(rows.to(self.device), augment=False), known)  # type: ignore[operator]

    def fisher(
        self, task: Task, *, samples: int, labels: str, generator: torch.Generator
    ) -> Tensor:
        """The Fisher diagonal on `samples` random training examples of a task (0: all), over the outputs that compete in its loss."""
        x, y, logits = self.probe(task, samples, generator)
        return fisher_diagonal(self.space, logits, x, y, labels=labels, generator=generator)

    def output_sensitivity(self, task: Task, *, samples: int, generator: torch.Generator) -> Tensor:
        """E_x |∂ ½‖f(x)‖² / ∂θ| per example, f the outputs that compete in the task's loss; no labels are used (MAS)."""
        x, _, logits = self.probe(task, samples, generator)

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

    def probe(
        self, task: Task, samples: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Logits]:
        """Random training examples (0: all) as the network takes them, labels as positions among the outputs that compete, and those
        outputs' logits as a function of (module, x)."""
        order = torch.randperm(len(task.train), generator=generator)[: samples or None]
        rows = list(task.train.batches(order.split(4096)))
        x = torch.cat([self.prepare(r[0].to(self.device), augment=False) for r in rows])
        y = torch.cat([r[1].to(self.device) for r in rows])
        return x, *self._in_play(Batch(x, y, task.index, (Block("stream", 0, len(x)),)))

    def _in_play(self, batch: Batch) -> tuple[Tensor, Logits]:
        """For rows of one task: labels as positions among the outputs that compete, and the function that gives those outputs' logits."""
        competing = self.competing(batch)
        if isinstance(competing, Tensor):
            competing = (
                competing[0].nonzero().flatten()
            )  # rows of one task compete over the same outputs
        known = self.tasks[-1].index if isinstance(batch.task, Tensor) else batch.task
        task = known if self.scenario == "task" else None

        def logits(module: nn.Module, part: Tensor) -> Tensor:
            return restrict(
                module(part, task),
                competing if competing is not None else slice(0, self.head.opened),
            )

        return within(batch.y, competing), logits
