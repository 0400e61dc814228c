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
        scenario: "task", "domain", or, for several labels at once only, "class".
        objective: "multilabel", "regression" or "custom".
        order: The tasks in the order of learning, without other rows. None: all, by first example.
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
    _check(scenario, objective, validation)
    if order is None:
        order = _in_order_of_rows(examples.tasks)
    belongs = [examples.tasks == task for task in order]
    outputs = _outputs_of(examples.targets, scenario, order, belongs)
    cut = _cut(examples, test, validation, seed)
    tasks = _tasks(examples, order, belongs, outputs, cut)
    labels = _all_names(examples.targets, outputs)
    return Stream(
        tasks=tasks,
        scenario=scenario,
        outputs=len(labels),
        shape=_shape(examples.inputs),
        labels=labels,
        augment=augment,
        name=name,
        objective=objective,
    )


def _tasks(
    examples: TargetExamples,
    order: Sequence[str],
    belongs: list[np.ndarray],
    outputs: list[_Outputs],
    cut: "_Cut",
) -> tuple[Task, ...]:
    """The tasks in the order of learning, each of the rows of its mask (N,)."""
    tasks = []
    for number, task in enumerate(order):
        making = _TaskMaking(examples, outputs[number], number)
        tasks.append(making.task(str(task), belongs[number], cut))
    return tuple(tasks)


def _check(scenario: str, objective: str, validation: float) -> None:
    """Refuse a scenario in which the targets can't come, and a share that can't be set aside."""
    one_of("scenario", scenario, SCENARIOS)
    check_validation(validation)
    # Tasks of the class scenario bring new labels, and a measured quantity is none.
    if scenario == "class" and objective != MULTILABEL:
        raise HoldfastError(
            f"objective={objective!r} does not apply to the class scenario, in which tasks add "
            "classes; use scenario='domain' or scenario='task'"
        )


def _in_order_of_rows(tasks: np.ndarray) -> list[str]:
    """The distinct tasks, in the order of their first example."""
    # np.unique sorts the tasks, but they are learned in the order of the rows.
    _, first_rows = np.unique(tasks, return_index=True)
    in_order: list[str] = tasks[np.sort(first_rows)].tolist()
    return in_order


@dataclass(frozen=True)
class _Cut:
    """Which examples are not trained on, as masks (N,). `set_aside` is None without validation."""

    tested: np.ndarray
    set_aside: np.ndarray | None

    @property
    def trained(self) -> np.ndarray:
        """The mask of the training examples."""
        if self.set_aside is None:
            return ~self.tested
        trained: np.ndarray = ~self.tested & ~self.set_aside
        return trained


def _cut(examples: TargetExamples, test: float | np.ndarray, validation: float, seed: int) -> _Cut:
    """Cut the examples of all tasks at once."""
    if isinstance(test, np.ndarray):
        tested = test
    else:
        # Within each task, because rows of targets have no classes to draw the share from.
        tested = held_out(codes(examples.tasks), test, seed, examples.groups)
    if not validation:
        return _Cut(tested, None)
    return _Cut(tested, _set_aside(examples, tested, validation, seed))


@dataclass(frozen=True)
class _TaskMaking:
    """Makes one task and its parts."""

    examples: TargetExamples
    outputs: _Outputs
    number: int

    def task(self, name: str, belongs: np.ndarray, cut: _Cut) -> Task:
        """The task of the examples of a mask (N,)."""
        first, last = self.outputs.range
        columns = self.outputs.columns
        own = [output for output in range(last) if columns[output] is not None]
        # None stands for all outputs of the range, which are the task's own then.
        competing = None
        if len(own) < last - first:
            competing = torch.tensor(own)
        kept_back = None
        if cut.set_aside is not None:
            kept_back = self.of(belongs & cut.set_aside)
        return Task(
            index=self.number,
            name=name,
            train=self.of(belongs & cut.trained),
            test=self.of(belongs & cut.tested),
            outputs=(first, last),
            validation=kept_back,
            competing=competing,
            labels=tuple(_names(self.examples.targets, columns, own)),
        )

    def of(self, mask: np.ndarray) -> ArrayPart:
        """The examples of a mask (N,)."""
        rows = np.flatnonzero(mask)
        y = as_tensor(self.examples.targets.values[rows], self.outputs.columns)
        # The inputs are shared by all parts, and each part has the numbers of its rows.
        return ArrayPart(self.examples.inputs, y, self.number, torch.from_numpy(rows))


def _outputs_of(
    targets: Targets, scenario: str, order: Sequence[object], belongs: list[np.ndarray]
) -> list[_Outputs]:
    """The outputs of each task."""
    # Tasks share all outputs, also those of which one of them knows nothing.
    if scenario == "domain":
        every: list[int | None] = list(range(len(targets.names)))
        return [_Outputs((0, len(every)), every) for _ in order]
    known = [targets.known_in(rows) for rows in belongs]
    for task, columns in zip(order, known, strict=True):
        # Such a task would have no output that could be trained.
        if not columns:
            raise HoldfastError(f"task {str(task)!r}: nothing is known of any target")
    if scenario == "task":
        # A column that two tasks know has an output in each of them.
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
        # Outputs of later tasks are among them, so that the targets of all tasks have one width.
        of_task = [column if column in columns else None for column in numbered]
        outputs.append(_Outputs((0, seen), of_task))
    return outputs


def _set_aside(examples: TargetExamples, tested: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The mask of the validation examples, drawn from the training examples of each task."""
    mask = np.zeros(len(tested), dtype=bool)
    trained = np.flatnonzero(~tested)
    groups = None
    if examples.groups is not None:
        groups = examples.groups[trained]
    # Drawn from the training rows, so that no share of validation changes the test rows.
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


def _all_names(targets: Targets, outputs: list[_Outputs]) -> tuple[str, ...]:
    """The name of each output of the stream."""
    # The last task has the last output in every scenario.
    names = [""] * outputs[-1].range[1]
    for of_task in outputs:
        for output, column in enumerate(of_task.columns):
            if column is not None:
                names[output] = targets.names[column]
    return tuple(names)


def _shape(x: Inputs) -> tuple[int, ...]:
    """The shape of one input; empty if inputs are several tensors."""
    if isinstance(x, torch.Tensor):
        return tuple(x.shape[1:])
    return ()
