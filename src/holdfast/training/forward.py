"""The forward pass of a learner: raw rows → network input, features and logits."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.chunks import MOST_ROWS, bytes_per_row, rows_within
from holdfast.engine.competing import ALL, Competing
from holdfast.models.classifier import as_input, float_type
from holdfast.streams.row_tasks import shared_task
from holdfast.streams.task import Part, Task
from holdfast.training.looking import takes_integers
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState


class Forward:
    """Turns batches into steps, in the learner's precision.

    Attributes:
        setup: What the learner was told.
        state: The network, and how far it has come.
    """

    def __init__(self, setup: Setup, state: TrainingState) -> None:
        self.setup = setup
        self.state = state
        # Whether the network takes integers as integers; None before any came.
        self._takes_integers: bool | None = None
        # How many rows are read at once without gradients, by task, part and number of tasks.
        self._rows_at_once: dict[tuple[str, str, int], int] = {}

    def __call__(self, batch: Batch) -> Step:
        """Features and logits of a batch."""
        separate = self.setup.settings.groups == "separate"
        if separate and len(batch.blocks) > 1:
            return self._block_by_block(batch)
        x = self.prepare(batch.x)
        task = self._task_of_rows(batch)
        with self.casting():
            features = self.state.model.features(x, task)
            logits = self.state.head(features, task)
        if self.setup.precision is not None:
            features = features.float()
            logits = logits.float()
        if logits.dtype != batch.precision:
            batch = replace(batch, precision=logits.dtype)
        return Step(batch, x, features, logits, self.competing(batch))

    def _task_of_rows(self, batch: Batch) -> int | Tensor | None:
        """What the network is told about tasks: nothing outside the task scenario."""
        if self.setup.scenario != "task":
            return None
        number = shared_task(batch.task)
        return batch.task if number is None else number

    def _block_by_block(self, batch: Batch) -> Step:
        """New and stored rows in forward passes of their own, so that BatchNorm sees them apart."""
        steps = [self(block) for block in batch.blockwise()]
        return Step(
            batch,
            torch.cat([step.x for step in steps]),
            torch.cat([step.features for step in steps]),
            torch.cat([step.logits for step in steps]),
            self.competing(batch),
        )

    def casting(self) -> AbstractContextManager[Any]:
        """Forward passes inside are computed in the learner's precision."""
        precision = self.setup.precision
        if precision is None:
            return nullcontext()
        return torch.autocast(self.setup.device.type, precision)

    def prepare(self, x: Tensor, augment: bool = True) -> Tensor:
        """Turn raw rows on the device into inputs of the network.

        Args:
            x: Raw rows (N, ...).
            augment: Whether they are augmented, as in training, if the learner augments.

        Returns:
            uint8 as numbers in [0, 1], floats in the floating type of the network; integers as they
            are if the network takes them (an embedding), otherwise as floats.
        """
        if augment and self.setup.augment is not None:
            x = self.setup.augment(x, self.state.augmentation)
        dtype = float_type(self.state.model)
        if x.is_floating_point() or x.dtype == torch.uint8:
            return as_input(x, dtype)
        return x if self.keeps_integers(x[:1]) else x.to(dtype)

    def keeps_integers(self, x: Tensor, outputs: tuple[int, int] = (0, 1)) -> bool:
        """Whether integer inputs reach the network as integers, which the first rows decide.

        Args:
            x: A few integer rows on the device.
            outputs: The outputs of the first task, for a network that has none yet.
        """
        if self._takes_integers is None:
            self._takes_integers = takes_integers(self.state, x, outputs)
        return self._takes_integers

    def competing(self, batch: Batch) -> Competing:
        """The outputs that compete in the loss of each row of a batch."""
        if self.setup.scenario == "task":
            number = shared_task(batch.task)
            if number is not None:
                return Competing.between(*self.state.head.range_of(number))
            return ALL  # the head knows the outputs of each row
        if self.setup.scenario == "domain" or self.setup.settings.outputs != "current":
            return ALL
        return Competing.by_row(self._of_current_task(batch))

    def _of_current_task(self, batch: Batch) -> Tensor:
        """A (B, C) mask: new rows compete over their task's classes, stored ones over all seen."""
        tasks = self.state.tasks
        by_task = torch.zeros(len(tasks), self.state.head.width, dtype=torch.bool)
        first = 0
        for number, task in enumerate(tasks):
            if task.competing is None:
                by_task[number, first : task.outputs[1]] = True
            else:
                by_task[number, task.competing] = True
            first = task.outputs[1]
        mask = by_task[batch.task]
        stored = slice(batch.blocks[0].stop, None)
        mask[stored, : self.state.progress.seen_outputs] = True
        return mask.to(self.setup.device)

    @torch.no_grad()
    def rows_at_once(self, task: Task, part: str, rows: Part) -> int:
        """How many rows of a task's part one forward pass without gradients takes, by their bytes."""
        key = (task.name, part, len(self.state.progress.names))
        if key not in self._rows_at_once:
            first = rows.fetch(torch.arange(1))[0].to(self.setup.device)
            known = self.setup.known_task(task.index)
            model = self.state.model
            try:
                x = self.prepare(first, augment=False)
                size = bytes_per_row(model, lambda one: model(one, known), x)
            except Exception:  # whatever is wrong with the network is said where it is used
                return MOST_ROWS
            self._rows_at_once[key] = rows_within(size)
        return self._rows_at_once[key]
