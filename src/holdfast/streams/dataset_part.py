"""Examples of a map-style data set, read row by row through PyTorch's DataLoader."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs
from holdfast.streams.inputs import input_tensor
from holdfast.streams.parts import Examples
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.several_inputs import as_inputs, several_of, stacked
from holdfast.streams.types import Label, LabelledRows

if TYPE_CHECKING:
    from torch.utils.data import Dataset

# Makes a batch of the inputs of some rows.
Collate = Callable[[list[Any]], object]


@dataclass(frozen=True)
class Batching:
    """How the inputs of rows become a batch.

    Args:
        padding: The value that fills short sequences, by the name of the input. None: all inputs
            have one shape.
        collate: Makes a batch of a list of inputs. None: they are stacked.
    """

    padding: Mapping[str, float] | None = None
    collate: Collate | None = None

    def batch(self, inputs: list[object], where: str) -> Inputs:
        """Make a batch of the inputs of some rows.

        Args:
            inputs: One input per row: an array, or a mapping or tuple of arrays.
            where: What messages call the rows.

        Returns:
            The batch.

        Raises:
            HoldfastError: The inputs do not fit together.
        """
        if self.collate is not None:
            batch = as_inputs(self.collate(inputs))
            if isinstance(batch, NamedInputs) and self.padding:
                batch = NamedInputs(batch.tensors, self.padding, batch.positional)
            return batch
        if several_of(inputs[0]) is None and not self.padding:
            rows = [input_tensor(x) for x in inputs]
            return stacked(rows, None, f"the inputs of {where}")
        # An input that is one array has the name of the first of a tuple.
        parts = [several_of(x) or {"0": x} for x in inputs]
        columns: dict[str, Tensor] = {}
        for name in parts[0]:
            if any(name not in part for part in parts):
                raise HoldfastError(f"some rows of {where} have no input {name!r}; give all one")
            values = [input_tensor(part[name]) for part in parts]
            filling = (self.padding or {}).get(name)
            columns[name] = stacked(values, filling, f"the inputs {name!r} of {where}")
        return NamedInputs(columns, self.padding, not isinstance(inputs[0], Mapping))


class DatasetPart:
    """Examples of a map-style data set, for data that do not fit into memory.

    Args:
        dataset: Rows that are (input, label) pairs.
        task: The number of the task.
        lookup: Label → output number. None: labels are output numbers already.
        rows: The numbers of the rows that belong to the part. None: all of them.
        workers: Worker processes that read ahead. 0: rows are read in the training process.
        batching: How a batch is made of inputs. None: they are stacked.

    Example:
        >>> rows = [(torch.ones(2), "a"), (torch.zeros(2), "b")]
        >>> part = DatasetPart(rows, task=0, lookup={"a": 0, "b": 1})
        >>> part.fetch(torch.tensor([1, 0]))[1].tolist()
        [1, 0]
    """

    def __init__(
        self,
        dataset: LabelledRows,
        task: int,
        lookup: Mapping[Label, int] | None = None,
        rows: Sequence[int] | np.ndarray | None = None,
        workers: int = 0,
        batching: "Batching | None" = None,
    ) -> None:
        self.batching = batching or Batching()
        self.dataset = dataset
        self.task = task
        self.lookup = lookup
        self.workers = workers
        self.rows = torch.arange(len(dataset))
        if rows is not None:
            self.rows = torch.as_tensor(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers; see `Part.fetch`."""
        x, y = self._collate([self.dataset[int(row)] for row in self.rows[index]])
        return x, y, rows_of_task(self.task, len(y))

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other, in worker processes if there are any."""
        from torch.utils.data import DataLoader

        dataset: object = self.dataset
        batches = [self.rows[index].tolist() for index in order]
        if self.workers:
            dataset = _SeededRows(self.dataset, (seed, self.task))
            # Each row is requested with the number of its batch, from which its seed follows.
            for number, rows in enumerate(batches):
                batches[number] = [(row, first + number) for row in rows]
        loader = DataLoader(
            cast("Dataset[Sequence[object]]", dataset),
            batch_sampler=batches,
            num_workers=self.workers,
            collate_fn=self._collate,
            # Without a generator of its own the loader would draw from the global one.
            generator=torch.Generator().manual_seed(self.task),
        )
        return ((x, y, rows_of_task(self.task, len(y))) for x, y in loader)

    def to(self, device: torch.device | str) -> "DatasetPart":
        """This part itself: its rows are read on the CPU, and batches are moved one by one."""
        return self

    def _collate(self, rows: Sequence[Sequence[object]]) -> tuple[Inputs, Tensor]:
        """The inputs and the output numbers of some rows, as one batch."""
        inputs = self.batching.batch([row[0] for row in rows], f"task number {self.task}")
        # Labels come as tensors, NumPy scalars or plain values, but the lookup knows plain values.
        labels = [plain_value(row[1]) for row in rows]
        if self.lookup is None:
            return inputs, torch.tensor(labels)
        return inputs, torch.tensor(_outputs(labels, self.lookup))


def plain_value(value: object) -> Any:
    """The number inside a tensor or a NumPy scalar of one element; anything else as it is."""
    if isinstance(value, Tensor | np.generic):
        return value.item()
    return value


def _outputs(labels: Sequence[Label], lookup: Mapping[Label, int]) -> list[int]:
    """The output number of each label."""
    for label in labels:
        if label not in lookup:
            raise HoldfastError(
                f"label {label!r} is not among the task's labels {list(lookup)}; add it to labels="
            )
    return [lookup[label] for label in labels]


class _SeededRows:
    """Rows read in worker processes, with random generators that start anew for each batch.

    The generators of PyTorch, Python and NumPy start from (seed, task, number of the batch). Random
    changes inside the data set (augmentation, noise) then depend on nothing else: neither on the
    number of workers, nor on which of them reads a batch, nor on whether the run was resumed.
    """

    def __init__(self, dataset: LabelledRows, seed: tuple[int, int]) -> None:
        self.dataset = dataset
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, batch: list[tuple[int, int]]) -> list[Sequence[object]]:
        """The rows of one batch, each requested as (row, number of the batch)."""
        number = batch[0][1]
        # One seed for each of the three generators that a data set may draw from.
        state = np.random.SeedSequence([*self.seed, number]).generate_state(3)
        torch.manual_seed(int(state[0]))
        random.seed(int(state[1]))
        np.random.seed(int(state[2]))  # noqa: NPY002 users' data sets may draw from it
        return [self.dataset[row] for row, _ in batch]
