"""PackNet: packing tasks into one network by pruning (Mallya & Lazebnik 2018, section 3).

Task t goes through these stages:

    train:   all weights that are still free
    prune:   layer by layer, the largest free weights become the task's own, the others become 0
    retrain: the task's own weights, for `epochs` epochs
    freeze:  the task's own weights, for good

A prediction for task t uses the weights of tasks 1..t. With `tasks` = T known, task t keeps
1/(T − t + 1) of the free weights, so that all tasks get equal shares. Otherwise it keeps `share` of
them.

Biases, norm layers and their statistics are frozen after task 1, and each task has its own head.
Frozen means that the change of θ is masked, and not the gradient, because momentum, Adam and weight
decay move weights without a gradient too.

A step costs one pass. Each epoch of retraining costs as much as an epoch of training.
"""

from collections.abc import Iterator

from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method, Phase, at_least, only_with_task
from holdfast.methods.needed import need_wrapper
from holdfast.methods.view import LearnerView
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.packed import Packed
from holdfast.streams.task import Stream, Task


class PackNet(Method):
    """Gives each task a share of the weights by pruning, so that nothing is forgotten.

    `learner.model.capacity()` tells how many weights each task has, and how many are free.
    """

    declaration = Declaration(
        family="architecture",
        paper="Mallya & Lazebnik 2018",
        summary="each task keeps the largest of the free weights, prunes the others and freezes "
        "its own",
        **only_with_task("weights-need-task"),
        isolates=True,
        memory="none",
        keeps="a mask over the weights",
        small=(
            "PackNet(3)",
            "PackNet(share=0.4, epochs=0)",
        ),
        typical="PackNet(5)",
    )

    def __init__(
        self,
        tasks: int | None = None,
        share: float = 0.5,
        epochs: int = 1,
    ) -> None:
        """Set up the pruning.

        Args:
            tasks: T ≥ 1, the number of tasks, for equal shares. None: unknown, use `share`.
            share: The share of the free weights that each task keeps, in (0, 1). It plays no part
                if `tasks` is given.
            epochs: The epochs of retraining after pruning, at least 0.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> PackNet(tasks=5)
            PackNet(tasks=5)
        """
        super().__init__()
        if not 0 < share < 1:
            raise HoldfastError(
                "share is what a task keeps of the free weights, in (0, 1), "
                f"got {share}; give tasks= for equal shares"
            )
        if tasks is not None:
            tasks = int(at_least("tasks", tasks, 1))
        self.tasks = tasks
        self.share = share
        self.epochs = int(at_least("epochs", epochs, 0))
        self.free = self.vector_state()  # 1 where θ may move, else 0

    def attach(self, model: Network) -> Network:
        return Packed(need_classifier(model, self.name))

    def check(self, learner: LearnerView, stream: Stream) -> None:
        if self.tasks is not None and self.tasks < len(stream):
            raise HoldfastError(
                f"PackNet(tasks={self.tasks}) has no capacity left after {self.tasks} tasks, the "
                f"stream has {len(stream)}; give tasks={len(stream)}, or leave it out for a fixed "
                "share"
            )

    def begin(self, learner: LearnerView, task: Task) -> Task:
        left = self._network(learner).capacity()["free"]
        # With `tasks` given, task T takes all that is left, so a further task has none.
        if not left or (self.tasks is not None and task.index >= self.tasks):
            raise HoldfastError(
                f"PackNet has no capacity left for task {task.name!r}: {left} free weights after "
                f"{task.index} tasks; raise tasks (now {self.tasks}), lower share, or take a "
                "larger network"
            )
        self._let_move(learner, owner=0)
        return task

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        # Δθ and not g: momentum, Adam and weight decay move weights without a gradient.
        return delta.mul_(self.need(self.free))

    def consolidate(self, learner: LearnerView, task: Task) -> Iterator[Phase]:
        share = self.share
        if self.tasks is not None:
            share = 1 / (self.tasks - task.index)  # tasks count from 0 here
        packed = self._network(learner)
        packed.assign(task.index, share)
        if self.epochs:
            self._let_move(learner, owner=task.index + 1)
            # Pruning costs accuracy, which the task's own weights win back.
            yield Phase(task, epochs=self.epochs)
        packed.settle()
        self.free = None  # the next task has other free weights

    def _network(self, learner: LearnerView) -> Packed:
        """Return the network, which knows the owner of each weight."""
        return need_wrapper(learner.model, Packed, self.name)

    def _let_move(self, learner: LearnerView, owner: int) -> None:
        """Let weights of one owner move: 0 are the free ones, t + 1 those of task number t.

        The head of the current task always moves. Biases and norm layers move in task 1 alone.
        """
        packed = self._network(learner)
        free = learner.space.mask(
            lambda name: not name.startswith("backbone.") or not packed.settled
        )
        views = learner.space.views(free)
        for name, owners in packed.owners():
            views[f"backbone.{name}"].copy_(owners == owner)
        self.free = free
