"""The rows of a step, with their weights in the loss, and what the network made of them."""

from dataclasses import dataclass, field, replace
from typing import overload

import torch
from torch import Tensor

from holdfast.engine.competing import Competing
from holdfast.engine.rows import STREAM, Block, Rows, joined_targets
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, join_inputs
from holdfast.streams.row_tasks import joined_tasks, rows_of_task, tasks_at

__all__ = ["STREAM", "Batch", "Block", "Rows", "Step"]

ROUNDING = 1e-12  # relative; weights that differ by less are equal


# Frozen, because every method that adds rows gets the batch of the method before it.
@dataclass(frozen=True)
class Batch:
    """The rows of one step, in blocks. The first block is the stream's.

    Attributes:
        x: Raw inputs, (B, ...), or several such tensors.
        y: Output indices, (B,).
        task: The number of the task of each row, (B,) on the CPU (see `streams.row_tasks`).
        blocks: Where the rows come from, in their order.
        index: The number of each stream row within the training part of its task. None in batches
            that were not drawn from a task.
        first_epoch: Whether the rows of the stream are seen for the first time.
        precision: The type of the weights. It is that of the logits, once there are any.

    Example:
        >>> batch = Batch.of_stream(Rows.of_task(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), 1))
        >>> stored = Rows.of_task(torch.ones(2, 2), torch.tensor([0, 1]), 0)
        >>> batch = batch.add("ER", stored, mass=0.5)
        >>> batch.task.tolist()
        [1, 1, 1, 1, 0, 0]
        >>> batch.weights().mul(6).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    x: Inputs
    y: Tensor
    task: Tensor
    blocks: tuple[Block, ...]
    index: Tensor | None = None
    first_epoch: bool = True
    precision: torch.dtype = torch.float32

    @classmethod
    def of_stream(
        cls, rows: Rows, index: Tensor | None = None, first_epoch: bool = True
    ) -> "Batch":
        """A batch of stream rows alone.

        Args:
            rows: The rows, with their payloads.
            index: As `Batch.index`.
            first_epoch: As `Batch.first_epoch`.

        Returns:
            The batch, whose rows all weigh the same.
        """
        block = Block(STREAM, start=0, stop=len(rows), payloads=rows.payloads)
        return cls(
            x=rows.x,
            y=rows.y,
            task=rows.task,
            blocks=(block,),
            index=index,
            first_epoch=first_epoch,
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def stream(self) -> slice:
        """The places of the stream's rows."""
        return slice(0, self.blocks[0].stop)

    def block(self, source: str) -> Block | None:
        """The block from a source. None means that the source added none."""
        # There are a few blocks at most, so a search is faster than a table made at every step.
        for block in self.blocks:
            if block.source == source:
                return block
        return None

    def add(
        self,
        source: str,
        rows: Rows,
        mass: float,
        averaged: bool = True,
        labelled: bool = True,
        sparse: bool = False,
    ) -> "Batch":
        """Put another block behind the rows.

        Args:
            source: The name of the block's source. A batch has one block per source.
            rows: The rows, with their payloads, on the device of the batch.
            mass: As `Block.mass`.
            averaged: As `Block.averaged`.
            labelled: As `Block.labelled`.
            sparse: As `Block.sparse`.

        Returns:
            The longer batch.

        Raises:
            HoldfastError: The batch has rows from this source.
        """
        if self.block(source) is not None:
            raise HoldfastError(
                f"the batch already has rows from {source!r}: two parts need two names"
            )
        start = len(self)
        stop = start + len(rows)
        block = Block(
            source=source,
            start=start,
            stop=stop,
            mass=mass,
            averaged=averaged,
            payloads=rows.payloads,
            labelled=labelled,
            sparse=sparse,
        )
        # Rows that a model generated may have another floating type than those of the stream.
        x = join_inputs([self.x, rows.x])
        return replace(
            self,
            x=x,
            y=joined_targets([self.y, rows.y]),
            task=joined_tasks(self.task, rows.task),
            blocks=(*self.blocks, block),
        )

    def rows(self, index: Tensor) -> Rows:
        """The rows at some places, without payloads.

        Args:
            index: The places, (M,), on the CPU.

        Returns:
            These rows. Payloads belong to blocks, and the places may be in several.
        """
        on_device = index.to(self.y.device)
        x = self.x.index_select(0, on_device)
        y = self.y.index_select(0, on_device)
        return Rows(x, y, tasks_at(self.task, index))

    def uniform(self) -> bool:
        """Whether every row weighs 1/B, so that the loss is the plain mean.

        This is the usual case, and the plain mean is faster than a weighted sum.
        """
        # An empty block has no rows that could weigh otherwise.
        per_row = {b.mass / len(b) for b in self.blocks if len(b)}
        lowest = min(per_row)
        # Masses such as 0.1 + 0.2 are not exact.
        equal = max(per_row) - lowest <= ROUNDING * abs(lowest)
        return equal and all(b.averaged for b in self.blocks)

    def weights(self) -> Tensor:
        """The weight wᵢ of each row in the loss Σ wᵢ ℓᵢ.

        Returns:
            The weights, (B,), on the device of the rows, of the type `precision`.
        """
        # A single block (see `blockwise`) may be one that does not count in the mean.
        total = sum(b.mass for b in self.blocks if b.averaged) or 1.0
        parts = []
        for block in self.blocks:
            share = block.mass
            if block.averaged:
                share = block.mass / total
            # An empty block gets no rows below; the 1 only avoids a division by zero.
            weight = share / max(len(block), 1)
            size = (len(block),)
            parts.append(torch.full(size, weight, dtype=self.precision, device=self.y.device))
        return torch.cat(parts)

    def split(self, parts: int) -> list["Batch"]:
        """Deal the rows of every block out in turn, for gradient accumulation.

        A batch need not be divisible: blocks then differ by one row between micro-batches. Every
        micro-batch has rows of every block, because a method's term over no rows would be NaN, so
        there are fewer micro-batches if a block has fewer rows than `parts` and is not sparse.

        Args:
            parts: The number of micro-batches, at least 1.

        Returns:
            The micro-batches, at most `parts`, with masses as they were but for sparse blocks. The
            mean of their losses weighted by their rows is the loss of the batch. With several
            blocks that `parts` does not divide, a row weighs slightly more in a micro-batch that
            has one row less.

        Example:
            >>> rows = Rows.of_task(torch.arange(6.0)[:, None], torch.arange(6), 0)
            >>> [part.y.tolist() for part in Batch.of_stream(rows).split(4)]
            [[0, 4], [1, 5], [2], [3]]
        """
        if parts == 1:
            return [self]  # without the places of the rows, which cost time at every step
        dealt = self.dealt(parts)
        if len(dealt) == 1:
            return [self]
        return [self._micro(k, take, len(dealt)) for k, take in enumerate(dealt)]

    def dealt(self, parts: int) -> list[Tensor]:
        """The places of the rows of each micro-batch of `split`, on the CPU."""
        shortest = min((len(b) for b in self.blocks if len(b) and not b.sparse), default=parts)
        parts = min(parts, shortest)
        dealt = []
        for k in range(parts):
            places = [torch.arange(b.start, b.stop)[k::parts] for b in self.blocks]
            dealt.append(torch.cat(places))
        return dealt

    def _micro(self, k: int, take: Tensor, parts: int) -> "Batch":
        """Micro-batch number `k` of `parts`, with the rows at the places `take`."""
        blocks = []
        start = 0
        for block in self.blocks:
            stop = start + len(range(k, len(block), parts))
            payloads = {name: v[k::parts] for name, v in block.payloads.items()}
            mass = block.mass
            if block.sparse:
                # The rows weigh as much beside those of the stream as in the whole batch.
                new = len(range(k, len(self.blocks[0]), parts))
                mass *= (stop - start) / len(block) * len(self.blocks[0]) / new
            blocks.append(replace(block, start=start, stop=stop, mass=mass, payloads=payloads))
            start = stop
        index = self.index
        if index is not None:
            index = index[k::parts]
        on_device = take.to(self.y.device)
        return replace(
            self,
            x=self.x[on_device],
            y=self.y[on_device],
            task=tasks_at(self.task, take),
            blocks=tuple(blocks),
            index=index,
        )

    def blockwise(self) -> list["Batch"]:
        """One batch for each block, for separate forward passes."""
        batches = []
        for block in self.blocks:
            rows = slice(block.start, block.stop)
            task = self.task[rows]
            # The rows of a block may be of one task although those of the batch are not.
            if len(task) and bool((task == task[0]).all()):
                task = rows_of_task(int(task[0]), len(task))
            batches.append(
                Batch(
                    x=self.x[rows],
                    y=self.y[rows],
                    task=task,
                    blocks=(replace(block, start=0, stop=len(block)),),
                    first_epoch=self.first_epoch,
                )
            )
        return batches


