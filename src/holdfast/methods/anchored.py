"""What SI and MAS share: c Σ_i Ω_i (θ_i − θ*_i)² (no ½) around the weights of the last boundary."""

import torch
from torch import Tensor

from holdfast.methods.method import Method, at_least
from holdfast.methods.view import LearnerView


class Anchored(Method):
    """Base of methods with one importance Ω for each weight and one anchor θ* (abstract)."""

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.importance = self.vector_state()
        self.anchor = self.vector_state()

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.importance is None or self.anchor is None or not self.strength:
            return
        moved = torch.sub(learner.space.theta, self.anchor, out=learner.space.scratch)
        g.addcmul_(self.importance, moved, value=2 * self.strength)

    def hold(self, learner: LearnerView, gained: Tensor) -> Tensor:
        """Add `gained` to Ω and move the anchor here; returns Ω."""
        importance = gained
        if self.importance is not None:
            importance = gained + self.importance
        self.importance = importance
        self.anchor = learner.space.theta.detach().clone()
        return importance
