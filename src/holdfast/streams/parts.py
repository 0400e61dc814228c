"""Parts: the training, validation or test examples of a task, read by number."""

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from copy import copy
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, join_inputs, trimmed
from holdfast.streams.inputs import refuse_unfinite
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.types import Transform

# Raw inputs (N, ...) or several such tensors, output numbers (N,), and task numbers (N,), these on
# the CPU.
Examples = tuple[Inputs, Tensor, Tensor]

ROWS_AT_ONCE = 2048  # rows that go through a fixed transform at once, to bound its memory


@runtime_checkable
class Part(Protocol):
    """Examples that are read by number: the training, validation or test part of a task."""

    def __len__(self) -> int:
        """The number of examples."""
        ...

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers.

        Args:
            index: Numbers of examples, (N,), on the CPU.

        Returns:
            Raw inputs (N, ...), output numbers (N,), and the number of each row's task, (N,) on the
            CPU. Use `rows_of_task` if all rows are of one task.
        """
        ...

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other, possibly ahead of time.

        Args:
            order: The numbers of the examples of each batch, on the CPU.
            seed: The seed of random changes inside a data set that worker processes read.
            first: The number of the first batch. A run that resumes in the middle of an epoch
                passes it, so that it draws the same random changes as an uninterrupted run.

        Returns:
            What `fetch` returns, for each batch in order.
        """
        ...

    def to(self, device: torch.device | str) -> "Part":
        """The same examples on `device`, if they can be kept there."""
        ...


class ArrayPart:
    """Examples in tensors, in memory or memory-mapped.

    Args:
        x: Raw inputs, (M, ...), or several such tensors.
        y: The output number of each example of the part, (N,), or floating targets, (N, K).
        task: The number of the task.
        rows: Which rows of `x` the examples are, (N,). None: all of them, in order.
        transform: A fixed change of the inputs, such as a permutation. None: no change.
        keep: Transform all inputs at the first reading and keep them, which pays for examples that
            are read again and again, such as test examples.

    Raises:
        HoldfastError: There is not one label per example, or the inputs are not finite.

    Example:
        >>> part = ArrayPart(torch.arange(6).view(3, 2), torch.tensor([0, 1, 0]), task=0)
        >>> part.fetch(torch.tensor([2]))[0].tolist()
        [[4, 5]]
    """

    def __init__(
        self,
        x: Inputs,
        y: Tensor,
        task: int,
        rows: Tensor | None = None,
        transform: Transform | None = None,
        keep: bool = False,
    ) -> None:
        if rows is None:
            rows_used = len(x)
            refuse_unfinite(x, "inputs")
        else:  # the inputs belong to a source, which has checked them
            rows_used = len(rows)
        if len(y) != rows_used:
            raise HoldfastError(
                f"expected one label per example, got {rows_used} examples and {len(y)} labels"
            )
        self.x = x
        # Targets of several labels, and measurements, are rows of numbers.
        self.y = y if y.is_floating_point() else y.long()
        self.task = task
        self.rows = rows
        self.transform = transform
        self.keep = keep and transform is not None

    def __len__(self) -> int:
        return len(self.y)

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers; see `Part.fetch`."""
        if self.keep and self.transform is not None:
            self._keep_transformed(self.transform)
        # Numbers come from the CPU, but the part may have been moved to another device.
        index = index.to(self.y.device)
        rows = index
        if self.rows is not None:
            rows = self.rows.index_select(0, index)
        x = trimmed(self.x.index_select(0, rows.to(self.x.device)))
        if self.transform is not None:
            x = self.transform(x)
        return x, self.y.index_select(0, index), rows_of_task(self.task, len(index))

    def _keep_transformed(self, transform: Transform) -> None:
        """Replace the raw inputs by the transformed rows of this part."""
        rows = self.rows
        if rows is None:
            rows = torch.arange(len(self.y), device=self.y.device)
        chunks = torch.split(rows.to(self.x.device), ROWS_AT_ONCE)
        self.x = join_inputs([transform(self.x.index_select(0, chunk)) for chunk in chunks])
        self.rows = None
        self.transform = None
        self.keep = False

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other; nothing is random here, so `seed` plays no part."""
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "ArrayPart":
        """The same examples on `device`; inputs that several parts share are moved once."""
        part = copy(self)  # the constructor would check the inputs again
        part.x = _on_device(self.x, device)
        part.y = self.y.to(device)
        if self.rows is not None:
            part.rows = self.rows.to(device)
        return part


