"""Networks whose weights depend on the task: rows are sorted by task, each group takes its own way."""

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.heads import SeparateHead


class PerTask(Classifier):
    """A classifier that needs to know the task of every row (abstract: `features` takes one task index)."""

    def one_task(self, task: int | Tensor | None) -> int:
        """The task index, or the error that says what is missing."""
        if not isinstance(task, int):
            raise HoldfastError(
                "each task has weights of its own; call features(x, task) with one task index"
            )
        self.head.range_of(task)
        return task

    def forward(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → logits (N, C). Without a task id: every task's outputs, each by its own weights."""
        if isinstance(task, int):
            return self.head(self.features(x, task), task)
        tasks = range(len(self.head.ranges)) if task is None else task.unique().tolist()
        of_task = {
            t: self.forward(x if task is None else x[task.to(x.device) == t], t) for t in tasks
        }
        if task is None:
            return torch.cat([z[:, slice(*self.head.range_of(t))] for t, z in of_task.items()], 1)
        out = x.new_full((len(x), self.head.width), -torch.inf, dtype=of_task[tasks[0]].dtype)
        for t, z in of_task.items():
            out = out.index_put(((task == t).nonzero().flatten().to(x.device),), z)
        return out

    def need_separate_heads(self) -> None:
        """Refuses a head that tasks share: its weights could not be one task's own."""
        if not isinstance(self.head, SeparateHead):
            raise HoldfastError(
                f"each task ends in a head of its own; expected head 'separate', got {getattr(self.head, 'kind', None)!r}"
            )
