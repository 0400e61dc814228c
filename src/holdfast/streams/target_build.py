"""From examples with rows of targets to a stream: outputs, cuts, and tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from holdfast.errors import HoldfastError, one_of
from holdfast.named_inputs import Inputs
from holdfast.streams.arguments import check_validation
from holdfast.streams.held_out import codes, held_out
from holdfast.streams.parts import ArrayPart
from holdfast.streams.targets import MULTILABEL, Targets, as_tensor
from holdfast.streams.task import SCENARIOS, Augment, Stream, Task


@dataclass(frozen=True)
class TargetExamples:
    """Examples with a row of targets each.

    Args:
        inputs: (N, ...), or several such tensors.
        targets: The targets of the examples.
        tasks: The task of each example, (N,).
        groups: The group of each example, (N,), or None if they are unrelated.
    """

    inputs: Inputs
    targets: Targets
    tasks: np.ndarray
    groups: np.ndarray | None


@dataclass(frozen=True)
class _Outputs:
    """Which outputs a task has, and which column of the targets each output of the stream is."""

    range: tuple[int, int]
    columns: list[int | None]


def build_targets(
    examples: TargetExamples,
    scenario: str,
    objective: str,
    *,
    order: Sequence[str] | None = None,
    test: float | np.ndarray = 0.2,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    name: str = "arrays",
) -> Stream:
    """Build a stream whose targets are rows of numbers.

    Args:
        examples: The examples.
        scenario: "task", "domain" or "class". Only several labels at once can come in the "class"
            scenario.
        objective: "multilabel", "regression" or "custom".
        order: The tasks in the order in which they are learned; rows of others are left out. None:
            all of them, in the order of their first example.
        test: The share of the examples of each task to test on, in (0, 1), or a mask, (N,).
        validation: The share of the training examples to set aside, in [0, 1).
        seed: The seed of the cuts.
        augment: A random change of whole batches in training.
        name: The name of the stream.

    Returns:
        The stream. Its outputs are the columns of the targets, in the task scenario one after the
        other for each task.

    Raises:
        HoldfastError: The scenario does not fit, or a task has no examples to train or test on.
    """
    one_of("scenario", scenario, SCENARIOS)
    check_validation(validation)
    if scenario == "class" and objective != MULTILABEL:
        raise HoldfastError(
            f"objective={objective!r} does not apply to the class scenario, in which tasks add "
            "classes; use scenario='domain' or scenario='task'"
        )
    if order is None:
        # np.unique sorts the tasks, but they are learned in the order of the rows.
        _, first_rows = np.unique(examples.tasks, return_index=True)
        order = examples.tasks[np.sort(first_rows)].tolist()
    belongs = [examples.tasks == task for task in order]
    outputs = _outputs_of(examples.targets, scenario, order, belongs)
    if isinstance(test, np.ndarray):
        tested = test
    else:
        tested = held_out(codes(examples.tasks), test, seed, examples.groups)
    set_aside = _set_aside(examples, tested, validation, seed)
    tasks = []
    for number, task in enumerate(order):
        part = _Parts(examples, outputs[number].columns, number)
        first, last = outputs[number].range
        own = [output for output in range(last) if outputs[number].columns[output] is not None]
        competing = None
        if len(own) < last - first:
            competing = torch.tensor(own)
        kept_back = None
        if validation:
            kept_back = part.of(belongs[number] & set_aside)
        tasks.append(
            Task(
                index=number,
                name=str(task),
                train=part.of(belongs[number] & ~tested & ~set_aside),
                test=part.of(belongs[number] & tested),
                outputs=(first, last),
                validation=kept_back,
                competing=competing,
                labels=tuple(_names(examples.targets, outputs[number].columns, own)),
            )
        )
    width = outputs[-1].range[1]
    return Stream(
        tasks=tuple(tasks),
        scenario=scenario,
        outputs=width,
        shape=_shape(examples.inputs),
        labels=tuple(_all_names(examples.targets, outputs, width)),
        augment=augment,
        name=name,
        objective=objective,
    )


@dataclass(frozen=True)
class _Parts:
    """Makes the parts of one task."""

    examples: TargetExamples
    columns: list[int | None]
    number: int

    def of(self, mask: np.ndarray) -> ArrayPart:
        """The examples of a mask (N,)."""
        rows = np.flatnonzero(mask)
        y = as_tensor(self.examples.targets.values[rows], self.columns)
        return ArrayPart(self.examples.inputs, y, self.number, torch.from_numpy(rows))


def _outputs_of(
    targets: Targets, scenario: str, order: Sequence[object], belongs: list[np.ndarray]
) -> list[_Outputs]:
    """The outputs of each task."""
    if scenario == "domain":
        every: list[int | None] = list(range(len(targets.names)))
        return [_Outputs((0, len(every)), every) for _ in order]
    known = [targets.known_in(rows) for rows in belongs]
    for task, columns in zip(order, known, strict=True):
        if not columns:
            raise HoldfastError(f"task {str(task)!r}: nothing is known of any target")
    if scenario == "task":
        width = sum(map(len, known))
        outputs = []
        first = 0
        for columns in known:
            last = first + len(columns)
            of_task: list[int | None] = [None] * width
            of_task[first:last] = columns
            outputs.append(_Outputs((first, last), of_task))
            first = last
        return outputs
    return _by_first_appearance(known, order)


def _by_first_appearance(known: list[list[int]], order: Sequence[object]) -> list[_Outputs]:
    """Number the labels of the class scenario, in which one that returns keeps its output."""
    numbered: list[int] = []
    seen_after = []
    for task, columns in zip(order, known, strict=True):
        before = len(numbered)
        numbered += [column for column in columns if column not in numbered]
        if len(numbered) == before:
            raise HoldfastError(
                f"the class scenario needs a new label in every task, but task {str(task)!r} "
                "brings none; if its rows are later data of known labels, use scenario='domain'"
            )
        seen_after.append(len(numbered))
    outputs = []
    for columns, seen in zip(known, seen_after, strict=True):
        of_task = [column if column in columns else None for column in numbered]
        outputs.append(_Outputs((0, seen), of_task))
    return outputs


def _set_aside(examples: TargetExamples, tested: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The mask of the validation examples, drawn from the training examples of each task."""
    mask = np.zeros(len(tested), dtype=bool)
    if not share:
        return mask
    trained = np.flatnonzero(~tested)
    groups = None
    if examples.groups is not None:
        groups = examples.groups[trained]
    mask[trained] = held_out(codes(examples.tasks[trained]), share, seed, groups)
    return mask


def _names(targets: Targets, columns: list[int | None], outputs: list[int]) -> list[str]:
    """The names of some outputs of a task."""
    names = []
    for output in outputs:
        column = columns[output]
        if column is not None:
            names.append(targets.names[column])
    return names


def _all_names(targets: Targets, outputs: list[_Outputs], width: int) -> list[str]:
    """The name of each output of the stream."""
    names = [""] * width
    for of_task in outputs:
        for output, column in enumerate(of_task.columns):
            if column is not None:
                names[output] = targets.names[column]
    return names


def _shape(x: Inputs) -> tuple[int, ...]:
    """The shape of one input; empty if inputs are several tensors."""
    if isinstance(x, torch.Tensor):
        return tuple(x.shape[1:])
    return ()
