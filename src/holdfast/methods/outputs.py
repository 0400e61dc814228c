"""Which outputs of the network are a task's own, and which are new.

What the head has opened says neither. With all outputs open from the start, as
`Learner(outputs="all")` has them, and in the domain scenario, it has opened outputs whose classes
no task has brought yet.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


def own_outputs(task: Task) -> Tensor:
    """Find the outputs of the classes that a task has.

    Args:
        task: The task.

    Returns:
        The outputs, (K,), ascending, on the CPU.

    Example:
        >>> from holdfast.streams import digits, split
        >>> own_outputs(split(digits(), 5, "class")[1])
        tensor([2, 3])
    """
    if task.competing is not None:
        return task.competing.cpu()
    # All outputs of the task's range are its own.
    return torch.arange(*task.outputs)


def new_outputs(learner: LearnerView, task: Task) -> tuple[int, int]:
    """Find the outputs that a task of the class scenario brought.

    Args:
        learner: The learner.
        task: The task.

    Returns:
        The new outputs, [first, last). `first` is 0 for the first task.
    """
    # The head knows the ranges of all tasks; `learner.tasks` may be empty after `load`.
    before = max((last for _, last in learner.head.ranges[: task.index]), default=0)
    return before, task.outputs[1]


def outputs_of_labels(tasks: Sequence[Task]) -> dict[str, int]:
    """Find the output of each label, written as a text.

    Args:
        tasks: Tasks that name their labels.

    Returns:
        Label → output.

    Raises:
        HoldfastError: A label has another output in another task.

    Example:
        >>> from holdfast.streams import digits, split
        >>> outputs_of_labels(split(digits(), 5, "domain").tasks[:2])
        {'0': 0, '1': 1, '2': 0, '3': 1}
    """
    outputs: dict[str, int] = {}
    for task in tasks:
        for label, output in zip(task.labels, own_outputs(task).tolist(), strict=False):
            if outputs.setdefault(str(label), output) != output:
                raise HoldfastError(
                    f"the label {str(label)!r} has another output in task {task.name!r} than in "
                    "one before, so labels of a data set beside the tasks have no meaning; hand "
                    "over a pair (inputs, outputs), or pass labels=False"
                )
    return outputs
