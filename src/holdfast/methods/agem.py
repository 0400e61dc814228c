"""A-GEM: averaged gradient episodic memory (Chaudhry et al. 2019, eq. 11).

    if g·r < 0:  g ← g − (g·r / (r·r + ε)) r

Here g is the gradient of the step, with added penalties and distillation, and r is the gradient of
the loss on rows drawn from the memory of all past tasks, never of the current one. After the
projection g·r = 0, so that to first order the step no longer raises the mean loss on stored rows.
GEM keeps one such condition per past task instead of their mean.

- ε = 1e-7 is not in the paper. It keeps the division finite, as in van de Ven's code.
- The guarantee holds for the vector that moves θ. With momentum, Adam or weight decay the step is
  another vector. `project="step"` therefore projects the change Δθ instead, so that Δθ·r ≤ 0.

A step costs one pass over the batch and one over the reference rows. `project="step"` adds one copy
of θ.
"""

from dataclasses import replace

import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


def project(g: Tensor, r: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Remove from a vector its part against another vector, if it has one (eq. 11).

    Args:
        g: The vector, (P,). It may be changed in place.
        r: The other vector, (P,). It may be changed in place.
        epsilon: ε ≥ 0, which is added to r·r.

    Returns:
        g if g·r ≥ 0, otherwise the vector nearest to g that is orthogonal to r.

    Example:
        >>> project(torch.tensor([1.0, -1.0]), torch.tensor([0.0, 2.0]), epsilon=0.0)
        tensor([1., 0.])
    """
    dot = torch.dot(g, r)
    if g.device.type == "cpu":
        # Reading a number costs nothing here, and saves the subtraction if there is no conflict.
        if dot >= 0:
            return g
        return g.sub_(r, alpha=float(dot / (torch.dot(r, r) + epsilon)))
    # On an accelerator, reading would make the host wait. A positive product counts as 0.
    return g.sub_(r.mul_(dot.clamp(max=0) / (torch.dot(r, r) + epsilon)))


class AGEM(Replay):
    """Removes from each step what would raise the loss on a batch of stored examples."""

    declaration = Declaration(
        family="optimisation",
        paper="Chaudhry et al. 2019",
        summary="projects the gradient off the direction that hurts stored examples",
        stores_examples=True,
        weak=(("class", reason("projection-in-class")),),
        keeps="examples",
        passes=Passes(words="one pass + one pass at the reference batch", gradients=(1,)),
        small=(
            "AGEM(40)",
            "AGEM(40, project='step', insert='boundary', memory='ring')",
        ),
        typical="AGEM(200)",
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
        """Set up the memory and the projection.

        Args:
            capacity: Examples that are stored in all.
            reference: Rows drawn from the memory at each step, for r. 0: as many as the stream's
                batch.
            memory: The policy of the memory (see `Memory`).
            insert: `stream` stores examples as they come, `boundary` when their task ends.
            project: `gradient` projects g (the paper), `step` the change of θ.
            balance: `rows` draws stored rows alike, `task` as many of each past task.
            store: A name under which parts of a sum share one memory. None: a memory of its own.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> AGEM(200, project="step")
            AGEM(200, project='step')
        """
        super().__init__(capacity, memory, insert, store)
        self.reference = int(at_least("reference", reference, 0))
        self.project = one_of("project", project, ("gradient", "step"))
        self.balance = one_of("balance", balance, ("rows", "task"))

    def declare(self) -> Declaration:
        """Declare that the change of θ is edited, but only with `project="step"`."""
        if self.project == "step":
            return super().declare()
        return replace(super().declare(), unused=("update",))

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        if not learner.task_number or not len(self.memory):
            return g
        size = self.reference or stream_rows(step.batch)
        per_task = self.balance == "task"
        # With `insert="stream"` the memory has rows of the current task as well; they are not old.
        rows = self.memory.sample(size, before=learner.task_number, per_task=per_task)
        if not len(rows):
            return g
        if self.project == "gradient":
            r = learner.gradient_on(Batch.of_stream(rows), out=learner.space.scratch)
            return project(g, r)
        # r must be taken at θ before the step, so `update` finds it here.
        step.scratch[self.name] = learner.gradient_on(Batch.of_stream(rows))
        return g

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        r = step.scratch.pop(self.name, None)
        if r is None:
            return delta
        # Δθ runs against the gradient, so −Δθ is what may not point against r.
        return -project(-delta, r)
