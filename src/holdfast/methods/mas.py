"""MAS: memory aware synapses (Aljundi et al. 2018).

    each boundary: Ω_i += E_x |∂ ½‖f(x; θ)‖² / ∂θ_i|,   θ*_i = θ_i
    loss:          L(θ) + λ Σ_i Ω_i (θ_i − θ*_i)²       (no ½)

Here f(x; θ) are the logits of an input x, so that Ω_i is how much the outputs depend on weight i.
The absolute value is taken of each example's gradient, before the mean over examples. Ω is summed
over tasks, θ* are the weights at the last boundary, and λ is the strength of the penalty. No labels
are used.

The paper differentiates ‖f‖², which is twice our ½‖f‖², so its λ is half of ours.

A step costs one pass. The penalty is two operations on vectors as long as θ. A boundary costs a
gradient for each of `samples` examples.
"""

from holdfast.methods.anchored import Anchored
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class MAS(Anchored):
    """Holds each weight as firmly as the outputs depend on it; needs no labels for that."""

    declaration = Declaration(
        family="regularisation",
        paper="Aljundi et al. 2018",
        summary="quadratic penalty weighted by the sensitivity of the outputs",
        labels=False,  # the norm of the outputs needs none
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
        keeps="two θ-shaped vectors, no labels",
        small=("MAS(0.05)",),
        typical="MAS(0.01)",
    )

    def __init__(self, strength: float, samples: int = 1000) -> None:
        """Set up the penalty.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: plain training.
            samples: Training examples of each task from which Ω is estimated. 0: all of them.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> MAS(strength=1.0)
            MAS(1.0)
        """
        super().__init__(strength)
        self.samples = int(at_least("samples", samples, 0))

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        # Without a penalty nobody reads Ω, and its pass over the data would be wasted.
        if not self.strength:
            return
        sensitivity = learner.output_sensitivity(
            task, samples=self.samples, generator=self.generator()
        )
        importance = self.hold(learner, sensitivity)
        # Without a ½ in the loss, the curvature of the penalty is twice λ Ω.
        learner.warn_if_unstable(2 * self.strength, float(importance.max()))
