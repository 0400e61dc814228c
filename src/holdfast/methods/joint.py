"""Joint: all data of tasks 1..t, trained anew for every t; the upper reference.

θ starts each time from the initial weights (rows that a growing head gained later: from their own first values), the
optimizer is renewed, and the number of epochs or steps counts for the union.
Passes: one.
"""

from dataclasses import replace

import torch

from holdfast.methods.method import Declaration, Method
from holdfast.methods.view import LearnerView
from holdfast.streams.task import JoinedPart, Task


class KeepsAllData(Method):
    """Base of methods that train on all tasks so far (abstract)."""

    def begin(self, learner: LearnerView, task: Task) -> Task:
        row = sum(v.nbytes for v in task.train.fetch(torch.tensor([0]))[:2])
        self.host["data_bytes"] = row * sum(len(t.train) for t in learner.tasks)
        return replace(task, train=JoinedPart([t.train for t in learner.tasks]))

    def state_bytes(self) -> int:
        """Bytes of all the data that it has to keep."""
        return int(self.host.get("data_bytes", 0))


class Joint(KeepsAllData):
    """Retrains from scratch on everything so far."""

    declaration = Declaration(
        "baseline",
        "–",
        "trained anew on all data so far; the upper reference",
        stores_examples=True,
        restarts=True,
        memory="linear",
        time="linear",
    )

    def __init__(self) -> None:
        super().__init__()
