"""Tasks in order: what is trained on, validated on and tested on, and which outputs each task uses."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from holdfast.errors import HoldfastError, one_of, unknown
from holdfast.streams.inputs import input_tensor, refuse_unfinite

SCENARIOS = ("task", "domain", "class")
Augment = Callable[[Tensor, torch.Generator], Tensor]


class Part(Protocol):
    """Examples that can be read by number: the training, validation or test part of a task."""

    def __len__(self) -> int: ...

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor, int | Tensor]:
        """Rows `index` (on the CPU) → raw inputs, output indices, task of each row (one int where all share it)."""
        ...

    def batches(
        self, order: Iterable[Tensor], seed: int = 0, first: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, int | Tensor]]:
        """`fetch` for each index tensor, in order; may read ahead.

        `seed`: what random changes inside a data set are drawn from in its worker processes; `first`: the number of
        the first batch, so that a run that resumes draws the same ones.
        """
        ...

    def to(self, device: torch.device | str) -> "Part":
        """The same examples on `device`, where they fit."""
        ...


class ArrayPart:
    """Tensors in memory (or memory-mapped): `x[index]`, then a fixed transform (a permutation, say).

    >>> part = ArrayPart(torch.arange(6).view(3, 2), torch.tensor([0, 1, 0]), task=0)
    >>> part.fetch(torch.tensor([2]))[0].tolist()
    [[4, 5]]
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        task: int,
        rows: Tensor | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
        keep: bool = False,
    ) -> None:
        """`x` (N, ...) raw inputs, `y` output indices of the rows used, `rows` which rows of x are used (default all).

        `keep`: transformed inputs are kept from the first reading on (for what is read again and again: test examples).
        """
        n = len(x) if rows is None else len(rows)
        if len(y) != n:
            raise HoldfastError(
                f"expected one label per example, got {n} examples and {len(y)} labels"
            )
        if rows is None:  # else the source was checked
            refuse_unfinite(x, "inputs")
        self.x, self.y, self.task, self.rows, self.transform = x, y.long(), task, rows, transform
        self.keep = keep and transform is not None

    def __len__(self) -> int:
        return len(self.y)

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor, int | Tensor]:
        if self.keep:
            self._transform_all()
        on = index.to(self.y.device)
        at = on if self.rows is None else self.rows.index_select(0, on)
        x = self.x.index_select(0, at.to(self.x.device))
        return (
            (x if self.transform is None else self.transform(x)),
            self.y.index_select(0, on),
            self.task,
        )

    def _transform_all(self) -> None:
        """Puts the transformed rows in the place of x."""
        assert self.transform is not None
        rows = torch.arange(len(self.y), device=self.y.device) if self.rows is None else self.rows
        self.x = torch.cat(
            [
                self.transform(self.x.index_select(0, part.to(self.x.device)))
                for part in rows.split(2048)
            ]
        )
        self.rows, self.transform, self.keep = None, None, False

    def batches(
        self, order: Iterable[Tensor], seed: int = 0, first: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, int | Tensor]]:
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "ArrayPart":
        part = ArrayPart.__new__(ArrayPart)
        part.__dict__ |= self.__dict__ | {
            "x": _on(self.x, device),
            "y": self.y.to(device),
            "rows": None if self.rows is None else self.rows.to(device),
        }
        return part


_moved = WeakIdKeyDictionary()  # tensor → {device: copy}, dropped with the tensor


def _on(x: Tensor, device: torch.device | str) -> Tensor:
    """x on the device; tensors shared by several tasks are moved once."""
    if x.device == torch.device(device):
        return x
    copies = _moved.setdefault(x, {})
    if str(device) not in copies:
        copies[str(device)] = x.to(device)
    return copies[str(device)]


class DatasetPart:
    """A map-style data set of (input, label) pairs read through a DataLoader, for what does not fit in memory."""

    def __init__(
        self,
        dataset: Any,
        task: int,
        lookup: Mapping[Any, int] | None = None,
        rows: Sequence[int] | np.ndarray | None = None,
        workers: int = 0,
    ) -> None:
        """`lookup` maps labels to output indices; `rows` are the examples used (default all)."""
        self.dataset, self.task, self.lookup, self.workers = dataset, task, lookup, workers
        self.rows = torch.arange(len(dataset)) if rows is None else torch.as_tensor(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def _collate(self, rows: list[Any]) -> tuple[Tensor, Tensor]:
        inputs = [input_tensor(r[0]) for r in rows]
        shapes = {tuple(x.shape) for x in inputs}
        if len(shapes) > 1:
            raise HoldfastError(
                f"the rows of task number {self.task} have inputs of different shapes, {sorted(shapes)[:3]}; pad or "
                "resize them in the data set"
            )
        labels = [r[1].item() if isinstance(r[1], Tensor | np.generic) else r[1] for r in rows]
        if self.lookup is None:
            return torch.stack(inputs), torch.tensor(labels)
        strange = [v for v in labels if v not in self.lookup]
        if strange:
            raise HoldfastError(
                f"label {strange[0]!r} is not among the task's labels {list(self.lookup)}; list it in labels="
            )
        return torch.stack(inputs), torch.tensor([self.lookup[v] for v in labels])

    def batches(
        self, order: Iterable[Tensor], seed: int = 0, first: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, int | Tensor]]:
        from torch.utils.data import DataLoader

        wanted = [self.rows[index].tolist() for index in order]
        dataset, sampler = self.dataset, wanted
        if self.workers:
            dataset = _SeededRows(self.dataset, (seed, self.task))
            sampler = [[(row, first + k) for row in rows] for k, rows in enumerate(wanted)]
        loader = DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=self.workers,
            collate_fn=self._collate,
            generator=torch.Generator().manual_seed(self.task),  # else it draws from the global one
        )
        return ((x, y, self.task) for x, y in loader)

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor, int | Tensor]:
        x, y = self._collate([self.dataset[int(i)] for i in self.rows[index]])
        return x, y, self.task

    def to(self, device: torch.device | str) -> "DatasetPart":
        return self


