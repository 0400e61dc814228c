"""OnlineEWC: one anchor and a running Fisher for any number of tasks (Schwarz et al. 2018).

Loss + λ/2 Σ_i γ F_{t−1,i} (θ_i − θ*_{t−1,i})²; at a boundary F_t ← γ F_{t−1} + (Fisher of task t), θ*_t ← θ. γ = 1 forgets nothing of F.
`normalize=True` divides each task's Fisher by its largest entry; the default keeps it as it is.
Passes: one; the penalty is two operations on vectors as long as θ.
"""

import torch
from torch import Tensor

from holdfast.engine.fisher import LABELS
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class OnlineEWC(Method):
    """A spring to the last boundary, as stiff as the discounted sum of what mattered so far."""

    declaration = Declaration(
        "regularisation",
        "Schwarz et al. 2018",
        "quadratic penalty around the last boundary, running Fisher",
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
    )

    def __init__(
        self,
        strength: float,
        gamma: float = 1.0,
        samples: int = 1000,
        labels: str = "auto",
        decay: float = 1.0,
        normalize: bool = False,
    ) -> None:
        """`strength` λ ≥ 0; `gamma` γ in [0, 1]; `samples` for F (0: all); `labels` as EWC; `decay` multiplies λ at each boundary."""
        super().__init__()
        if not 0 <= gamma <= 1:
            raise HoldfastError(f"gamma must lie in [0, 1], got {gamma}")
        self.strength = at_least("strength", strength, 0)
        self.gamma = gamma
        self.normalize = normalize
        self.samples = int(at_least("samples", samples, 0))
        self.labels = one_of("Fisher labels", labels, LABELS)
        self.decay = at_least("decay", decay, 0)
        self.host["boundaries"] = 0
        self.fisher = self.vector_state()
        self.anchor = self.vector_state()

    @property
    def stiffness(self) -> float:
        """γ λ, decayed once for each boundary after the first."""
        return self.strength * self.gamma * self.decay ** max(self.host["boundaries"] - 1, 0)

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.fisher is None or self.anchor is None or not self.strength:
            return
        moved = torch.sub(learner.space.theta, self.anchor, out=learner.space.scratch)
        g.addcmul_(self.fisher, moved, value=self.stiffness)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if not self.strength:
            return
        fisher = learner.fisher(
            task, samples=self.samples, labels=self.labels, generator=self.generator()
        )
        if self.normalize:
            fisher /= fisher.max().clamp_min(1e-30)
        if self.fisher is not None:
            fisher += self.gamma * self.fisher
        self.fisher = fisher
        self.anchor = learner.space.theta.detach().clone()
        self.host["boundaries"] += 1
        learner.warn_if_unstable(self.stiffness, float(fisher.max()))
