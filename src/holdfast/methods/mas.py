"""MAS: memory aware synapses (Aljundi et al. 2018, eq. 2–5).

Ω_i = E_x |∂ ½‖f(x; θ)‖² / ∂θ_i| per example, summed over tasks; loss + λ Σ_i Ω_i (θ_i − θ*_i)² (no ½). No labels are used. The paper
differentiates ‖f‖², twice this: its λ is half of ours.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.streams.task import Task

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


class MAS(Method):
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
        super().__init__()
        self.strength, self.samples = at_least("strength", strength, 0), int(at_least("samples", samples, 0))
        for name in ("importance", "anchor"):
            self.remember(name, None, vector=True)

    def penalty(self, learner: "Learner", g: Tensor) -> None:
        importance, anchor = self._buffers["importance"], self._buffers["anchor"]
        if importance is not None and anchor is not None and self.strength:
            g.addcmul_(importance, torch.sub(learner.space.theta, anchor, out=learner.space.scratch), value=2 * self.strength)

    def consolidate(self, learner: "Learner", task: Task) -> None:
        if not self.strength:
            return
        importance = learner.output_sensitivity(task, samples=self.samples, generator=self.generator())
        if (before := self._buffers["importance"]) is not None:
            importance += before
        self.remember("importance", importance, vector=True)
        self.remember("anchor", learner.space.theta.detach().clone(), vector=True)
        learner.warn_if_unstable(2 * self.strength, float(importance.max()))
