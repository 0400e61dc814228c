"""What replay methods share: a memory, when examples enter it, and how many are drawn."""

from dataclasses import replace

import torch

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.memory import GROWING, POLICIES, RANKED, Memory
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import Declaration, Method
from holdfast.methods.stored import CHUNK, check_capacity, ranked
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


class Replay(Method):
    """Base of methods with a memory of examples (abstract).

    Attributes:
        memory: The memory.
        insert: When examples enter it: "stream" or "boundary".
        inserts: Whether this method fills the memory. False if another part of the sum does.
        store: The name of a memory that several parts of a sum share, or None.
    """

    def __init__(self, capacity: int, memory: str, insert: str, store: str | None = None) -> None:
        """Set up the memory.

        Args:
            capacity: The number of examples that it holds, at least 1.
            memory: The policy by which it chooses what it keeps; see `Memory`.
            insert: `stream` offers each example of the stream once, in its first epoch, so that the
                current task is replayed as well. `boundary` offers the examples of a task when it
                ends, so that only past tasks are replayed.
            store: The name of a memory that several parts of a sum share. None: one of its own.

        Raises:
            HoldfastError: An argument is outside its range.
        """
        super().__init__()
        self.memory = Memory(capacity, one_of("memory policy", memory, POLICIES))
        self.insert = one_of("insert", insert, ("stream", "boundary"))
        # `herding` and `coreset` choose by the features of all examples of a task, so they can
        # only do it at a boundary.
        if memory in RANKED:
            self.insert = "boundary"
        self.store = store
        self.inserts = True

    def declare(self) -> Declaration:
        """Declare that the memory grows with the tasks, or needs to know where they end."""
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
        """Add stored rows to a batch that make up `ratio` of it; all rows weigh the same."""
        size = share_to_rows(ratio, stream_rows(batch))
        if not size or not len(self.memory):
            return batch
        rows = self.memory.sample(size)
        # The memory may hold fewer rows than asked for, so the mass follows what was drawn.
        return batch.add(self.name, rows, len(rows) / stream_rows(batch))

    def kept(self, learner: LearnerView, rows: Rows) -> Rows:
        """Return what the memory keeps of raw rows, which is the rows themselves by default."""
        return rows

    def offer(self, learner: LearnerView, step: Step) -> None:
        """Offer the step's stream rows to the memory, raw, in their first epoch."""
        batch = step.batch
        if self.inserts and self.insert == "stream" and batch.first_epoch:
            new = batch.stream  # replayed rows are in a memory already
            rows = Rows(batch.x[new], batch.y[new], batch.task[new])
            self.memory.insert(self.kept(learner, rows))

    def offer_task(self, learner: LearnerView, task: Task) -> None:
        """Offer all training examples of a task: ranked by their features, or in random order."""
        if not self.inserts or self.insert != "boundary":
            return
        if self.memory.policy in RANKED:
            self.memory.keep_ranked(ranked(learner, task, self.memory))
            return
        # Shuffled, because a policy such as `ring` keeps the rows that come last.
        order = torch.randperm(len(task.train), generator=self.generator("boundary"))
        for x, y, task_of_row in task.train.batches(order.split(CHUNK)):
            self.memory.insert(self.kept(learner, Rows(x, y, task_of_row)))

    def check(self, learner: LearnerView, stream: Stream) -> None:
        """Refuse a memory without room for one example of each class (or task) of the stream."""
        check_capacity(self.memory, stream, self.name)

    def after(self, learner: LearnerView, step: Step) -> None:
        self.offer(learner, step)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self.offer_task(learner, task)


def checked_ratio(ratio: float) -> float:
    """Return the memory's share of a batch, if it is one.

    Raises:
        HoldfastError: It is not in [0, 1).

    Example:
        >>> checked_ratio(0.5)
        0.5
    """
    if not 0 <= ratio < 1:
        raise HoldfastError(f"ratio is the memory's share of the batch, in [0, 1), got {ratio}")
    return ratio


def share_to_rows(ratio: float, rows: int) -> int:
    """Compute how many memory rows make up `ratio` of a batch, beside `rows` new ones.

    Example:
        >>> share_to_rows(0.5, 64), share_to_rows(0.75, 64)
        (64, 192)
    """
    return round(rows * checked_ratio(ratio) / (1 - ratio))


def stream_rows(batch: Batch) -> int:
    """Count the rows of a batch that come from the stream."""
    return len(batch.blocks[0])
