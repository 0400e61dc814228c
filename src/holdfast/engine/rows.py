"""Examples that go together, and runs of them that come from one source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.named_inputs import Inputs
from holdfast.streams.row_tasks import rows_of_task, tasks_at

STREAM = "stream"  # the source of the rows that the stream gives
Payloads = Mapping[str, Tensor]


def joined_targets(pieces: Sequence[Tensor]) -> Tensor:
    """Put targets of rows behind each other.

    Args:
        pieces: Output indices (N,), or rows of targets (N, K). A later task may have brought
            outputs, so K may differ.

    Returns:
        All targets, NaN at outputs that came after a row was stored.

    Example:
        >>> joined_targets([torch.zeros(1, 1), torch.ones(1, 2)])
        tensor([[0., nan],
                [1., 1.]])
    """
    if pieces[0].dim() < 2:
        return torch.cat(list(pieces))
    width = max(piece.shape[1] for piece in pieces)
    wide = [F.pad(piece, (0, width - piece.shape[1]), value=torch.nan) for piece in pieces]
    return torch.cat(wide)


# Frozen, because a memory, a batch and a method may hold the same rows.
@dataclass(frozen=True)
class Rows:
    """Examples that go together: raw inputs, labels, tasks, and what was stored beside them.

    Attributes:
        x: Raw inputs, (N, ...), or several such tensors, before augmentation. They are uint8 if the
            source is.
        y: Output indices, (N,).
        task: The number of the task of each row, (N,) on the CPU (see `streams.row_tasks`).
        payloads: Other tensors with one entry per row, by name.
    """

    x: Inputs
    y: Tensor
    task: Tensor
    payloads: Payloads = field(default_factory=dict)

    @classmethod
    def of_task(
        cls,
        x: Inputs,
        y: Tensor,
        number: int,
        payloads: Payloads | None = None,
    ) -> "Rows":
        """Rows that are all of one task.

        Args:
            x: Raw inputs, (N, ...).
            y: Output indices, (N,).
            number: The number of the task.
            payloads: Other tensors with one entry per row, by name. None means none.

        Returns:
            The rows.

        Example:
            >>> import torch
            >>> Rows.of_task(torch.zeros(2, 3), torch.tensor([0, 1]), 4).task
            tensor([4, 4])
        """
        return cls(x, y, rows_of_task(number, len(y)), payloads or {})

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> "Rows":
        """The rows at some places.

        Args:
            index: The places, (M,), on the device of the rows.

        Returns:
            These rows, with their payloads.
        """
        payloads = {}
        for name, values in self.payloads.items():
            payloads[name] = values.index_select(0, index)
        return Rows(
            x=self.x.index_select(0, index),
            y=self.y.index_select(0, index),
            task=tasks_at(self.task, index),
            payloads=payloads,
        )


@dataclass(frozen=True)
class Block:
    """A run of rows of a batch that come from one source.

    Attributes:
        source: The name of the source: `STREAM`, or that of the method that added the rows.
        start: The place of the first row in the batch.
        stop: The place after the last row.
        mass: The block's share in the loss, relative to the stream's share of 1.
        averaged: Whether the mass counts in the mean. If so, the whole loss is divided by the sum
            of all such masses, so that it stays a mean. If not, the mass is the coefficient of an
            added term, such as β of DER++, and 0 adds none.
        payloads: Other tensors with one entry per row of the block, by name.
        labelled: Whether the targets of the rows mean something. If not, the mass is 0, and only
            teachers say what the network should answer to the rows.
        sparse: Whether micro-batches may lack its rows, because no term needs some.
    """

    source: str
    start: int
    stop: int
    mass: float = 1.0
    averaged: bool = True
    payloads: Payloads = field(default_factory=dict)
    labelled: bool = True
    sparse: bool = False

    def __len__(self) -> int:
        return self.stop - self.start
