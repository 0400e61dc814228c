"""OnlineEWC: one anchor and a running Fisher for any number of tasks (Schwarz et al. 2018).

    loss:          L(θ) + λ/2 Σ_i γ F_{t−1,i} (θ_i − θ*_{t−1,i})²
    each boundary: F_t ← γ F_{t−1} + Fisher of task t,   θ*_t ← θ

Here F is the diagonal of the Fisher information, θ* are the weights at the last boundary, λ is the
strength of the penalty, and γ is the share of F that a new task leaves. γ = 1 forgets nothing of F,
so that F is the sum over all tasks.

There are two additions. `normalize=True` divides the Fisher of each task by its largest entry, so
that tasks count alike; the default keeps it as it is. `decay` multiplies λ at each boundary after
the first.

A step costs one pass. The penalty is two operations on vectors as long as θ. A boundary costs the
per-example gradients of `samples` examples, for every output if `labels` is `exact`.
"""

import torch
from torch import Tensor

from holdfast.engine.fisher import LABELS
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class OnlineEWC(Method):
    """A spring to the weights of the last boundary, as stiff as what mattered so far.

    Its memory doesn't grow with the number of tasks.
    """

    declaration = Declaration(
        family="regularisation",
        paper="Schwarz et al. 2018",
        summary="quadratic penalty around the last boundary, running Fisher",
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
        keeps="two θ-shaped vectors",
        small=("OnlineEWC(1.0, gamma=0.9, decay=0.5)",),
        typical="OnlineEWC(1)",
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
        """Set up the penalty.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: plain training.
            gamma: γ in [0, 1], the share of F that each new task leaves. 1: all of it.
            samples: Training examples of each task from which F is estimated. 0: all of them.
            labels: The labels in F: `exact` weighs every output by its probability, `sampled`
                draws one, `predicted` takes the most probable one, `empirical` the true one.
                `auto`: `exact` if few outputs compete, else `sampled`.
            decay: The factor ≥ 0 by which λ changes at each boundary after the first.
            normalize: Whether the Fisher of each task is divided by its largest entry.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> OnlineEWC(100, gamma=0.9)
            OnlineEWC(100, gamma=0.9)
        """
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
        self.fisher = self.vector_state()  # F
        self.anchor = self.vector_state()  # θ*

    @property
    def stiffness(self) -> float:
        """γ λ, decayed once for each boundary after the first."""
        strength: float = (
            self.strength * self.gamma * self.decay ** max(self.host["boundaries"] - 1, 0)
        )
        return strength

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.fisher is None or self.anchor is None or not self.strength:
            return
        # The gradient of the penalty in closed form: λ γ F ∘ (θ − θ*).
        moved = torch.sub(learner.space.theta, self.anchor, out=learner.space.scratch)
        g.addcmul_(self.fisher, moved, value=self.stiffness)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        # Without a penalty nobody reads F, and its pass over the data would be wasted.
        if not self.strength:
            return
        fisher = learner.fisher(
            task, samples=self.samples, labels=self.labels, generator=self.generator()
        )
        if self.normalize:
            # The floor is for a Fisher of zeros, as of a network that is sure of every label.
            fisher /= fisher.max().clamp_min(1e-30)
        if self.fisher is not None:
            fisher += self.gamma * self.fisher
        self.fisher = fisher
        self.anchor = learner.space.theta.detach().clone()
        self.host["boundaries"] += 1
        learner.warn_if_unstable(self.stiffness, float(fisher.max()))
