"""GDumb: greedy sampler and dumb learner (Prabhu, Torr & Dokania 2020, algorithm 1).

    memory: at most `capacity` examples, balanced over the classes so far
    after each task: θ ← initial weights, then training on the memory alone

Nothing is learned from the stream itself. GDumb is therefore a check of methods that do: what they
gain by it must show in a higher accuracy than this with the same memory.

- The paper trains when somebody asks for a prediction. Here that is at the end of every task, and
  the configured epochs or steps count for the memory.
- The paper keeps the first examples of each class. Here those kept are a random sample of each
  class (Chrysakis & Moens 2020).
- How the network is trained on the memory is a setting of the run. The authors use batch
  normalisation, a cosine with warm restarts, random crops (on MNIST as well) and CutMix on colour
  images, and report the best pass on the test data. benchmarks/gdumb.py shows what these are worth
  on Split MNIST.

A step costs one pass.
"""

from dataclasses import replace

from holdfast.methods.method import Declaration
from holdfast.methods.replay import Replay
from holdfast.methods.stored import stored_parts
from holdfast.methods.view import LearnerView
from holdfast.streams.task import JoinedPart, Task


class GDumb(Replay):
    """Trains anew on a balanced memory, and learns nothing from the stream itself."""

    declaration = Declaration(
        family="baseline",
        paper="Prabhu et al. 2020",
        summary="trains anew on a balanced memory; what any use of the stream must beat",
        classification_only="keeps as many examples of each class",
        stores_examples=True,
        restarts=True,
        keeps="examples",
        small=("GDumb(400)",),
        typical="GDumb(200)",
    )

    def __init__(self, capacity: int) -> None:
        """Set up the memory.

        Args:
            capacity: Examples that are stored in all, at least one per class of the stream.

        Raises:
            HoldfastError: `capacity` is no whole number of at least 1.

        Example:
            >>> GDumb(500)
            GDumb(500)
        """
        super().__init__(capacity, "class_balanced", "boundary")
        self.host["filled_for"] = -1  # the task whose examples were put into the memory last

    def begin(self, learner: LearnerView, task: Task) -> Task:
        # The memory takes its sample before training, because training is on the memory alone. A
        # run that was resumed in the middle of this task has it already.
        if self.host["filled_for"] < task.index:
            self.offer_task(learner, task)
            self.host["filled_for"] = task.index
        return replace(task, train=JoinedPart(stored_parts(self.memory)))

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        """Do nothing, because the memory was filled before training."""
