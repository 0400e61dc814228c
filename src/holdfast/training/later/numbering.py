"""Which output each label of a new task has: labels that are known keep theirs, by name."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.methods.outputs import own_outputs
from holdfast.streams.parts import ArrayPart, Examples, Part
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Task
from holdfast.streams.types import Label

MOST_NAMED = 10  # labels in a message


class Numbering:
    """The outputs of all labels so far.

    Args:
        scenario: "task", "domain" or "class".
        outputs: The number of outputs of the tasks so far.
        known: The outputs that each label has had in the tasks so far.

    Attributes:
        outputs: The number of outputs with the tasks that were numbered here.

    Example:
        >>> numbering = Numbering("class", 2, {"cat": {0}, "dog": {1}})
        >>> numbering.of("2026-12", ["bird", "dog"]), numbering.outputs
        ({'bird': 2, 'dog': 1}, 3)
    """

    def __init__(self, scenario: str, outputs: int, known: Mapping[Label, set[int]]) -> None:
        self.scenario = scenario
        self.outputs = outputs
        # As text, because a file with the classes 1 and 2 has numbers, and one with 2 and cat has
        # texts.
        self._known: dict[str, set[int]] = {}
        for label, places in known.items():
            self._known.setdefault(str(label), set()).update(places)

    def of(self, name: str, labels: Sequence[Label]) -> dict[Label, int]:
        """Number the labels of a task, and count its new outputs.

        Args:
            name: The name of the task.
            labels: Its labels.

        Returns:
            Label → output.

        Raises:
            HoldfastError: The domain scenario has no output for a label, or has several.
        """
        if self.scenario == "task" or not self.outputs:
            # A first task brings all outputs of the domain scenario.
            numbers = {label: self.outputs + place for place, label in enumerate(labels)}
        elif self.scenario == "domain":
            self._refuse_unknown(name, labels)
            numbers = {label: next(iter(self._known[str(label)])) for label in labels}
        else:
            numbers = {}
            next_output = self.outputs
            for label in labels:
                # A label that has had several outputs keeps the lowest of them.
                numbers[label] = min(self._known.get(str(label), {next_output}))
                next_output = max(next_output, numbers[label] + 1)
        for label, output in numbers.items():
            self._known.setdefault(str(label), set()).add(output)
            self.outputs = max(self.outputs, output + 1)
        return numbers

    def _refuse_unknown(self, name: str, labels: Sequence[Label]) -> None:
        """Refuse labels without an output of their own."""
        unknown = [str(label) for label in labels if str(label) not in self._known]
        if unknown:
            known = ", ".join(sorted(self._known)[:MOST_NAMED])
            raise HoldfastError(
                f"task {name!r} has the labels {', '.join(unknown[:MOST_NAMED])}, which no earlier "
                f"task had (known: {known}). In the domain scenario all tasks share the outputs "
                "of the first one; correct the labels, leave these rows out, or make a learner of "
                "the class scenario, in which new labels get new outputs"
            )
        several = [str(label) for label in labels if len(self._known[str(label)]) > 1]
        if several:
            raise HoldfastError(
                f"label {several[0]!r} of task {name!r} has had several outputs, because outputs "
                "were numbered by position; make a learner on a stream with numbering='label'"
            )

    def by_position(self, labels: Sequence[Label]) -> dict[Label, int]:
        """Number labels by their places in a task, as streams of the domain scenario may do."""
        numbers = {label: place for place, label in enumerate(labels)}
        self.outputs = max(self.outputs, len(numbers))
        return numbers

    def span(self, outputs: Mapping[Label, int]) -> tuple[int, int]:
        """Return the outputs [first, last) that are open when a task with these is learned."""
        if self.scenario == "task":
            return min(outputs.values()), max(outputs.values()) + 1
        return 0, self.outputs

    def brings_new(self, label: Label) -> bool:
        """Say whether no task so far has had a label."""
        return str(label) not in self._known


class Renumbered:
    """The examples of a part under other output numbers, as those of another task.

    Args:
        part: The part.
        outputs: The new number of each old one, (C,), -1 where there is none.
        task: The number of the task.
    """

    def __init__(self, part: Part, outputs: Tensor, task: int) -> None:
        self.part = part
        self.outputs = outputs
        self.task = task

    def __len__(self) -> int:
        return len(self.part)

    def fetch(self, index: Tensor) -> Examples:
        """Read the examples of these numbers; see `Part.fetch`."""
        return self._changed(self.part.fetch(index))

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Read one batch after the other; see `Part.batches`."""
        return map(self._changed, self.part.batches(order, seed, first))

    def to(self, device: torch.device | str) -> "Renumbered":
        """The same examples on `device`."""
        return Renumbered(self.part.to(device), self.outputs, self.task)

    def _changed(self, examples: Examples) -> Examples:
        """Change the numbers of a batch."""
        x, y, _ = examples
        return x, self.outputs.to(y.device)[y], rows_of_task(self.task, len(y))


