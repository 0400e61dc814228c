"""The order of batches, as a pure function of seed, task, epoch and step.

Because nothing else plays a part, a run that was stopped resumes in the middle of an epoch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class BatchOrder:
    """Which examples each step trains on.

    Args:
        size: The number of examples.
        batch_size: Examples per batch.
        seed: The seed of the run.
        task: The number of the task.
        epochs: Passes over the examples. Give either epochs or max_steps, and None for the other.
        max_steps: Steps in all.
        drop_last: Leave out the last batch of an epoch if it is smaller than `batch_size`.
        shuffle: Whether each epoch has a random order. If not, examples keep their own order.

    Raises:
        HoldfastError: The batch size is below 1, both or neither of epochs and max_steps are given,
            or no batch is left.

    Example:
        >>> order = BatchOrder(5, batch_size=2, seed=0, task=0, epochs=2)
        >>> order.steps, [len(index) for index, _ in order]
        (6, [2, 2, 1, 2, 2, 1])
        >>> resumed = list(order.from_step(3))
        >>> all((a[0] == b[0]).all() for a, b in zip(resumed, list(order)[3:]))
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
            raise HoldfastError(
                "give either epochs or steps, not both: the length of the training follows from one"
            )
        if not self.per_epoch:
            raise HoldfastError(
                f"drop_last leaves no batch, because {self.size} examples are fewer than "
                f"batch_size {self.batch_size}; lower batch_size, or keep the last batch"
            )

    @property
    def per_epoch(self) -> int:
        """Steps per epoch."""
        if self.drop_last:
            return self.size // self.batch_size
        return -(-self.size // self.batch_size)  # rounded up

    @property
    def steps(self) -> int:
        """Steps in all."""
        if self.max_steps is not None:
            return self.max_steps
        return (self.epochs or 0) * self.per_epoch

    def permutation(self, epoch: int) -> Tensor:
        """The order of the examples in one epoch, (size,)."""
        if not self.shuffle:
            return torch.arange(self.size)
        generator = np.random.default_rng([self.seed, self.task, epoch])
        return torch.from_numpy(generator.permutation(self.size))

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        return self.from_step(0)

    def from_step(self, first: int) -> Iterator[tuple[Tensor, int]]:
        """The numbers of the examples, and the epoch, of each step from `first` on."""
        order = torch.zeros(0)
        order_epoch = -1  # the epoch that `order` belongs to
        for step in range(first, self.steps):
            epoch, batch = divmod(step, self.per_epoch)
            # The permutation is made once per epoch, also if the first step is in its middle.
            if epoch != order_epoch:
                order = self.permutation(epoch)
                order_epoch = epoch
            start = batch * self.batch_size
            yield order[start : start + self.batch_size], epoch
