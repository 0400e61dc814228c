"""What SI and MAS share: a quadratic penalty around the weights of the last boundary.

    loss:     L(θ) + c Σ_i Ω_i (θ_i − θ*_i)²      (no ½)
    gradient: g_i + 2 c Ω_i (θ_i − θ*_i)

Here Ω_i is the importance of weight i, summed over tasks, θ* are the weights at the last boundary,
the anchor, and c is the strength. The subclass says how Ω is measured. There is one anchor for all
tasks, so the state has two vectors as long as θ however many tasks there were.
"""

import torch
from torch import Tensor

from holdfast.methods.method import Method, at_least
from holdfast.methods.view import LearnerView


class Anchored(Method):
    """Base of methods with one importance per weight and one anchor (abstract)."""

    def __init__(self, strength: float) -> None:
        """Set up the penalty.

        Args:
            strength: c ≥ 0, the weight of the penalty. 0: plain training.

        Raises:
            HoldfastError: `strength` is negative or no number.
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.importance = self.vector_state()  # Ω
        self.anchor = self.vector_state()  # θ*

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        # Before the first boundary nothing is held. At strength 0 not even rounding may differ.
        if self.importance is None or self.anchor is None or not self.strength:
            return
        moved = torch.sub(learner.space.theta, self.anchor, out=learner.space.scratch)
        g.addcmul_(self.importance, moved, value=2 * self.strength)

    def hold(self, learner: LearnerView, gained: Tensor) -> Tensor:
        """Add the importance that a task gave, and move the anchor to the present weights.

        Args:
            learner: The learner.
            gained: What the task adds to Ω, shaped like θ.

        Returns:
            The new Ω. It may be changed in place.
        """
        importance = gained
        if self.importance is not None:
            importance = gained + self.importance
        self.importance = importance
        self.anchor = learner.space.theta.detach().clone()
        return importance
