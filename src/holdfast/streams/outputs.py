"""Which output of the network stands for which label, in each of the three scenarios."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, one_of
from holdfast.streams.labels import distinct
from holdfast.streams.types import Label

NUMBERINGS = ("label", "position")
# The name of a task and the labels that occur in it.
NamedLabels = tuple[str, Sequence[Label]]


@dataclass(frozen=True)
class OutputNumbers:
    """The output of every label of every task.

    Args:
        lookups: For each task, label → number of its output.
        ranges: For each task, the outputs [first, last) that are open when it is learned.
        names: The label of each output.
    """

    lookups: list[dict[Label, int]]
    ranges: list[tuple[int, int]]
    names: list[Label]

    def competing(self, task: int) -> Tensor | None:
        """The outputs of the task's own classes, ascending; None if they are its whole range."""
        first, last = self.ranges[task]
        outputs = torch.tensor(sorted(self.lookups[task].values()))
        if len(outputs) == last - first:
            return None
        return outputs

    def labels(self, task: int) -> tuple[Label, ...]:
        """The labels of the task in the order of their outputs."""
        lookup = self.lookups[task]
        return tuple(sorted(lookup, key=lookup.__getitem__))


def number_outputs(
    tasks: Sequence[NamedLabels], scenario: str, numbering: str = "label"
) -> OutputNumbers:
    """Give every label of every task its output.

    In the domain scenario all tasks share one set of outputs, and a label has the same output in
    every task, whichever labels a task has. With `numbering="position"`, label number k of each
    task is output k instead, for example even or odd for any pair of digits. In the class scenario
    a label has one output in all tasks, numbered by first appearance. In the task scenario the
    model is told the task, so every task has separate outputs, even for labels that another task
    has.

    Args:
        tasks: The name and the labels of each task, in the order in which they are learned.
        scenario: "task", "domain" or "class".
        numbering: "label" (default), or "position" for the domain scenario.

    Returns:
        The outputs of all tasks.

    Raises:
        HoldfastError: No later task of the class scenario brings a new label, or labels can't be
            numbered by position because tasks have different numbers of them.

    Example:
        >>> months = [("jan", ["ham", "spam"]), ("feb", ["phish", "spam"])]
        >>> number_outputs(months, "domain").lookups
        [{'ham': 0, 'spam': 2}, {'phish': 1, 'spam': 2}]
        >>> number_outputs(months, "domain", "position").lookups
        [{'ham': 0, 'spam': 1}, {'phish': 0, 'spam': 1}]
    """
    one_of("numbering", numbering, NUMBERINGS)
    if scenario == "task":
        return _separate(tasks)
    if scenario == "class":
        return _by_first_appearance(tasks)
    if numbering == "position":
        return _by_position(tasks)
    return _shared(tasks)


def translate(labels: np.ndarray, lookup: dict[Label, int]) -> Tensor:
    """Labels → output numbers, (N,). The lookup must know every label."""
    if not len(labels):
        return torch.zeros(0, dtype=torch.long)
    # Only the distinct labels go through the dictionary; NumPy spreads the result over all rows.
    values, inverse = np.unique(labels, return_inverse=True)
    outputs = np.array([lookup[label] for label in values.tolist()], dtype=np.int64)
    return torch.as_tensor(outputs[inverse.ravel()])


def _shared(tasks: Sequence[NamedLabels]) -> OutputNumbers:
    """Domain scenario: one set of outputs for the labels of all tasks, in sorted order."""
    every_label = [label for _, labels in tasks for label in labels]
    as_objects = np.empty(len(every_label), dtype=object)  # NumPy would turn numbers into text
    as_objects[:] = every_label
    names = distinct(as_objects)
    output_of = {label: output for output, label in enumerate(names)}
    lookups = [{label: output_of[label] for label in labels} for _, labels in tasks]
    return OutputNumbers(lookups, [(0, len(names))] * len(tasks), names)


def _by_position(tasks: Sequence[NamedLabels]) -> OutputNumbers:
    """Domain scenario: label number k of each task is output k."""
    sizes = {len(labels) for _, labels in tasks}
    if len(sizes) > 1:
        counts = ", ".join(f"{name}: {len(labels)}" for name, labels in tasks)
        raise HoldfastError(
            "numbering='position' needs the same number of classes in every task, because class "
            f"number k of each task is output k, but the tasks have different numbers ({counts}); "
            "use numbering='label', or scenario='task' or 'class'"
        )
    width = sizes.pop()
    # The labels at one position in all tasks share an output.
    at_position = zip(*(labels for _, labels in tasks), strict=True)
    names = [_joined_name(labels) for labels in at_position]
    lookups = [{label: output for output, label in enumerate(labels)} for _, labels in tasks]
    return OutputNumbers(lookups, [(0, width)] * len(tasks), names)


def _joined_name(labels: Sequence[Label]) -> Label:
    """The name of an output that stands for different labels in different tasks."""
    different = list(dict.fromkeys(labels))
    # Tasks that agree about a label need no composed name.
    if len(different) == 1:
        return different[0]
    return " / ".join(map(str, different))


def _separate(tasks: Sequence[NamedLabels]) -> OutputNumbers:
    """Task scenario: every task has outputs of its own, one range after the other."""
    lookups: list[dict[Label, int]] = []
    ranges: list[tuple[int, int]] = []
    names: list[Label] = []
    for _, labels in tasks:
        first = len(names)
        lookups.append({label: output for output, label in enumerate(labels, first)})
        names += labels
        ranges.append((first, len(names)))
    return OutputNumbers(lookups, ranges, names)


def _by_first_appearance(tasks: Sequence[NamedLabels]) -> OutputNumbers:
    """Class scenario: new labels get the next outputs, and a label that returns keeps its own."""
    lookups: list[dict[Label, int]] = []
    ranges: list[tuple[int, int]] = []
    output_of: dict[Label, int] = {}
    bringing = 0  # tasks with a new class
    for _, labels in tasks:
        # Labels that were seen in earlier tasks keep their output.
        outputs_before = len(output_of)
        for label in labels:
            output_of.setdefault(label, len(output_of))
        bringing += len(output_of) > outputs_before
        lookups.append({label: output_of[label] for label in labels})
        ranges.append((0, len(output_of)))
    # Classes may come back, but if none is ever new, the tasks differ in something else.
    if len(tasks) > 1 and bringing == 1:
        raise HoldfastError(
            "the class scenario is for streams that bring new classes, but the first task "
            f"({tasks[0][0]!r}) has all of them. If the later rows are new data of known classes, "
            "use scenario='domain', where all tasks share the outputs. Otherwise give rows of new "
            "classes task values of their own"
        )
    return OutputNumbers(lookups, ranges, list(output_of))
