"""SI: synaptic intelligence (Zenke, Poole & Ganguli 2017).

ω_i += −g_i Δθ_i at each step; at a boundary Ω_i += ω_i / ((θ_i − θ_i^start)² + ξ); loss + c Σ_i Ω_i (θ_i − θ*_i)² (no ½).

- `gradient="task"`: g of the task's own loss (the paper); `"total"`: with the penalties (van de Ven's code).
- `clamp="none"`: Ω may become negative (the paper, van de Ven's code); `"sum"`: Ω ← max(Ω + …, 0) (Zenke's code).
Passes: one; path and penalty are four operations on vectors as long as θ.
"""

from dataclasses import replace

import torch

from holdfast.engine.batch import Step
from holdfast.errors import one_of
from holdfast.methods.anchored import Anchored
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class SI(Anchored):
    """Holds each weight as firmly as its path lowered the loss."""

    declaration = Declaration(
        "regularisation",
        "Zenke et al. 2017",
        "quadratic penalty weighted by each weight's share in lowering the loss",
        delta=True,
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
    )

    def __init__(
        self, strength: float, xi: float = 0.1, gradient: str = "task", clamp: str = "none"
    ) -> None:
        """`strength` c ≥ 0; `xi` ξ > 0, the damping; `gradient` task or total; `clamp` none or sum."""
        super().__init__(strength)
        self.xi = at_least("xi", xi, 1e-12)
        self.which = one_of("gradient", gradient, ("task", "total"))
        self.clamp = one_of("clamp", clamp, ("none", "sum"))
        self.omega = self.vector_state()
        self.start = self.vector_state()

    def declare(self) -> Declaration:
        """The gradient without penalties is kept only if the path is measured with it."""
        return replace(super().declare(), raw_gradient=self.which == "task")

    def begin(self, learner: LearnerView, task: Task) -> Task:
        self.start = learner.space.theta.detach().clone()
        self.omega = torch.zeros_like(learner.space.theta)
        return task

    def after(self, learner: LearnerView, step: Step) -> None:
        g = step.raw_gradient if self.which == "task" else learner.space.grad
        self.need(self.omega).addcmul_(self.need(g), self.need(step.delta), value=-1)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        theta = learner.space.theta.detach()
        moved = theta - self.need(self.start)
        gained = self.need(self.omega) / (moved.square() + self.xi)
        importance = self.hold(learner, gained)
        if self.clamp == "sum":
            importance.clamp_min_(0)
        self.omega = None  # of the task that ended
        self.start = None
