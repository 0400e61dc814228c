"""A-GEM: averaged gradient episodic memory (Chaudhry et al. 2019, eq. 11).

If g·r < 0: g ← g − (g·r)/(r·r) r, r the gradient of the loss on a batch from the memory of all past tasks (never the current one).
The guarantee holds for the vector that moves θ: under momentum, Adam or weight decay the step is another vector.
`project="step"` projects the actual change Δθ instead (so that Δθ·r ≤ 0), at the price of one copy of θ a step.
Added penalties and distillation are part of g. ε = 1e-7 is added to r·r (as van de Ven's code does).
Passes: one, and one at the reference batch.
"""

from dataclasses import replace

import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.errors import one_of
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


def project(g: Tensor, r: Tensor, epsilon: float = 1e-7) -> Tensor:
    """g without its part against r, where there is one. May change g and r in place.

    >>> project(torch.tensor([1.0, -1.0]), torch.tensor([0.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    dot = torch.dot(g, r)
    if g.device.type == "cpu":  # where looking costs nothing
        return g if dot >= 0 else g.sub_(r, alpha=float(dot / (torch.dot(r, r) + epsilon)))
    return g.sub_(r.mul_(dot.clamp(max=0) / (torch.dot(r, r) + epsilon)))


class AGEM(Replay):
    """Removes from each step what would raise the loss on a batch of stored examples."""

    declaration = Declaration(
        "optimisation",
        "Chaudhry et al. 2019",
        "projects the gradient off the direction that hurts stored examples",
        stores_examples=True,
        weak=(("class", reason("projection-in-class")),),
    )

    def __init__(
        self,
        capacity: int,
        reference: int = 0,
        memory: str = "reservoir",
        insert: str = "stream",
        project: str = "gradient",
        balance: str = "rows",
        store: str | None = None,
    ) -> None:
        """`capacity` examples; `reference` batch size for r (0: as the stream's); `project` gradient or step; the rest as in ER."""
        super().__init__(capacity, memory, insert, store)
        self.reference = int(at_least("reference", reference, 0))
        self.project, self.balance = (
            one_of("project", project, ("gradient", "step")),
            one_of("balance", balance, ("rows", "task")),
        )

    def declare(self) -> Declaration:
        """The change of θ is edited with `project="step"` only."""
        if self.project == "step":
            return super().declare()
        return replace(super().declare(), unused=("update",))

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        if not learner.task_number or not len(self.memory):
            return g
        size = self.reference or stream_rows(step.batch)
        rows = self.memory.sample(size, before=learner.task_number, per_task=self.balance == "task")
        if not len(rows):
            return g
        r = learner.gradient_on(
            Batch.of_stream(rows), out=learner.space.scratch if self.project == "gradient" else None
        )
        if self.project == "step":
            self._r: Tensor | None = r  # at θ before the step, for `update`
            return g
        return project(g, r)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        r, self._r = getattr(self, "_r", None), None
        return delta if r is None else -project(-delta, r)
