"""What replay methods share: a memory, when examples enter it, and how many are drawn."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.memory import GROWING, POLICIES, Memory
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import Method
from holdfast.streams.task import Task

if TYPE_CHECKING:
    from holdfast.training.learner import Learner

CHUNK = 4096


class Replay(Method):
    """Base of methods with a memory (abstract).

    `insert="stream"`: each stream example is offered once, in its first epoch, so the current task is replayed as well.
    `insert="boundary"`: a task's examples are offered when it ends, so only past tasks are replayed.
    """

    def __init__(self, capacity: int, memory: str, insert: str) -> None:
        super().__init__()
        if memory in GROWING:
            self.declaration = replace(self.declaration, memory="linear")  # type: ignore[misc]
        self.memory = Memory(capacity, one_of("memory policy", memory, POLICIES))
        self.insert = one_of("insert", insert, ("stream", "boundary"))
        self.inserts = True  # False where another part owns a shared memory

    def offer(self, learner: "Learner", step: Step) -> None:
        """Offers the step's stream rows to the memory, raw, in their first epoch."""
        batch = step.batch
        if self.inserts and self.insert == "stream" and batch.first_epoch:
            rows = batch.stream
            task = batch.task[rows] if isinstance(batch.task, torch.Tensor) else batch.task
            self.memory.insert(Rows(batch.x[rows], batch.y[rows], task))

    def offer_task(self, task: Task) -> None:
        """Offers all training examples of a task, in random order."""
        if not (self.inserts and self.insert == "boundary"):
            return
        order = torch.randperm(len(task.train), generator=self.generator("boundary"))
        for x, y, t in task.train.batches(order.split(CHUNK)):
            self.memory.insert(Rows(x, y, t))

    def after(self, learner: "Learner", step: Step) -> None:
        self.offer(learner, step)

    def consolidate(self, learner: "Learner", task: Task) -> None:
        self.offer_task(task)


def share_to_rows(ratio: float, rows: int) -> int:
    """The number of memory rows that make up `ratio` of the batch beside `rows` new ones.

    >>> share_to_rows(0.5, 64)
    64
    """
    if not 0 <= ratio < 1:
        raise HoldfastError(f"ratio is the memory's share of the batch, in [0, 1), got {ratio}")
    return round(rows * ratio / (1 - ratio))


def stream_rows(batch: Batch) -> int:
    """Number of stream rows."""
    return len(batch.blocks[0])
