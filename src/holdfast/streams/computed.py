"""Features of a frozen network in the place of inputs: computed once, kept in memory and on disk.

The cache on the disk is keyed by what computes the features and by the inputs themselves, so it
does not matter how a stream came to have them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, as_dict, bytes_of, trimmed
from holdfast.streams.own_data.cache import kept
from holdfast.streams.parts import Examples, Part
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Stream, Task

# Raw inputs (N, ...) → features (N, D) on the CPU.
Compute = Callable[[Inputs], Tensor]
READ_AT_ONCE = 2048  # rows of a part
MOST_BYTES = 2**17  # of the raw inputs of one call, such as 8,192 tokens
FEWEST_ROWS = 16  # of one call, however large they are
MOST_ROWS = 256
PROBED = 2  # rows that checks before training look at


class FeaturePart:
    """The examples of a part with features in the place of their inputs.

    Args:
        part: The part with raw inputs.
        task: The number of its task.
        compute: Computes features of raw inputs.
        content: What identifies the computation, such as a digest of weights. None: features are
            kept in memory only.
    """

    def __init__(self, part: Part, task: int, compute: Compute, content: str | None) -> None:
        self.part = part
        self.task = task
        self.compute = compute
        self.content = content
        self.device = torch.device("cpu")
        self._made: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.part)

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers; see `Part.fetch`."""
        # Checks before training look at a row or two, for which the others need not be computed.
        if self._made is None and len(index) <= PROBED:
            x, y, task = self.part.fetch(index)
            return self._features(x).to(self.device), y.to(self.device), task
        features, outputs = self._all()
        index = index.to(self.device)
        x = features.index_select(0, index)
        return x, outputs.index_select(0, index), rows_of_task(self.task, len(index))

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other; nothing is random here, so `seed` plays no part."""
        self._all()
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "FeaturePart":
        """The same features on `device`."""
        if torch.device(device) == self.device:
            return self
        moved = FeaturePart(self.part, self.task, self.compute, self.content)
        moved.device = torch.device(device)
        if self._made is not None:
            features, outputs = self._made
            moved._made = (features.to(device), outputs.to(device))
        return moved

    def _all(self) -> tuple[Tensor, Tensor]:
        """The features and the outputs of all examples, which are computed the first time."""
        if self._made is None:
            digest, outputs = self._read()
            if self.content is None:
                features = self._computed()
            else:
                array, _ = kept("features", [self.content, digest], self._write)
                features = torch.from_numpy(array)
            self._made = (features.to(self.device), outputs.to(self.device))
        return self._made

    def _read(self) -> tuple[str, Tensor]:
        """A digest of the raw inputs of all examples, and their outputs."""
        digest = hashlib.sha256()
        outputs = []
        for x, y, _ in self._chunks():
            for name, tensor in as_dict(x).items():
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                digest.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
            outputs.append(y)
        return digest.hexdigest(), torch.cat(outputs)

    def _computed(self) -> Tensor:
        """The features of all examples, in calls of a few rows."""
        made = []
        for x, _, _ in self._chunks():
            rows = MOST_BYTES * len(x) // max(bytes_of(x), 1)
            rows = max(FEWEST_ROWS, min(MOST_ROWS, rows))
            made += [self._features(x[at : at + rows]) for at in range(0, len(x), rows)]
        return torch.cat(made)

    def _features(self, x: Inputs) -> Tensor:
        """The features of a few rows, computed on the device of the part."""
        return self.compute(trimmed(x.to(self.device)))

    def _chunks(self) -> Iterator[Examples]:
        """All examples, some rows at once."""
        for index in torch.arange(len(self.part)).split(READ_AT_ONCE):
            yield self.part.fetch(index)

    def _write(self, file: Path) -> dict[str, object]:
        """Write the features into a file of the cache."""
        np.save(file, self._computed().numpy())
        return {}


def with_features(
    stream: Stream, compute: Compute, features: int, content: str | None = None
) -> Stream:
    """Replace the inputs of a stream by features that a frozen network computes from them.

    They are computed when a part is first read, and never again: a second epoch, and a second run
    if `content` is given, read them from memory or from the cache. Train a network on them whose
    backbone is `nn.Identity()`.

    Args:
        stream: A stream without augmentation.
        compute: Raw inputs (N, ...) → features (N, D) on the CPU, always the same ones.
        features: The number D of features.
        content: What identifies the computation, such as a digest of the network's weights, for the
            cache on the disk. None: features are kept in memory only.

    Returns:
        The stream of features.

    Raises:
        HoldfastError: The stream augments its examples, so that each reading has other features.

    Example:
        >>> from holdfast.streams import digits, split
        >>> stream = split(digits(), 5, "class")
        >>> halves = with_features(stream, lambda x: x.flatten(1)[:, :32] / 255, features=32)
        >>> halves.shape, halves[0].train.fetch(torch.arange(3))[0].shape
        ((32,), torch.Size([3, 32]))
    """
    if stream.augment is not None:
        raise HoldfastError(
            f"the stream {stream.name!r} changes its training examples at random, so features that "
            "are computed once would be wrong; leave out augment, or keep the backbone in the "
            "network"
        )
    tasks = [_task(task, compute, content) for task in stream]
    return replace(stream, tasks=tuple(tasks), shape=(features,))


def _task(task: Task, compute: Compute, content: str | None) -> Task:
    """A task with features in the place of inputs."""
    validation = None
    if task.validation is not None:
        validation = FeaturePart(task.validation, task.index, compute, content)
    return replace(
        task,
        train=FeaturePart(task.train, task.index, compute, content),
        test=FeaturePart(task.test, task.index, compute, content),
        validation=validation,
    )
