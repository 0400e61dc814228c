"""Which outputs are a task's own, and which are new.

What the head has opened says neither: with all outputs open from the start, as
`Learner(outputs="all")` has them, and in the domain scenario, it has opened outputs whose classes
no task has brought yet.
"""

import torch
from torch import Tensor

from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


def own_outputs(task: Task) -> Tensor:
    """The outputs of the classes that a task has, (K,), ascending."""
    return torch.arange(*task.outputs) if task.competing is None else task.competing.cpu()


def new_outputs(learner: LearnerView, task: Task) -> tuple[int, int]:
    """The outputs that a task of the class scenario brought, [first, last)."""
    # The head knows the ranges of all tasks; `learner.tasks` may be empty after `load`.
    before = max((last for _, last in learner.head.ranges[: task.index]), default=0)
    return before, task.outputs[1]
