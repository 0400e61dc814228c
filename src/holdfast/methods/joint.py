"""Joint: all data of tasks 1..t, trained anew for every t.

    θ_t = the result of training from θ_0 on D_1 ∪ … ∪ D_t

Here D_s is the training part of task s and θ_0 are the initial weights. Joint forgets nothing
because it keeps everything, so it is the upper reference for the other methods. Rows that a growing
head gained later start from their own first values, the optimizer is renewed, and the number of
epochs or steps counts for the union.

A step costs one pass. A task costs as many steps as all data so far need.
"""

from dataclasses import replace

import torch

from holdfast.methods.method import Declaration, Method
from holdfast.methods.view import LearnerView
from holdfast.named_inputs import bytes_of
from holdfast.streams.task import JoinedPart, Stream, Task


class KeepsAllData(Method):
    """Base of methods that train on the data of all tasks so far (abstract)."""

    def check(self, learner: LearnerView, stream: Stream) -> None:
        for past in learner.tasks:
            # A learner that was loaded from its file alone has no old data, and a row tells so.
            past.train.fetch(torch.tensor([0]))

    def begin(self, learner: LearnerView, task: Task) -> Task:
        # All rows are of one size, so the first tells how many bytes the others take.
        inputs, labels, _ = task.train.fetch(torch.tensor([0]))
        row_bytes = bytes_of(inputs) + labels.nbytes
        parts = [past.train for past in learner.tasks]  # the current task is the last of them
        self.host["data_bytes"] = row_bytes * sum(len(part) for part in parts)
        return replace(task, train=JoinedPart(parts))

    def state_bytes(self) -> int:
        """Bytes of all the data that the method has to keep."""
        return int(self.host.get("data_bytes", 0))


class Joint(KeepsAllData):
    """Retrains from the initial weights on all data so far; the upper reference."""

    declaration = Declaration(
        family="baseline",
        paper="–",
        summary="trained anew on all data so far; the upper reference",
        stores_examples=True,
        restarts=True,
        memory="linear",
        time="linear",  # each task is trained with the data of all before it,
        keeps="all data",
    )

    def __init__(self) -> None:
        """Set up the reference, which has no arguments.

        Example:
            >>> Joint()
            Joint()
        """
        super().__init__()
