"""One training step: the only place where training happens."""

from time import perf_counter

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step, rejoined
from holdfast.engine.loss import cross_entropy
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.streams.task import Task
from holdfast.training.preflight import own_batch
from holdfast.training.records import Records
from holdfast.training.update import Needs, Update
from holdfast.training.view import View
from holdfast.training.watch import LossWatch

OwnBatch = Batch | tuple[Tensor, Tensor]


class Stepper:
    """Takes the steps of a learner, as a whole or in the pieces that a loop of the user's calls."""

    def __init__(self, view: View, records: Records) -> None:
        self._view = view
        self._state = view.state
        self._method = view.state.method
        self._records = records
        self._needs = Needs.of(self._method)
        self._update = Update(view, self._needs)
        self._watch = LossWatch()
        self._takes_steps = view.state.takes_steps
        self._current: Step | None = None  # from its loss to the end of the step

    def step(self, batch: OwnBatch) -> Tensor:
        """Take a whole step; returns the loss."""
        state = self._state
        start = perf_counter()
        with state.random.active(state.draws_widely):
            if self._takes_steps:
                self._update.zero_grad()
                loss = self._backward(self._draw(batch))
                self.edit_gradient()
                state.optimizers.step()
                self.after_step()
            else:
                loss = self._observe(batch)
        state.progress.seconds["training"] += perf_counter() - start
        return loss

    def loss(self, batch: OwnBatch) -> Tensor:
        """The loss of a batch; its backward pass and the optimizer's step are the caller's."""
        with self._state.random.active(self._state.draws_widely):
            self._state.bind()
            return self._loss(self._draw(batch))

    def edit_gradient(self) -> None:
        """After the backward pass: add penalties, project and clip."""
        self._view.need_task()
        step = self._pending("edit_gradient() comes after loss(batch) and backward()")
        self._state.bind()
        self._update.before_step(step)

    def after_step(self) -> None:
        """After the optimizer: edit the change of θ, let the method observe, count the step."""
        step = self._pending("after_step() comes after loss(batch)")
        self._update.after_step(step)
        if self._state.optimizers.scheduler is not None:
            self._state.optimizers.scheduler.step()
        self._finish(step.loss)

    def finish_task(self) -> None:
        """Look at the losses that were not looked at yet, and send the last record."""
        progress = self._state.progress
        self._watch.look(progress.task_steps, progress.names[-1])
        self._records.last_step()

    def forget(self) -> None:
        """Drop what is kept between steps, once a task has ended."""
        self._records.last_step()
        self._update.forget()
        self._current = None

    def _draw(self, batch: OwnBatch) -> Batch:
        """The rows of the step: those given, and what the method adds to them."""
        task = self._view.need_task()
        if not isinstance(batch, Batch):
            batch = self._from_pair(batch, task)
        return self._method.draw(self._view, batch)

    def _from_pair(self, pair: tuple[Tensor, Tensor], task: Task) -> Batch:
        """A batch of rows that came from a loop of the user's."""
        device = self._view.device
        x, y = own_batch(pair, self._view.head.opened)
        progress = self._state.progress
        progress.rows_given += len(y)
        rows = Rows.of_task(x.to(device), y.to(device), self._state.task_number)
        return Batch.of_stream(rows, first_epoch=progress.rows_given <= len(task.train))

    def _loss(self, batch: Batch) -> Tensor:
        """Forward pass and loss of a batch; the step is kept until it is finished."""
        step = self._view.forward(batch)
        if "criterion" in self._needs.places:
            loss = self._method.criterion(self._view, step)
        else:
            loss = cross_entropy(step.logits, batch.y, step.competing, batch)
        if "loss" in self._needs.places:
            loss = loss + self._method.loss(self._view, step)
        progress = self._state.progress
        step.number = progress.task_steps
        step.loss = loss.detach()
        self._current = step
        self._watch.see(step.loss, progress.task_steps, progress.names[-1])
        return loss

    def _backward(self, batch: Batch) -> Tensor:
        """Loss and backward pass of a batch, in micro-batches if there are several."""
        accumulate = self._view.setup.settings.accumulate
        micro_batches = batch.split(accumulate)
        if len(micro_batches) == 1:
            return self._backward_of(batch, share=1.0)
        total: Tensor | None = None
        steps: list[Step] = []
        for part in micro_batches:
            loss = self._backward_of(part, share=len(batch) / len(part))
            total = loss if total is None else total + loss
            steps.append(self._pending("a micro-batch has a loss"))
        # Methods that observe the step see the whole batch, not the last micro-batch.
        whole = rejoined(batch, accumulate, steps, self._view.competing(batch))
        whole.loss = total
        self._current = whole
        if total is None:
            raise HoldfastError("a batch has no rows")
        return total

    def _backward_of(self, batch: Batch, share: float) -> Tensor:
        """The backward pass of a batch whose loss counts 1/`share`; returns that loss."""
        loss = self._loss(batch)
        if share != 1.0:
            loss = loss / share
        scaler = self._state.optimizers.scaler
        scaled = loss if scaler is None else scaler.scale(loss)
        scaled.backward()
        return loss.detach()

    @torch.no_grad()
    def _observe(self, batch: OwnBatch) -> Tensor:
        """A step of a method that trains no weight: one forward pass, then `after`."""
        zero = torch.zeros((), device=self._view.device)
        with evaluating(self._view.model):
            step = self._view.forward(self._draw(batch))
            step.number = self._state.progress.task_steps
            step.loss = zero
            self._method.after(self._view, step)
        self._finish(None)
        return zero

    def _finish(self, loss: Tensor | None) -> None:
        self._state.progress.count_step()
        self._records.after_step(self._state.progress, loss)
        self._current = None

    def _pending(self, otherwise: str) -> Step:
        if self._current is None:
            raise HoldfastError(f"{otherwise}; there was no loss yet")
        return self._current
