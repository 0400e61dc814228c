"""One training step. This is the only place where training happens.

`Stepper.step` takes the whole step, and the methods below it are its pieces in the order in which
they run: the rows of the step, the loss, the backward pass, the edits of the gradient, the
optimizer, and what follows it. `Learner.loss`, `edit_gradient` and `after_step` let a loop of your
own call the same pieces around your own backward pass and optimizer. `Stepper.backward` is for the
loop of another library, which steps the optimizer and limits the norm of the gradient itself.
"""

from time import perf_counter

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.rejoining import rejoined
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.streams.task import Task
from holdfast.training.own_batch import own_batch
from holdfast.training.records import Records
from holdfast.training.update import Needs, Update
from holdfast.training.view import View
from holdfast.training.watch import LossWatch

OwnBatch = Batch | tuple[Tensor, Tensor]  # one of `View.batches()`, or (inputs, output indices)


class Stepper:
    """Takes the steps of a learner, whole or in pieces.

    Args:
        view: The learner as its method sees it.
        records: Receives the loss of each step.
        clips: Whether the norm of the gradient is limited as the settings say. False: the loop
            around the steps does it, after `edit_gradient`.
    """

    def __init__(self, view: View, records: Records, clips: bool = True) -> None:
        self._view = view
        self._state = view.state
        self._method = view.state.method
        self._records = records
        self._objective = view.objective
        # What the method needs never changes, so it is not asked again in every step.
        self._needs = Needs.of(self._method)
        self._takes_steps = view.state.takes_steps
        self._update = Update(view, self._needs, clips)
        self._watch = LossWatch()
        self._current: Step | None = None  # from its loss to the end of the step

    # ---- a whole step

    def step(self, batch: OwnBatch) -> Tensor:
        """Take a whole step.

        Args:
            batch: One of `View.batches()`, or a pair (inputs, output indices or targets).

        Returns:
            The loss, without a graph. It stays a tensor, because reading its value would make
            every step wait for the device.

        Raises:
            HoldfastError: No task is being trained, the pair is no batch, or the loss is NaN.
        """
        state = self._state
        # Not `Progress.timed`, since a context manager takes measurable time in a short step.
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

    # ---- the rows

    def _draw(self, batch: OwnBatch) -> Batch:
        """Return the rows of the step: the new ones, and those that the method adds to them."""
        task = self._view.need_task()
        if not isinstance(batch, Batch):
            batch = self._from_pair(batch, task)
        return self._method.draw(self._view, batch)

    def _from_pair(self, pair: tuple[Tensor, Tensor], task: Task) -> Batch:
        """Make a batch of rows that came from a loop of the user's."""
        device = self._view.device
        x, y = own_batch(pair, self._view.head.opened, self._objective.takes_labels)
        progress = self._state.progress
        progress.rows_given += len(y)
        rows = Rows.of_task(x.to(device), y.to(device), self._state.task_number)
        # Memories store rows of the first epoch only, and a pair does not say its epoch. Rows count
        # as the first epoch until there were as many as the task has.
        return Batch.of_stream(rows, first_epoch=progress.rows_given <= len(task.train))

    # ---- the loss

    def loss(self, batch: OwnBatch) -> Tensor:
        """Compute the loss of a batch, for a loop of your own.

        Args:
            batch: One of `View.batches()`, or a pair (inputs, output indices).

        Returns:
            The loss with its graph. The backward pass and the optimizer's step are yours.
        """
        with self._state.random.active(self._state.draws_widely):
            # Code between two steps may have replaced parameters, for example by `model.to(...)`.
            self._state.bind()
            return self._loss(self._draw(batch))

    def _loss(self, batch: Batch) -> Tensor:
        """Compute the loss of a batch, and keep the current step until it is finished."""
        step = self._view.forward(batch)
        # A criterion takes the place of the objective's loss, `loss` adds a term to either.
        if "criterion" in self._needs.hooks:
            loss = self._method.criterion(self._view, step)
        else:
            loss = self._objective.loss(step)
        if "loss" in self._needs.hooks:
            loss = loss + self._method.loss(self._view, step)
        progress = self._state.progress
        step.number = progress.task_steps
        # Methods see the loss after the step, and its graph would keep all activations alive.
        step.loss = loss.detach()
        self._current = step
        # Before the backward pass, so that a NaN never reaches the weights on the CPU.
        self._watch.see(step.loss, progress.task_steps, progress.names[-1])
        return loss

    # ---- the backward pass

    def backward(self, batch: OwnBatch) -> Tensor:
        """Compute the gradient of a batch anew, in micro-batches if the settings ask for them.

        Call `edit_gradient()`, an optimizer, and `after_step()` afterwards.

        Args:
            batch: One of `View.batches()`, or a pair (inputs, output indices or targets).

        Returns:
            The loss, without a graph.
        """
        with self._state.random.active(self._state.draws_widely):
            # Code between two steps may have replaced parameters, as before `loss`.
            self._state.bind()
            self._update.zero_grad()
            return self._backward(self._draw(batch))

    def _backward(self, batch: Batch) -> Tensor:
        """Run loss and backward pass of a batch, cut into micro-batches if that was asked for."""
        parts = self._view.setup.settings.accumulate
        # The method has added its rows already, so that each part has its share of them.
        micro_batches = batch.split(parts)
        if len(micro_batches) == 1:
            return self._backward_of(batch, divisor=1.0)
        total: Tensor | None = None
        steps: list[Step] = []
        size = self._objective.size(batch)
        for micro_batch in micro_batches:
            # Each loss is a mean over its own rows, so it counts by its share of all rows.
            divisor = size / self._objective.size(micro_batch)
            loss = self._backward_of(micro_batch, divisor)
            total = loss if total is None else total + loss
            steps.append(self._pending("a micro-batch has a loss"))
        # Methods that observe the step see the whole batch, not the last micro-batch.
        whole = rejoined(batch, parts, steps, self._view.competing(batch))
        whole.loss = total
        self._current = whole
        if total is None:
            raise HoldfastError("a batch has no rows")
        return total

    def _backward_of(self, batch: Batch, divisor: float) -> Tensor:
        """Run the backward pass of a batch whose loss is divided by a number; return that loss."""
        loss = self._loss(batch)
        if divisor != 1.0:
            loss = loss / divisor
        scaled = loss
        scaler = self._state.optimizers.scaler
        if scaler is not None:  # small gradients would vanish in float16
            scaled = scaler.scale(loss)
        scaled.backward()
        return loss.detach()

    # ---- around the optimizer

    def edit_gradient(self) -> None:
        """Add penalties to the gradient, project it, and limit its norm, after the backward pass.

        Raises:
            HoldfastError: There was no loss yet.
        """
        self._view.need_task()
        step = self._pending("edit_gradient() comes after loss(batch) and backward()")
        self._state.bind()
        self._update.before_step(step)

    def after_step(self) -> None:
        """Edit the change of θ, let the method observe the step, and count it, after the optimizer.

        Raises:
            HoldfastError: There was no loss yet.
        """
        step = self._pending("after_step() comes after loss(batch)")
        self._update.after_step(step)
        # PyTorch's schedules set the rate of the next step, so they follow the optimizer.
        scheduler = self._state.optimizers.scheduler
        if scheduler is not None:
            scheduler.step()
        self._finish(step.loss)

    def _pending(self, rule: str) -> Step:
        """Return the step whose loss was computed last, if it is not finished."""
        if self._current is None:
            raise HoldfastError(f"{rule}; there was no loss yet")
        return self._current

    def _finish(self, loss: Tensor | None) -> None:
        """Count a step and record it. The rows and the logits of the step can then be freed."""
        self._state.progress.count_step()
        self._records.after_step(self._state.progress, loss)
        self._current = None

    # ---- a step that trains no weight

    @torch.no_grad()
    def _observe(self, batch: OwnBatch) -> Tensor:
        """Take a step of a method that trains no weight: one forward pass, which it observes."""
        zero = torch.zeros((), device=self._view.device)
        # In evaluation mode, since the features of a frozen network must not depend on the batch.
        with evaluating(self._view.model):
            step = self._view.forward(self._draw(batch))
            step.number = self._state.progress.task_steps
            step.loss = zero
            self._method.after(self._view, step)
        self._finish(None)
        return zero

    # ---- the end of a task

    def finish_task(self) -> None:
        """Check the losses that were not read yet, and send the last record.

        This comes before the method consolidates, so that nothing is built on a broken network.
        """
        progress = self._state.progress
        self._watch.look(progress.task_steps, progress.names[-1])
        self._records.send_last_step()

    def forget(self) -> None:
        """Drop what is kept between steps, once the method has consolidated the task."""
        self._records.send_last_step()
        self._update.forget()
        self._current = None