def renumbered(
    task: Task,
    index: int,
    name: str,
    outputs: Mapping[Label, int],
    span: tuple[int, int],
    absent: float = math.nan,
) -> Task:
    """Give a task its place among the tasks of a learner.

    Args:
        task: The task, with the labels of its outputs.
        index: Its number among the tasks of the learner.
        name: Its name there.
        outputs: Label → output there.
        span: The outputs [first, last) that are open when it is learned.
        absent: The target of labels that the task lacks: NaN for not known, or 0 for not there.

    Returns:
        The task with these outputs. Its examples are not copied.
    """
    own = own_outputs(task).tolist()
    if has_targets(task.train):
        columns = {output: outputs[label] for output, label in zip(own, task.labels, strict=True)}
        move = partial(_with_columns, columns=columns, width=span[1], absent=absent, task=index)
    else:
        move = partial(_moved, table=_table(own, task.labels, outputs), task=index)
    places = sorted(outputs.values())
    competing = None
    if len(places) < span[1] - span[0]:
        competing = torch.tensor(places)
    return replace(
        task,
        index=index,
        name=name,
        train=move(task.train),
        test=move(task.test),
        validation=None,
        outputs=span,
        competing=competing,
        # In the order of their outputs, as streams have them.
        labels=tuple(sorted(outputs, key=outputs.__getitem__)),
    )


def _table(own: Sequence[int], labels: Sequence[Label], outputs: Mapping[Label, int]) -> Tensor:
    """The new number of each output, -1 where there is none."""
    table = torch.full((max(own) + 1,), -1)
    for output, label in zip(own, labels, strict=True):
        table[output] = outputs[label]
    return table


def has_targets(part: Part) -> bool:
    """Whether the examples of a part have rows of numbers as targets, instead of labels."""
    return part.fetch(torch.arange(min(1, len(part))))[1].is_floating_point()


def _with_columns(
    part: Part, columns: Mapping[int, int], width: int, absent: float, task: int
) -> Part:
    """A part whose targets have the columns of the learner's outputs."""
    if not isinstance(part, ArrayPart):
        raise HoldfastError("targets that are rows of numbers need examples in memory")
    moved = copy(part)
    # The inputs stay those of the part, and only its targets are written anew.
    moved.y = torch.full((len(part.y), width), absent)
    for before, now in columns.items():
        moved.y[:, now] = part.y[:, before]
    moved.task = task
    return moved


def _moved(part: Part, table: Tensor, task: int) -> Part:
    """A part under other output numbers."""
    if not isinstance(part, ArrayPart):
        return Renumbered(part, table, task)
    # The class stays, because checks look at all labels of such parts before the first step.
    moved = copy(part)
    moved.y = table.to(part.y.device)[part.y]
    moved.task = task
    return moved
