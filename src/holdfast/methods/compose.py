"""Methods added together: `ER(500) + LwF() + EWC(100)` is again a method.

Parts are kept in the order of their specs, so the sum does not depend on how it was written. Ranks are fixed by the places: losses and
penalties, then the one projection, then edits of the step.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from holdfast.engine.batch import Batch, Step
from holdfast.engine.memory import Memory
from holdfast.errors import HoldfastError
from holdfast.methods.method import EXCLUSIVE, Method, Phase
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.streams.task import Task


class Composite(Method):
    """The sum of methods. Two parts with the same exclusive place, or an isolating part beside others, are refused."""

    def __init__(self, parts: Iterable[Method]) -> None:
        super().__init__()
        ordered = sorted(parts, key=repr)
        _check(ordered)
        self.members = nn.ModuleList(ordered)
        _share_memories(ordered)
        # Asked at every step, so found out once.
        self._with_losses = [p for p in ordered if p.uses("loss")]

    @property
    def parts(self) -> list[Method]:
        """The members, in order."""
        return list(self.members)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.parts))

    def uses(self, place: str) -> bool:
        """Whether any part acts in a place."""
        return any(p.uses(place) for p in self.parts)

    def _the(self, place: str) -> Method:
        return next(p for p in self.parts if p.uses(place))

    def attach(self, model: Network) -> Network:
        for p in self.parts:
            model = p.attach(model)
        return model

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        return self._the("predict").predict(learner, x, task)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        for p in self.parts:
            task = p.begin(learner, task)
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        for p in self.parts:
            batch = p.draw(learner, batch)
        return batch

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        return self._the("criterion").criterion(learner, step)

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        return sum(p.loss(learner, step) for p in self._with_losses)

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        for p in self.parts:
            p.penalty(learner, g)

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        return self._the("gradient").gradient(learner, step, g)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        for p in self.parts:
            delta = p.update(learner, step, delta)
        return delta

    def after(self, learner: LearnerView, step: Step) -> None:
        for p in self.parts:
            p.after(learner, step)

    def consolidate(self, learner: LearnerView, task: Task) -> Iterable[Phase]:
        for p in sorted(self.parts, key=lambda p: not p.declare().edits_weights):
            yield from p.consolidate(learner, task) or ()


def _check(parts: list[Method]) -> None:
    names = [p.name for p in parts]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise HoldfastError(
            f"{twice[0]} stands twice in the sum; give it once, with the sum of the strengths"
        )
    for place in EXCLUSIVE:
        users = [p.name for p in parts if p.uses(place)]
        if len(users) > 1:
            raise HoldfastError(
                f"{users[0]} and {users[1]} both define the {place}; a sum may hold one of them"
            )
    for p in parts:
        if len(parts) > 1 and p.declare().isolates:
            other = next(q for q in parts if q is not p)
            raise HoldfastError(
                f"{p.name} gives every task weights of its own, so nothing old can be lost and {other.name} has nothing to protect; "
                f"use {p.name} alone"
            )


def _share_memories(parts: list[Method]) -> None:
    """Parts whose `store` argument is the same name use one memory; the first inserts."""
    owners: dict[str, Method] = {}
    for p in parts:
        name = getattr(p, "arguments", {}).get("store")
        if name is None:
            continue
        owner = owners.setdefault(name, p)
        if owner is p:
            continue
        mine, theirs = p.memory, owner.memory
        assert isinstance(mine, Memory)
        assert isinstance(theirs, Memory)
        if (mine.capacity, mine.policy) != (theirs.capacity, theirs.policy):
            raise HoldfastError(
                f"{owner.name} and {p.name} share the memory {name!r} but ask for {theirs.capacity} {theirs.policy} "
                f"and {mine.capacity} {mine.policy}; give both the same"
            )
        p.memory, p.inserts = theirs, False


Method.summed = Composite  # so that `a + b` works although `method.py` cannot import this file