class _SeededRows:
    """Rows read in worker processes: the generators start from (seed, task, number of the batch) for each batch.

    Random changes inside the data set (augmentation, noise) then depend on nothing else: not on the number of
    workers, nor on which of them reads a batch, nor on whether the run was resumed.
    """

    def __init__(self, dataset: Any, seed: tuple[int, int]) -> None:
        self.dataset, self.seed = dataset, seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, batch: list[tuple[int, int]]) -> list[Any]:
        """The rows of one batch, each given as (row, number of the batch)."""
        state = np.random.SeedSequence([*self.seed, batch[0][1]]).generate_state(3)
        torch.manual_seed(int(state[0]))
        random.seed(int(state[1]))
        np.random.seed(int(state[2]))  # noqa: NPY002 the user's code may draw from it
        return [self.dataset[row] for row, _ in batch]


class JoinedPart:
    """Several parts as one (what Joint trains on): rows keep their tasks."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.ends = torch.tensor([len(p) for p in parts]).cumsum(0)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor, int | Tensor]:
        which = torch.bucketize(index, self.ends, right=True)
        xs, ys, tasks = [], [], []
        for k in which.unique().tolist():
            inside = index[which == k] - (int(self.ends[k - 1]) if k else 0)
            x, y, t = self.parts[k].fetch(inside)
            xs.append(x)
            ys.append(y)
            tasks.append(t if isinstance(t, Tensor) else torch.full((len(inside),), t))
        return torch.cat(xs), torch.cat(ys), torch.cat(tasks)

    def batches(
        self, order: Iterable[Tensor], seed: int = 0, first: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, int | Tensor]]:
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "JoinedPart":
        return JoinedPart([p.to(device) for p in self.parts])


class Subset:
    """Some examples of a part."""

    def __init__(self, part: Part, rows: Tensor) -> None:
        """`rows`: which examples (on the CPU)."""
        self.part, self.rows = part, rows

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor, int | Tensor]:
        return self.part.fetch(self.rows[index])

    def batches(
        self, order: Iterable[Tensor], seed: int = 0, first: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, int | Tensor]]:
        return self.part.batches((self.rows[index] for index in order), seed, first)

    def to(self, device: torch.device | str) -> "Subset":
        return Subset(self.part.to(device), self.rows)


@dataclass(frozen=True)
class Task:
    """One learning problem. `outputs` is its range of output indices; `labels` names them; parts may be None where not given."""

    index: int
    name: str
    train: Part
    test: Part
    outputs: tuple[int, int]
    validation: Part | None = None
    competing: Tensor | None = (
        None  # outputs of the task's own classes, where they are not the whole range
    )
    labels: tuple[Any, ...] = ()

    def with_training(self, part: Part) -> "Task":
        """The task with another training part."""
        return replace(self, train=part)

    def to(self, device: torch.device | str) -> "Task":
        """The task with its examples on `device`."""
        validation = None if self.validation is None else self.validation.to(device)
        return replace(
            self, train=self.train.to(device), test=self.test.to(device), validation=validation
        )


@dataclass(frozen=True)
class Stream:
    """Tasks in order under a scenario. `outputs` is the number of outputs over all tasks, `shape` that of one input."""

    tasks: tuple[Task, ...]
    scenario: str
    outputs: int
    shape: tuple[int, ...]
    labels: tuple[Any, ...] = ()  # name of each output
    augment: Augment | None = None
    name: str = "stream"
    extra: dict[str, Any] = field(default_factory=dict)
    by_position: bool = False  # output k means label number k of each task, whatever it is called

    def __post_init__(self) -> None:
        one_of("scenario", self.scenario, SCENARIOS)
        if not self.tasks:
            raise HoldfastError("a stream needs at least one task, got none")
        names = [t.name for t in self.tasks]
        if len(set(names)) < len(names):
            raise HoldfastError(f"task names must differ, got {names}")
        for t in self.tasks:
            for part, what in ((t.train, "training"), (t.test, "test")):
                if not len(part):
                    raise HoldfastError(
                        f"task {t.name!r} has no {what} examples; expected at least one"
                    )

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def label_of(self, task: Task, output: int) -> Any:
        """The label that an output stands for when it is asked of a task."""
        return task.labels[output] if self.by_position else self.labels[output]

    def __getitem__(self, name: str | int) -> Task:
        """A task by name or position."""
        if isinstance(name, int):
            return self.tasks[name]
        for t in self.tasks:
            if t.name == name:
                return t
        raise unknown("task", name, [t.name for t in self.tasks])
