"""The forward pass of a learner: raw rows → network input, features and logits."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import overload

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.chunks import MOST_ROWS, bytes_per_row, rows_within
from holdfast.engine.competing import ALL, Competing
from holdfast.engine.stateful import Derived
from holdfast.methods.outputs import own_outputs
from holdfast.models.classifier import as_input, first_floating
from holdfast.named_inputs import Inputs, NamedInputs, join_inputs
from holdfast.streams.row_tasks import shared_task
from holdfast.streams.task import Part, Task
from holdfast.training.looking import takes_integers
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState


class Forward:
    """Turns batches into steps, in the learner's precision.

    Args:
        setup: The arguments of the learner.
        state: The network, and how far it has come.
    """

    def __init__(self, setup: Setup, state: TrainingState) -> None:
        self.setup = setup
        self.state = state
        # Whether the network takes integers as integers. None until the first integers come.
        self._takes_integers: bool | None = None
        self._first_floating = Derived[Tensor | None]()
        # How many rows are read at once without gradients, by task, part and number of tasks.
        self._rows_at_once: dict[tuple[str, str, int], int] = {}

    def __call__(self, batch: Batch) -> Step:
        """Compute features and logits of a batch.

        Args:
            batch: Raw rows on the device.

        Returns:
            The step as far as it is known before the loss.
        """
        separate = self.setup.settings.groups == "separate"
        if separate and len(batch.blocks) > 1:
            return self._block_by_block(batch)
        x = self.prepare(batch.x)
        task = self._task_of_rows(batch)
        with self.casting():
            features = self.state.model.features(x, task)
            logits = self.state.head(features, task)
        # Losses and what methods keep of features need more digits than 16-bit numbers have.
        if self.setup.precision is not None:
            features = features.float()
            logits = logits.float()
        # The weights of rows are made in this type, so that a float64 network has float64 losses.
        if logits.dtype != batch.precision:
            batch = replace(batch, precision=logits.dtype)
        return Step(batch, x, features, logits, self.competing(batch))

    def _task_of_rows(self, batch: Batch) -> int | Tensor | None:
        """Return what the network may know about the task of each row."""
        if self.setup.scenario != "task":
            return None
        number = shared_task(batch.task)
        # One number for all rows is faster: the head then uses one layer instead of asking per row.
        if number is None:
            return batch.task
        return number

    def _block_by_block(self, batch: Batch) -> Step:
        """Pass new and stored rows separately, so that BatchNorm normalises each by its own."""
        steps = [self(block) for block in batch.blockwise()]
        return Step(
            batch=batch,
            x=join_inputs([step.x for step in steps]),
            features=torch.cat([step.features for step in steps]),
            logits=torch.cat([step.logits for step in steps]),
            competing=self.competing(batch),
        )

    def casting(self) -> AbstractContextManager[object]:
        """Return a context in which forward passes are computed in the learner's precision."""
        precision = self.setup.precision
        if precision is None:
            return nullcontext()
        return torch.autocast(self.setup.device.type, precision)

    # ---- inputs

    @overload
    def prepare(self, x: Tensor, augment: bool = True) -> Tensor: ...

    @overload
    def prepare(self, x: Inputs, augment: bool = True) -> Inputs: ...

    def prepare(self, x: Inputs, augment: bool = True) -> Inputs:
        """Turn raw rows into inputs of the network.

        Args:
            x: Raw rows (N, ...) on the device, or several such tensors.
            augment: Whether they are augmented, as in training, if the learner augments.

        Returns:
            uint8 as numbers in [0, 1], and floats in the floating type of the network. Integers
            stay integers if the network takes them (an embedding), otherwise they become floats.
            Among several tensors integers always stay integers: they are ids and masks.
        """
        if augment and self.setup.augment is not None:
            x = self.setup.augment(x, self.state.augmentation)
        dtype = self._float_type()
        if isinstance(x, NamedInputs):
            return x.map(lambda tensor: as_input(tensor, dtype))
        if x.is_floating_point() or x.dtype == torch.uint8:
            return as_input(x, dtype)
        if self.keeps_integers(x[:1]):
            return x
        return x.to(dtype)

    def _float_type(self) -> torch.dtype:
        """The floating type of the network's inputs, as `float_type` finds it."""
        # Finding the tensor walks through modules, which takes as long as a small layer. θ is
        # another tensor if parameters were replaced. If the network is converted, so is the tensor.
        place = (id(self.state.space.theta), self.state.task_number)
        tensor = self._first_floating.get(place, lambda: first_floating(self.state.model))
        if tensor is None:
            return torch.get_default_dtype()
        return tensor.dtype

    def keeps_integers(self, x: Tensor, outputs: tuple[int, int] = (0, 1)) -> bool:
        """Say whether integer inputs reach the network as integers.

        The first rows decide, and the answer is kept: a network does not change its kind of input.

        Args:
            x: A few integer rows on the device.
            outputs: The outputs of the first task, for a network that has none yet.

        Returns:
            True if the network takes integers as they are.
        """
        if self._takes_integers is None:
            self._takes_integers = takes_integers(self.state, x, outputs)
        return self._takes_integers

    # ---- outputs

    def competing(self, batch: Batch) -> Competing:
        """Return the outputs that compete in the loss of each row of a batch.

        Args:
            batch: The rows.

        Returns:
            In the task scenario the outputs of each row's task, in the domain scenario all. In the
            class scenario it depends on the setting `outputs`.
        """
        if self.setup.scenario == "task":
            number = shared_task(batch.task)
            if number is not None:
                return Competing.between(*self.state.head.range_of(number))
            return ALL  # the head puts -inf at the outputs of other tasks, row by row
        if self.setup.scenario == "domain" or self.setup.settings.outputs != "current":
            return ALL  # the head gives the outputs that are open, and they all compete
        return Competing.by_row(self._of_current_task(batch))

    def _of_current_task(self, batch: Batch) -> Tensor:
        """Make the mask (B, C) of the setting `outputs="current"`.

        New rows compete over their task's classes only, so that they do not push down the outputs
        of old classes. Stored rows compete over all classes seen.
        """
        tasks = self.state.tasks
        by_task = torch.zeros(len(tasks), self.state.head.width, dtype=torch.bool)
        for number, task in enumerate(tasks):
            by_task[number, own_outputs(task)] = True
        mask = by_task[batch.task]
        stored = slice(batch.blocks[0].stop, None)
        mask[stored, : self.state.progress.seen_outputs] = True
        return mask.to(self.setup.device)

    # ---- memory

    @torch.no_grad()
    def rows_at_once(self, task: Task, part: str, rows: Part) -> int:
        """Return how many rows of a task's part one forward pass without gradients takes.

        One row is passed, and the bytes of its activations are counted.

        Args:
            task: The task.
            part: The name of the part, such as "test".
            rows: The part.

        Returns:
            As many rows as fit into a fixed number of bytes, at least 1.
        """
        # The network may grow with each task, so the number of tasks is a part of the key.
        key = (task.name, part, len(self.state.progress.names))
        if key not in self._rows_at_once:
            first = rows.fetch(torch.arange(1))[0].to(self.setup.device)
            known = self.setup.known_task(task.index)
            model = self.state.model
            try:
                x = self.prepare(first, augment=False)
                size = bytes_per_row(model, lambda one: model(one, known), x)
            except Exception:  # the forward pass that follows fails as well, and says why
                return MOST_ROWS
            self._rows_at_once[key] = rows_within(size)
        return self._rows_at_once[key]
