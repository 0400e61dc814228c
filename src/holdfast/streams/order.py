"""Batch order as a pure function of (seed, task, epoch, step), so that a run resumes in the middle of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class BatchOrder:
    """Which examples make which step: `size` examples in batches, for a number of epochs or of steps.

    >>> order = BatchOrder(5, batch_size=2, seed=0, task=0, epochs=2)
    >>> order.steps, [len(b) for b, _ in order]
    (6, [2, 2, 1, 2, 2, 1])
    >>> all((a[0] == b[0]).all() for a, b in zip(order.from_step(3), list(order)[3:]))
    True
    """

    size: int
    batch_size: int
    seed: int
    task: int
    epochs: int | None = 1
    max_steps: int | None = None
    drop_last: bool = False
    shuffle: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise HoldfastError(f"batch_size must be at least 1, got {self.batch_size}")
        if (self.epochs is None) == (self.max_steps is None):
            raise HoldfastError("give either epochs or steps, not both")
        if not self.per_epoch:
            raise HoldfastError(
                f"drop_last leaves no batch: {self.size} examples, batch_size {self.batch_size}; lower batch_size"
            )

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return self.size // self.batch_size if self.drop_last else -(-self.size // self.batch_size)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.max_steps if self.max_steps is not None else (self.epochs or 0) * self.per_epoch

    def permutation(self, epoch: int) -> Tensor:
        """The order of examples in one epoch."""
        if not self.shuffle:
            return torch.arange(self.size)
        return torch.from_numpy(
            np.random.default_rng([self.seed, self.task, epoch]).permutation(self.size)
        )

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        return self.from_step(0)

    def from_step(self, first: int) -> Iterator[tuple[Tensor, int]]:
        """(indices, epoch) of each step from `first` on."""
        order, known = torch.zeros(0), -1
        for step in range(first, self.steps):
            epoch, k = divmod(step, self.per_epoch)
            if epoch != known:
                order, known = self.permutation(epoch), epoch
            yield order[k * self.batch_size : (k + 1) * self.batch_size], epoch
