"""Methods added together: `ER(500) + LwF() + EWC(100)` is again a method.

A sum does not depend on how it was written, because its parts are sorted by their specs. The order
in which parts act is fixed by the hook, not by the order of the sum: losses and penalties come
first, then the one projection of the gradient, then edits of the change of θ.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from holdfast.engine.batch import Batch, Step
from holdfast.errors import HoldfastError
from holdfast.methods.method import EXCLUSIVE, Method, Phase
from holdfast.methods.naming import spec_name
from holdfast.methods.replay import Replay
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Task


class Composite(Method):
    """The sum of methods. You get one by adding methods with `+`.

    Each hook calls the parts that act in it. Where hooks turn a value into another one (`attach`,
    `begin`, `draw`, `update`), each part receives what the part before it returned.
    """

    def __init__(self, parts: Iterable[Method]) -> None:
        """Add methods up.

        Args:
            parts: The methods, in any order. Replay methods whose `store` is the same name use one
                memory from then on.

        Raises:
            HoldfastError: Two parts are of the same class or fill the same exclusive hook, a part
                that isolates tasks is added to others, or parts that share a memory ask for
                different ones.

        Example:
            >>> from holdfast.methods import ER, LwF
            >>> LwF() + ER(500)
            ER(500) + LwF(alpha=1.0)
        """
        super().__init__()
        # Without modules, so that the order is the same wherever a class of the user's is found.
        ordered = sorted(parts, key=lambda part: part.written(part.name))
        _refuse_impossible(ordered)
        _share_memories(ordered)
        self.members = nn.ModuleList(ordered)
        self._ordered = tuple(ordered)
        # Which parts have a loss is asked at every step, so it is found out once.
        self._with_losses = [part for part in ordered if part.uses("loss")]

    @property
    def parts(self) -> list[Method]:
        """The parts of the sum, in the order of their specs."""
        return list(self._ordered)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.parts))

    def uses(self, hook: str) -> bool:
        """Say whether any part acts in a hook."""
        return any(part.uses(hook) for part in self.parts)

    def _only_user_of(self, hook: str) -> Method:
        """Return the one part that fills an exclusive hook."""
        return next(part for part in self.parts if part.uses(hook))

    def attach(self, model: Network) -> Network:
        for part in self.parts:
            model = part.attach(model)
        return model

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        return self._only_user_of("predict").predict(learner, x, task)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        for part in self.parts:
            task = part.begin(learner, task)
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        for part in self.parts:
            batch = part.draw(learner, batch)
        return batch

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        return self._only_user_of("criterion").criterion(learner, step)

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        return sum(part.loss(learner, step) for part in self._with_losses)

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        for part in self.parts:
            part.penalty(learner, g)

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        return self._only_user_of("gradient").gradient(learner, step, g)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        for part in self.parts:
            delta = part.update(learner, step, delta)
        return delta

    def after(self, learner: LearnerView, step: Step) -> None:
        for part in self.parts:
            part.after(learner, step)

    def consolidate(self, learner: LearnerView, task: Task) -> Iterable[Phase]:
        # Edits of the weights come first: the others, such as a teacher, must see the result.
        for part in sorted(self.parts, key=lambda part: not part.declare().edits_weights):
            yield from part.consolidate(learner, task) or ()


def _refuse_impossible(parts: list[Method]) -> None:
    """Refuse a sum whose parts would contradict each other."""
    names = [part.name for part in parts]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        kinds = sorted({spec_name(type(part)) for part in parts if part.name == repeated[0]})
        if len(kinds) > 1:
            raise HoldfastError(
                f"{' and '.join(kinds)} are classes of the same name, by which a learner tells the "
                "parts of a sum apart; rename one of them"
            )
        # The name of a part is also the source of its rows and the seed of its random numbers.
        raise HoldfastError(
            f"{repeated[0]} is in the sum twice; give it once, with the sum of the strengths"
        )
    for hook in EXCLUSIVE:
        users = [part.name for part in parts if part.uses(hook)]
        if len(users) > 1:
            raise HoldfastError(
                f"{users[0]} and {users[1]} both define the {hook}; a sum may hold one of them"
            )
    for part in parts:
        others = [other for other in parts if other is not part]
        if others and part.declare().isolates:
            raise HoldfastError(
                f"{part.name} gives every task weights of its own, so nothing old can be lost and "
                f"{others[0].name} has nothing to protect; use {part.name} alone"
            )
        if part.declare().own_weights:
            _refuse_other_weights(part, others)


def _refuse_other_weights(part: Method, others: list[Method]) -> None:
    """Refuse parts that set weights at a boundary beside one that answers by weights of its own."""
    for other in others:
        declared = other.declare()
        if declared.edits_weights or declared.restarts:
            raise HoldfastError(
                f"{other.name} sets the weights at the boundary of a task, and {part.name} answers "
                f"by an average that does not follow; use {part.name}(start='average'), or one of "
                "the two"
            )


def _share_memories(parts: list[Method]) -> None:
    """Let parts whose `store` is the same name use one memory, which the first of them fills."""
    owners: dict[str, Replay] = {}
    for part in parts:
        if not isinstance(part, Replay) or part.store is None:
            continue
        owner = owners.setdefault(part.store, part)
        if owner is not part:
            part.use_memory_of(owner)


Method.summed = Composite  # so that `a + b` works although `method.py` cannot import this file
