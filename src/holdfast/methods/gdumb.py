"""GDumb: greedy sampler and dumb learner (Prabhu, Torr & Dokania 2020, algorithm 1).

A class-balanced memory is filled as examples come; when asked to predict, a network is trained anew on the memory alone. Here that is at
the end of every task: the configured epochs (or steps) count for the memory.

- The paper keeps the first examples of a class, here those kept are a random sample of it (Chrysakis &
  Moens 2020).
- How the network is trained on the memory is a setting of the run. The authors use batch normalisation,
  a cosine with warm restarts, random crops (on MNIST as well) and CutMix on colour images, and report
  the best pass on the test data. benchmarks/gdumb.py shows what these are worth on Split MNIST.

Passes: one.
"""

from dataclasses import replace

from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration
from holdfast.methods.replay import Replay
from holdfast.methods.stored import stored_parts
from holdfast.methods.view import LearnerView
from holdfast.streams.task import JoinedPart, Stream, Task


class GDumb(Replay):
    """Trains anew on a balanced memory; learns nothing from the stream itself."""

    declaration = Declaration(
        "baseline",
        "Prabhu et al. 2020",
        "trains anew on a balanced memory; what any use of the stream must beat",
        stores_examples=True,
        restarts=True,
    )

    def __init__(self, capacity: int) -> None:
        """`capacity` examples, at least one for each class."""
        super().__init__(capacity, "class_balanced", "boundary")
        self.host["filled_for"] = -1

    def check(self, learner: LearnerView, stream: Stream) -> None:
        if self.memory.capacity < stream.outputs:
            raise HoldfastError(
                f"GDumb: a memory of {self.memory.capacity} is smaller than the number of classes, {stream.outputs}; "
                f"raise capacity to at least {stream.outputs}"
            )

    def begin(self, learner: LearnerView, task: Task) -> Task:
        if (
            self.host["filled_for"] < task.index
        ):  # else a run that goes on in the middle of this task
            self.offer_task(learner, task)
            self.host["filled_for"] = task.index
        return replace(task, train=JoinedPart(stored_parts(self.memory)))

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        """Nothing: the memory was filled before training."""
