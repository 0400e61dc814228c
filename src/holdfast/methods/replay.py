"""What replay methods share: a memory, when examples enter it, and how many are drawn."""

from dataclasses import replace

import torch

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.memory import GROWING, POLICIES, RANKED, Memory
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import Declaration, Method
from holdfast.methods.stored import CHUNK, ranked, refuse_larger
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


class Replay(Method):
    """Base of methods with a memory (abstract).

    `insert="stream"`: each stream example is offered once, in its first epoch, so the current task is replayed as well.
    `insert="boundary"`: a task's examples are offered when it ends, so only past tasks are replayed.
    Of the policies, `herding` (per class) and `coreset` (k-centre, per task) choose by features of all examples of a task, so they
    insert at boundaries whatever `insert` says.
    """

    def __init__(self, capacity: int, memory: str, insert: str, store: str | None = None) -> None:
        super().__init__()
        self.memory = Memory(capacity, one_of("memory policy", memory, POLICIES))
        self.insert = one_of("insert", insert, ("stream", "boundary"))
        if memory in RANKED:
            self.insert = "boundary"
        self.store = store
        self.inserts = True  # False if another part of the sum fills the memory

    def declare(self) -> Declaration:
        """A memory may grow with the tasks, or need their ends to choose what it keeps."""
        declared = super().declare()
        if self.memory.policy in GROWING:
            declared = replace(declared, memory="linear")
        if self.memory.policy in RANKED:
            declared = replace(declared, boundaries=True)
        return declared

    def use_memory_of(self, owner: "Replay") -> None:
        """Use the memory of another part of a sum, which alone inserts examples from now on.

        Args:
            owner: The part whose memory both use.

        Raises:
            HoldfastError: The two ask for different capacities or policies.
        """
        own, shared = self.memory, owner.memory
        if (own.capacity, own.policy) != (shared.capacity, shared.policy):
            raise HoldfastError(
                f"{owner.name} and {self.name} share the memory {self.store!r} but ask for "
                f"{shared.capacity} {shared.policy} and {own.capacity} {own.policy}; "
                "give both the same"
            )
        self.memory = shared
        self.inserts = False

    def mixed(self, batch: Batch, ratio: float) -> Batch:
        """The batch with stored rows that make up `ratio` of it, all rows weighing the same."""
        size = share_to_rows(ratio, stream_rows(batch))
        if not size or not len(self.memory):
            return batch
        rows = self.memory.sample(size)
        return batch.add(self.name, rows, len(rows) / stream_rows(batch))

    def offer(self, learner: LearnerView, step: Step) -> None:
        """Offers the step's stream rows to the memory, raw, in their first epoch."""
        batch = step.batch
        if self.inserts and self.insert == "stream" and batch.first_epoch:
            rows = batch.stream
            self.memory.insert(Rows(batch.x[rows], batch.y[rows], batch.task[rows]))

    def offer_task(self, learner: LearnerView, task: Task) -> None:
        """Offers all training examples of a task: ranked by their features, or in random order."""
        if not (self.inserts and self.insert == "boundary"):
            return
        if self.memory.policy in RANKED:
            self.memory.keep_ranked(ranked(learner, task, self.memory))
            return
        order = torch.randperm(len(task.train), generator=self.generator("boundary"))
        for x, y, t in task.train.batches(order.split(CHUNK)):
            self.memory.insert(Rows(x, y, t))

    def check(self, learner: LearnerView, stream: Stream) -> None:
        """Refuses a memory without room for one example of each class (of each task, where tasks share it)."""
        policy = self.memory.policy
        what = "tasks" if policy in ("coreset", "ring") else "classes"
        groups = (
            len(stream)
            if what == "tasks"
            else sum(len(t.labels) for t in stream)
            if policy == "herding"
            else stream.outputs
        )
        if policy not in GROWING and self.memory.capacity < groups:
            raise HoldfastError(
                f"{self.name}: a memory of {self.memory.capacity} is smaller than the number of {what}, {groups}; "
                f"raise capacity to at least {groups}"
            )
        for k, task in enumerate(stream) if policy == "coreset" else ():
            refuse_larger(self.memory.capacity // (k + 1), task)

    def after(self, learner: LearnerView, step: Step) -> None:
        self.offer(learner, step)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self.offer_task(learner, task)


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
