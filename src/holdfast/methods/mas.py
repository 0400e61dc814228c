"""MAS: memory aware synapses (Aljundi et al. 2018).

Ω_i = E_x |∂ ½‖f(x; θ)‖² / ∂θ_i| per example, summed over tasks; loss + λ Σ_i Ω_i (θ_i − θ*_i)² (no ½). No labels are used. The paper
differentiates ‖f‖², twice this: its λ is half of ours.
Passes: one; the penalty is two operations on vectors as long as θ.
"""

from holdfast.methods.anchored import Anchored
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class MAS(Anchored):
    """Holds each weight as firmly as the outputs depend on it."""

    declaration = Declaration(
        "regularisation",
        "Aljundi et al. 2018",
        "quadratic penalty weighted by the sensitivity of the outputs",
        labels=False,
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
    )

    def __init__(self, strength: float, samples: int = 1000) -> None:
        """`strength` λ ≥ 0; `samples` examples for Ω (0: all)."""
        super().__init__(strength)
        self.samples = int(at_least("samples", samples, 0))

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if not self.strength:
            return
        importance = self.hold(
            learner,
            learner.output_sensitivity(task, samples=self.samples, generator=self.generator()),
        )
        learner.warn_if_unstable(2 * self.strength, float(importance.max()))
