"""Rows that make a step: where each comes from, its task, its weight in the loss, and what was stored beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from holdfast.engine.competing import Competing
from holdfast.errors import HoldfastError
from holdfast.streams.row_tasks import rows_of_task, shared_task, tasks_at

STREAM = "stream"


@dataclass(frozen=True)
class Rows:
    """Examples that go together: raw inputs, labels, tasks, and what was stored beside them.

    Attributes:
        x: Raw inputs, (N, ...): uint8 if the source is, before augmentation.
        y: Output indices, (N,).
        task: The number of the task of each row, (N,) on the CPU (see `streams.row_tasks`).
        payloads: Other tensors with one entry per row, by name.
    """

    x: Tensor
    y: Tensor
    task: Tensor
    payloads: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of_task(
        cls, x: Tensor, y: Tensor, number: int, payloads: Mapping[str, Tensor] | None = None
    ) -> "Rows":
        """Rows that are all of one task.

        Example:
            >>> Rows.of_task(torch.zeros(2, 3), torch.tensor([0, 1]), 4).task
            tensor([4, 4])
        """
        return cls(x, y, rows_of_task(number, len(y)), payloads or {})

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> "Rows":
        """The rows at these places (index on the rows' device)."""
        task = tasks_at(self.task, index)
        payloads = {k: v.index_select(0, index) for k, v in self.payloads.items()}
        return Rows(self.x.index_select(0, index), self.y.index_select(0, index), task, payloads)


@dataclass(frozen=True)
class Block:
    """A run of rows from one source.

    `mass` is the block's share in the loss relative to the stream's 1. With `averaged` the whole is divided by the sum
    of masses, so that the loss stays a mean; without, the mass is an added term's own coefficient (DER++'s β; 0 for none).
    """

    source: str
    start: int
    stop: int
    mass: float = 1.0
    averaged: bool = True
    payloads: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Batch:
    """One step's rows in blocks; the first block is the stream's.

    >>> b = Batch.of_stream(Rows.of_task(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), 1))
    >>> b = b.add("ER", Rows.of_task(torch.ones(2, 2), torch.tensor([0, 1]), 0), mass=0.5)
    >>> b.task.tolist(), b.weights().mul(6).tolist()
    ([1, 1, 1, 1, 0, 0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    x: Tensor
    y: Tensor
    task: Tensor
    blocks: tuple[Block, ...]
    index: Tensor | None = None  # (B,) number of each stream row within its task's training part
    first_epoch: bool = True
    precision: torch.dtype = torch.float32  # of the weights: that of the logits, once there are any

    @classmethod
    def of_stream(
        cls, rows: Rows, index: Tensor | None = None, first_epoch: bool = True
    ) -> "Batch":
        """A batch of stream rows alone."""
        return cls(
            rows.x,
            rows.y,
            rows.task,
            (Block(STREAM, 0, len(rows), payloads=rows.payloads),),
            index,
            first_epoch,
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def stream(self) -> slice:
        """The stream's rows."""
        return slice(0, self.blocks[0].stop)

    def block(self, source: str) -> Block | None:
        """The block from `source`, or None where it added none."""
        return next((b for b in self.blocks if b.source == source), None)

    def add(self, source: str, rows: Rows, mass: float, averaged: bool = True) -> "Batch":
        """The batch with another block behind it."""
        if self.block(source) is not None:
            raise HoldfastError(
                f"the batch already has rows from {source!r}: two parts need two names"
            )
        n, m = len(self), len(rows)
        number = shared_task(self.task)
        if number is not None and number == shared_task(rows.task):
            task = rows_of_task(number, n + m)
        else:
            task = torch.cat([self.task, rows.task])
        block = Block(source, n, n + m, mass, averaged, rows.payloads)
        x = torch.cat([self.x, rows.x.to(self.x.dtype)])
        return replace(
            self, x=x, y=torch.cat([self.y, rows.y]), task=task, blocks=(*self.blocks, block)
        )

    def rows(self, index: Tensor) -> Rows:
        """The rows at these places (index on the CPU), without payloads."""
        on = index.to(self.y.device)
        return Rows(
            self.x.index_select(0, on), self.y.index_select(0, on), tasks_at(self.task, index)
        )

    def stream_mass(self, mass: float) -> "Batch":
        """The batch with another mass on its stream rows."""
        return replace(self, blocks=(replace(self.blocks[0], mass=mass), *self.blocks[1:]))

    def uniform(self) -> bool:
        """True where every row weighs 1/B, so that the loss is the plain mean."""
        per_row = {b.mass / len(b) for b in self.blocks if len(b)}
        lowest = min(per_row)
        return all(b.averaged for b in self.blocks) and max(per_row) - lowest <= 1e-12 * abs(lowest)

    def weights(self) -> Tensor:
        """The weight of each row in Σ wᵢ ℓᵢ, (B,) on the rows' device."""
        total = sum(b.mass for b in self.blocks if b.averaged) or 1.0
        parts = []
        for b in self.blocks:
            w = b.mass / (total if b.averaged else 1.0) / max(len(b), 1)
            parts.append(torch.full((len(b),), w, dtype=self.precision, device=self.y.device))
        return torch.cat(parts)

    def split(self, parts: int) -> list["Batch"]:
        """Deal the rows of every block out in turn, for gradient accumulation.

        A batch need not be divisible: blocks then differ by one row between micro-batches. Every
        micro-batch has rows of every block, because a method's term over no rows would be NaN, so
        there are fewer micro-batches if a block has fewer rows than `parts`.

        Args:
            parts: The number of micro-batches, at least 1.

        Returns:
            The micro-batches, at most `parts`, with masses as they were. The mean of their losses
            weighted by their rows is the loss of the batch. With several blocks that `parts` does
            not divide, a row weighs slightly more in a micro-batch that has one row less.

        Example:
            >>> rows = Rows.of_task(torch.arange(6.0)[:, None], torch.arange(6), 0)
            >>> [part.y.tolist() for part in Batch.of_stream(rows).split(4)]
            [[0, 4], [1, 5], [2], [3]]
        """
        if parts == 1:
            return [self]  # without the places of the rows, which cost time at every step
        dealt = self.dealt(parts)
        return (
            [self._micro(k, take, len(dealt)) for k, take in enumerate(dealt)]
            if len(dealt) > 1
            else [self]
        )

    def dealt(self, parts: int) -> list[Tensor]:
        """The places of the rows of each micro-batch of `split`, on the CPU."""
        parts = min([parts, *(len(b) for b in self.blocks if len(b))])
        return [
            torch.cat([torch.arange(b.start + k, b.stop, parts) for b in self.blocks])
            for k in range(parts)
        ]

    def _micro(self, k: int, take: Tensor, parts: int) -> "Batch":
        """Micro-batch number `k` of `parts`, with the rows at the places `take`."""
        blocks, at = [], 0
        for b in self.blocks:
            size = len(range(k, len(b), parts))
            payloads = {name: v[k::parts] for name, v in b.payloads.items()}
            blocks.append(replace(b, start=at, stop=at + size, payloads=payloads))
            at += size
        on = take.to(self.y.device)
        task = tasks_at(self.task, take)
        index = None if self.index is None else self.index[k::parts]
        return replace(
            self, x=self.x[on], y=self.y[on], task=task, blocks=tuple(blocks), index=index
        )

    def blockwise(self) -> list["Batch"]:
        """One batch a block, for separate forward passes."""
        out = []
        for b in self.blocks:
            rows = slice(b.start, b.stop)
            task = self.task[rows]
            if len(task) and bool((task == task[0]).all()):
                task = rows_of_task(int(task[0]), len(task))
            one = replace(b, start=0, stop=len(b))
            out.append(Batch(self.x[rows], self.y[rows], task, (one,), None, self.first_epoch))
        return out


@dataclass
class Step:
    """What happened in a step so far: the rows, what the network made of them, later the gradient and the change of θ."""

    batch: Batch
    x: Tensor  # (B, ...) the network's input: float, augmented
    features: Tensor  # (B, D)
    logits: Tensor  # (B, C), -inf at outputs not active for the row's task
    competing: Competing  # the outputs that compete in the loss of each row
    number: int = 0  # of the step within its task, from 0
    loss: Tensor | None = None
    raw_gradient: Tensor | None = (
        None  # of the criterion and losses alone, where a part asks for it
    )
    delta: Tensor | None = None  # actual change of θ, where a part asks for it
    # What a method keeps from one place to a later one of this step, under its name.
    scratch: dict[str, Tensor] = field(default_factory=dict)

    def rows(self, source: str = STREAM) -> slice:
        """The rows of one source (empty where it added none)."""
        block = self.batch.block(source)
        return slice(block.start, block.stop) if block else slice(0, 0)

    def stream(self, values: Tensor) -> Tensor:
        """The stream's rows of `values`; no slice (and none in backward) where there are no others."""
        return values if len(self.batch.blocks) == 1 else values[self.rows()]


def rejoined(batch: Batch, parts: int, steps: Sequence[Step], competing: Competing) -> Step:
    """The step of a whole batch from those of its micro-batches.

    Methods that observe a step then see all of its rows, not those of the last micro-batch.

    Args:
        batch: The whole batch.
        parts: What was given to `batch.split`.
        steps: The step of each micro-batch, in order.
        competing: The outputs that compete in the loss of the whole batch.

    Returns:
        The step, its rows in the order of the batch, without a graph.
    """
    back = torch.argsort(torch.cat(batch.dealt(parts))).to(batch.y.device)
    x, features, logits = (
        torch.cat(pieces).detach().index_select(0, back)
        for pieces in (
            [s.x for s in steps],
            [s.features for s in steps],
            [s.logits for s in steps],
        )
    )
    whole = replace(batch, precision=steps[-1].batch.precision)
    return Step(whole, x, features, logits, competing, steps[-1].number)
