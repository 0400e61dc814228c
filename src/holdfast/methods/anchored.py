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
        for name in ("importance", "anchor"):
            self.remember(name, None, vector=True)

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        importance, anchor = self._buffers["importance"], self._buffers["anchor"]
        if importance is not None and anchor is not None and self.strength:
            g.addcmul_(
                importance,
                torch.sub(learner.space.theta, anchor, out=learner.space.scratch),
                value=2 * self.strength,
            )

    def hold(self, learner: LearnerView, gained: Tensor) -> Tensor:
        """Adds `gained` to Ω and moves the anchor here; returns Ω."""
        if (before := self._buffers["importance"]) is not None:
            gained = gained + before
        self.remember("importance", gained, vector=True)
        self.remember("anchor", learner.space.theta.detach().clone(), vector=True)
        return gained