# Tensor → its copies by device. An entry goes when its tensor does.
_copies: MutableMapping[Tensor, dict[str, Tensor]] = WeakIdKeyDictionary()


def _on_device(x: Inputs, device: torch.device | str) -> Inputs:
    """The inputs on the device; tasks that share a tensor also share its copy."""
    if isinstance(x, NamedInputs):
        return x.map(lambda tensor: _copy_on(tensor, device))
    return _copy_on(x, device)


def _copy_on(x: Tensor, device: torch.device | str) -> Tensor:
    """The copy of a tensor on the device; the tensor itself if it is there."""
    if x.device == torch.device(device):
        return x
    by_device = _copies.setdefault(x, {})
    if str(device) not in by_device:
        by_device[str(device)] = x.to(device)
    return by_device[str(device)]


class JoinedPart:
    """Several parts as one, as joint training needs them. Rows keep their tasks.

    Args:
        parts: The parts, one after the other; at least one.

    Example:
        >>> part = ArrayPart(torch.arange(6).view(3, 2), torch.tensor([0, 1, 0]), task=4)
        >>> both = JoinedPart([part, part])
        >>> len(both), both.fetch(torch.tensor([0, 5]))[2].tolist()
        (6, [4, 4])
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.ends = torch.tensor([len(part) for part in parts]).cumsum(0)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers, grouped by part; see `Part.fetch`."""
        # `ends` has the number after the last row of each part, so it tells the part of a row.
        part_of = torch.bucketize(index, self.ends, right=True)
        inputs: list[Inputs] = []
        outputs: list[Tensor] = []
        tasks: list[Tensor] = []
        for number in torch.unique(part_of).tolist():
            start = 0
            if number > 0:
                start = int(self.ends[number - 1])
            inside = index[part_of == number] - start
            x, y, task = self.parts[number].fetch(inside)
            inputs.append(x)
            outputs.append(y)
            tasks.append(task)
        return join_inputs(inputs), torch.cat(outputs), torch.cat(tasks)

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other; see `Part.batches`."""
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "JoinedPart":
        """The same parts on `device`."""
        return JoinedPart([part.to(device) for part in self.parts])


class Subset:
    """Some examples of a part.

    Args:
        part: The part.
        rows: The numbers of the examples that belong to the subset, (N,), on the CPU.

    Example:
        >>> part = ArrayPart(torch.arange(6).view(3, 2), torch.tensor([0, 1, 0]), task=0)
        >>> Subset(part, torch.tensor([2, 0])).fetch(torch.tensor([0]))[0].tolist()
        [[4, 5]]
    """

    def __init__(self, part: Part, rows: Tensor) -> None:
        self.part = part
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers within the subset; see `Part.fetch`."""
        return self.part.fetch(self.rows[index])

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other; see `Part.batches`."""
        return self.part.batches((self.rows[index] for index in order), seed, first)

    def to(self, device: torch.device | str) -> "Subset":
        """The same examples on `device`."""
        return Subset(self.part.to(device), self.rows)


class AbsentPart:
    """Examples with which a task was learnt, and which are not at hand any more.

    Args:
        rows: How many they were.
        reason: The message for whoever wants to read them.

    Example:
        >>> len(AbsentPart(200, "the training examples of task 'a' were not kept"))
        200
    """

    def __init__(self, rows: int, reason: str) -> None:
        self.rows = rows
        self.reason = reason

    def __len__(self) -> int:
        return self.rows

    def fetch(self, index: Tensor) -> Examples:
        """Refuse to read examples.

        Raises:
            HoldfastError: Always.
        """
        raise HoldfastError(self.reason)

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Refuse to read examples, as `fetch` does."""
        raise HoldfastError(self.reason)

    def to(self, device: torch.device | str) -> "AbsentPart":
        """The same, because there is nothing to move."""
        return self
