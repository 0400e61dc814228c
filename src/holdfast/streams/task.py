"""Tasks and streams: what is trained, validated and tested on, and which outputs each task uses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from holdfast.errors import HoldfastError, one_of, unknown
from holdfast.streams.parts import ArrayPart, Examples, JoinedPart, Part, Subset
from holdfast.streams.types import Label
from holdfast.text import html_table, shown

__all__ = [
    "SCENARIOS",
    "ArrayPart",
    "Augment",
    "Examples",
    "JoinedPart",
    "Part",
    "Stream",
    "Subset",
    "Task",
]

MOST_SHOWN = 12  # tasks that the `repr` of a stream lists
LONGEST_NAME = 30  # characters of the name of a task there
SCENARIOS = ("task", "domain", "class")

# A random change of a whole batch, (N, ...) → (N, ...), drawn from the generator it is given. It
# takes and returns one tensor, or `NamedInputs` if inputs are several.
Augment = Callable[[Any, torch.Generator], Any]


@dataclass(frozen=True)
class Task:
    """One learning problem of a stream.

    Args:
        index: The number of the task in its stream, from 0.
        name: The name of the task.
        train: The training examples.
        test: The test examples, which only evaluations read.
        outputs: The outputs [first, last) of the network that are open when the task is learned.
        validation: Examples to choose settings by. None: there are none.
        competing: The outputs of the task's own classes, (K,). None: they are all of `outputs`.
        labels: The labels of the task in the order of their outputs.
    """

    index: int
    name: str
    train: Part
    test: Part
    outputs: tuple[int, int]
    validation: Part | None = None
    competing: Tensor | None = None
    labels: tuple[Label, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Task({self.name!r}, number {self.index + 1}, {len(self.train):,} training and "
            f"{len(self.test):,} test rows, outputs {self.outputs[0]} to {self.outputs[1] - 1})"
        )

    def with_training(self, part: Part) -> "Task":
        """The same task with other training examples."""
        return replace(self, train=part)

    def to(self, device: torch.device | str) -> "Task":
        """The same task with its examples on `device`."""
        validation = self.validation
        if validation is not None:
            validation = validation.to(device)
        train = self.train.to(device)
        return replace(self, train=train, test=self.test.to(device), validation=validation)


@dataclass(frozen=True)
class Stream:
    """Tasks in the order in which they are learned, under one scenario.

    Args:
        tasks: The tasks, at least one, with different names.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        outputs: The number of outputs of the network over all tasks.
        shape: The shape of one input, without the dimension of examples. It is empty if inputs are
            several tensors.
        labels: The label of each output.
        augment: A random change of whole batches in training. None: no change.
        name: The name of the stream.
        by_position: Whether output k means label number k of each task, under any name.
        objective: What its targets are for: "classification" for one label per example, otherwise
            "multilabel", "regression" or "custom" for rows of numbers.

    Raises:
        HoldfastError: The scenario is unknown, two tasks share a name, or a task has no training
            or no test examples.

    Example:
        >>> from holdfast.streams import digits, split
        >>> stream = split(digits(), 5, "class")
        >>> len(stream), stream.outputs, stream["2+3"].outputs
        (5, 10, (0, 4))
    """

    tasks: tuple[Task, ...]
    scenario: str
    outputs: int
    shape: tuple[int, ...]
    labels: tuple[Label, ...] = ()
    augment: Augment | None = None
    name: str = "stream"
    by_position: bool = False
    objective: str = "classification"

    def __post_init__(self) -> None:
        one_of("scenario", self.scenario, SCENARIOS)
        if not self.tasks:
            raise HoldfastError("a stream needs at least one task, got none")
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise HoldfastError(f"the tasks of a stream must have different names, got {names}")
        for task in self.tasks:
            _refuse_empty(task.train, task.name, "training")
            _refuse_empty(task.test, task.name, "test")

    def __repr__(self) -> str:
        lines = [self._title()]
        for name, *counts in self._rows():
            lines.append(f"  {name}: {', '.join(counts)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        headings = ["task", "training rows", "test rows", "classes"]
        rows = [[name, *(text.split()[0] for text in counts)] for name, *counts in self._rows()]
        return html_table(headings, rows, self._title())

    def _title(self) -> str:
        """Write what kind of stream it is, in one line."""
        shape = " × ".join(map(str, self.shape)) or "of several tensors"
        return (
            f"Stream {shown(self.name)!r}: {len(self)} task{'s' * (len(self) != 1)}, "
            f"{self.scenario} scenario, {self.outputs} outputs, inputs {shape}"
        )

    def _rows(self) -> Iterator[list[str]]:
        """Write the name and the sizes of each task, of which a long stream shows the first."""
        for task in self.tasks[:MOST_SHOWN]:
            outputs = len(task.labels) or len(range(*task.outputs))
            # Targets that are rows of numbers have outputs, but no classes.
            kind, several = "output", "outputs"
            if self.objective == "classification":
                kind, several = "class", "classes"
            yield [
                _cut(task.name),
                f"{len(task.train):,} training rows",
                f"{len(task.test):,} test rows",
                f"{outputs} {kind if outputs == 1 else several}",
            ]
        if len(self) > MOST_SHOWN:
            yield ["…", f"{len(self) - MOST_SHOWN} more tasks"]

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def __getitem__(self, name: str | int) -> Task:
        """The task with this name, or at this position."""
        if isinstance(name, int):
            return self.tasks[name]
        for task in self.tasks:
            if task.name == name:
                return task
        raise unknown("task", name, [task.name for task in self.tasks])

    def label_of(self, task: Task, output: int) -> Label:
        """The label that an output of the network stands for.

        Args:
            task: The task that the example is of.
            output: The number of the output.

        Returns:
            The label. It depends on the task only if outputs are numbered by position.
        """
        if self.by_position:
            return task.labels[output]
        return self.labels[output]


def _cut(name: str) -> str:
    """Write the name of a task, cut if it is long."""
    text = shown(name)
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[: LONGEST_NAME - 1]}…"


def _refuse_empty(part: Part, task: str, what: str) -> None:
    """Refuse a task without training or without test examples."""
    if not len(part):
        raise HoldfastError(f"task {task!r} has no {what} examples, but needs at least one")
