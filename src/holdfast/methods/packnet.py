"""PackNet: packing tasks into one network by pruning (Mallya & Lazebnik 2018, section 3).

Task t trains all weights that are still free. Then, layer by layer, the largest of them by magnitude become the task's own, the others are
set to 0 and stay free; the task's own are trained again for `epochs`, and frozen for good. A prediction for task t uses the weights of
tasks 1..t. With `tasks` = T known, task t keeps 1/(T − t + 1) of the free weights, so that all get equal shares; else it keeps `share` of
them.

Biases, norm layers and their statistics freeze after task 1; heads are the tasks' own. Frozen means: the change of θ is masked, so that
momentum, Adam and weight decay move nothing. Passes: one, and one more for each epoch of retraining.
"""

from collections.abc import Iterator

from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method, Phase, at_least, only_with_task
from holdfast.methods.view import LearnerView
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.packed import Packed
from holdfast.streams.task import Stream, Task


class PackNet(Method):
    """Gives each task a share of the weights by pruning. `learner.model.capacity()` counts them."""

    declaration = Declaration(
        "architecture",
        "Mallya & Lazebnik 2018",
        "each task keeps the largest of the free weights, prunes the others and freezes its own",
        **only_with_task("weights-need-task"),
        isolates=True,
        memory="none",
    )

    def __init__(self, tasks: int | None = None, share: float = 0.5, epochs: int = 1) -> None:
        """`tasks` T, where known; else `share` of the free weights that each task keeps, in (0, 1); `epochs` of retraining."""
        super().__init__()
        if not 0 < share < 1:
            raise HoldfastError(
                f"share is what a task keeps of the free weights, in (0, 1), got {share}; give tasks= for equal shares"
            )
        self.tasks, self.share = None if tasks is None else int(at_least("tasks", tasks, 1)), share
        self.epochs = int(at_least("epochs", epochs, 0))
        self.free = self.vector_state()

    def attach(self, model: Network) -> Network:
        return Packed(need_classifier(model, self.name))

    def check(self, learner: LearnerView, stream: Stream) -> None:
        if self.tasks is not None and self.tasks < len(stream):
            raise HoldfastError(
                f"PackNet(tasks={self.tasks}) has no capacity left after {self.tasks} tasks, the stream has {len(stream)}; "
                f"give tasks={len(stream)}, or leave it out for a fixed share"
            )

    def begin(self, learner: LearnerView, task: Task) -> Task:
        packed = self._network(learner)
        left = packed.capacity()["free"]
        if not left or (self.tasks is not None and task.index >= self.tasks):
            raise HoldfastError(
                f"PackNet has no capacity left for task {task.name!r}: {left} free weights after {task.index} tasks; "
                f"raise tasks (now {self.tasks}), lower share, or take a larger network"
            )
        self._allow(learner, None)
        return task

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return delta.mul_(self.need(self.free))

    def consolidate(self, learner: LearnerView, task: Task) -> Iterator[Phase]:
        t = task.index
        packed = self._network(learner)
        packed.assign(t, self.share if self.tasks is None else 1 / (self.tasks - t))
        if self.epochs:
            self._allow(learner, t)
            yield Phase(task, epochs=self.epochs)
        packed.settle()
        self.free = None  # of the task that ended

    def _network(self, learner: LearnerView) -> Packed:
        assert isinstance(learner.model, Packed)
        return learner.model

    def _allow(self, learner: LearnerView, owner: int | None) -> None:
        """What may move: weights without an owner (None) or those of task `owner`; in task 1 the biases and norms, always the head."""
        packed = self._network(learner)
        free = learner.space.mask(
            lambda name: not name.startswith("backbone.") or not packed.settled
        )
        views = learner.space.views(free)
        for name, owners in packed.owners():
            views[f"backbone.{name}"].copy_(owners == (0 if owner is None else owner + 1))
        self.free = free