@dataclass
class Step:
    """What has happened in a step so far.

    Attributes:
        batch: The rows.
        x: The network's inputs, (B, ...), as floating numbers, augmented.
        features: The features, (B, D).
        logits: The logits, (B, C), -inf at outputs that are not active for the row's task.
        competing: The outputs that compete in the loss of each row.
        number: The number of the step within its task, from 0.
        loss: The loss, a scalar; None before it is computed.
        raw_gradient: The gradient of the criterion and the losses alone, θ-shaped. None unless a
            method asks for it.
        delta: The change of θ that the optimizer made. None unless a method asks for it.
        scratch: What a method keeps from one place to a later one of this step, under its name.
    """

    batch: Batch
    x: Inputs
    features: Tensor
    logits: Tensor
    competing: Competing
    number: int = 0
    loss: Tensor | None = None
    raw_gradient: Tensor | None = None
    delta: Tensor | None = None
    scratch: dict[str, Tensor] = field(default_factory=dict)

    def rows(self, source: str = STREAM) -> slice:
        """The places of the rows of one source. The slice is empty if the source added none."""
        block = self.batch.block(source)
        if block is None:
            return slice(0, 0)
        return slice(block.start, block.stop)

    @overload
    def stream(self, values: Tensor) -> Tensor: ...

    @overload
    def stream(self, values: Inputs) -> Inputs: ...

    def stream(self, values: Inputs) -> Inputs:
        """The stream's rows of values (B, ...) of the batch."""
        # A slice of all rows would cost time in the backward pass.
        if len(self.batch.blocks) == 1:
            return values
        return values[self.rows()]

    @overload
    def taught(self, values: Tensor) -> Tensor: ...

    @overload
    def taught(self, values: Inputs) -> Inputs: ...

    def taught(self, values: Inputs) -> Inputs:
        """The rows of values (B, ...) that a teacher answers: the stream's and unlabelled ones."""
        blocks = [b for b in self.batch.blocks if b.source == STREAM or not b.labelled]
        if len(blocks) == len(self.batch.blocks):
            return values
        pieces = [values[block.start : block.stop] for block in blocks]
        if len(pieces) == 1:
            return pieces[0]
        return join_inputs(pieces)

    def taught_rows(self) -> Rows:
        """The rows that a teacher answers, with the inputs that the network got."""
        batch = self.batch
        return Rows(self.taught(self.x), self.taught(batch.y), self.taught(batch.task))
