"""SI: synaptic intelligence (Zenke, Poole & Ganguli 2017, eq. 3–5).

    each step:     ω_i += −g_i Δθ_i
    each boundary: Ω_i += ω_i / ((θ_i − θ_i^start)² + ξ),   θ*_i = θ_i
    loss:          L(θ) + c Σ_i Ω_i (θ_i − θ*_i)²           (no ½)

Here g is the gradient and Δθ the change of the weights in a step, so that ω_i is how much weight i
lowered the loss of the current task. θ^start are the weights at the start of the task, ξ damps the
division by a short way, Ω is the importance that the penalty uses, and c is its strength.

The paper and two well-known implementations differ in two places, so both are arguments:

- `gradient="task"` measures the path with the gradient of the task's own loss (the paper), and
  `gradient="total"` with the penalties included (van de Ven's code).
- `clamp="none"` lets Ω become negative (the paper, van de Ven's code), and `clamp="sum"` sets
  Ω ← max(Ω + …, 0) (Zenke's code).

A step costs one pass. Path and penalty are four operations on vectors as long as θ.
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
    """Holds each weight as firmly as its path lowered the loss.

    The importance is a by-product of training, so a boundary costs no extra pass over the data.
    """

    declaration = Declaration(
        family="regularisation",
        paper="Zenke et al. 2017",
        summary="quadratic penalty weighted by each weight's share in lowering the loss",
        delta=True,  # the path is made of changes of θ
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
        keeps="four θ-shaped vectors",
        small=(
            "SI(0.5)",
            "SI(0.5, gradient='total', clamp='sum')",
        ),
        typical="SI(0.1)",
    )

    def __init__(
        self,
        strength: float,
        xi: float = 0.1,
        gradient: str = "task",
        clamp: str = "none",
    ) -> None:
        """Set up the penalty.

        Args:
            strength: c ≥ 0, the weight of the penalty. 0: plain training.
            xi: ξ > 0, the damping. The larger it is, the less a weight that hardly moved counts.
            gradient: `task` measures the path with the gradient of the task's loss, `total` with
                the penalties included.
            clamp: `none` lets an importance become negative, `sum` does not.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> SI(strength=1.0)
            SI(1.0)
        """
        super().__init__(strength)
        self.xi = at_least("xi", xi, 1e-12)
        # Not called `gradient`, because that is the hook that projects gradients.
        self.gradient_of = one_of("gradient", gradient, ("task", "total"))
        self.clamp = one_of("clamp", clamp, ("none", "sum"))
        self.omega = self.vector_state()  # ω, the path of the current task
        self.start = self.vector_state()  # θ^start

    def declare(self) -> Declaration:
        """Declare that the task's own gradient is needed, but only if it measures the path."""
        return replace(super().declare(), raw_gradient=self.gradient_of == "task")

    def begin(self, learner: LearnerView, task: Task) -> Task:
        self.start = learner.space.theta.detach().clone()
        self.omega = torch.zeros_like(learner.space.theta)
        return task

    def after(self, learner: LearnerView, step: Step) -> None:
        path_gradient = step.raw_gradient
        if self.gradient_of == "total":
            path_gradient = learner.space.grad
        # Eq. 3, with the change that the optimizer made, whatever its momentum or decay.
        delta = self.need(step.delta)
        self.need(self.omega).addcmul_(self.need(path_gradient), delta, value=-1)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        theta = learner.space.theta.detach()
        moved = theta - self.need(self.start)
        gained = self.need(self.omega) / (moved.square() + self.xi)  # eq. 5
        importance = self.hold(learner, gained)
        if self.clamp == "sum":
            importance.clamp_min_(0)
        # The path of a task that ended is not needed any more, and a checkpoint need not have it.
        self.omega = None
        self.start = None
