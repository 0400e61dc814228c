"""RWalk: Riemannian walk (Chaudhry et al. 2018, eq. 6–9).

Loss + λ Σ_i (F̂_i + ŝ_i)(θ_i − θ*_i)² (no ½). F is a running Fisher, F ← α F_now + (1 − α) F every `window` steps. At the end of each window
s_i grows by max(0, Σ −g_i Δθ_i) / (½ F_i (Δθ_i over the window)² + ε): how much loss a weight saved for the distance it went. At a boundary
both are divided by their largest entry, the sum is the importance, and s is halved for the next task.

- The paper says that scores of old and new tasks are averaged, which can be read in more than one way.
  Here s ← ½ s at each boundary, and the next task's scores are added to that: after three tasks the
  scores of the first, second and third count as 1 : 2 : 4. Averaging ½ (old + new) at each boundary
  instead, as Avalanche does, gives 1 : 1 : 2. The authors' repository adds the average to the old
  scores, s ← s + ½ (s + new), which gives 9 : 3 : 2.

- F_now is per example, with the true labels of the current batch (the paper's code squares the mean gradient of a batch, another quantity).
- g is the gradient of the task's own loss. Passes: one, and one per-example pass in every window.
"""

import torch

from holdfast.engine.batch import Step
from holdfast.errors import HoldfastError
from holdfast.methods.anchored import Anchored
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class RWalk(Anchored):
    """Holds each weight by the Fisher information and by its share in lowering the loss."""

    declaration = Declaration(
        "regularisation",
        "Chaudhry et al. 2018",
        "quadratic penalty weighted by a running Fisher and a path score",
        delta=True,
        raw_gradient=True,
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
    )

    def __init__(
        self, strength: float, alpha: float = 0.9, window: int = 10, epsilon: float = 1e-3
    ) -> None:
        """`strength` λ ≥ 0; `alpha` α in (0, 1], the weight of the newest Fisher; `window` Δt in steps; `epsilon` ε > 0."""
        super().__init__(strength)
        if not 0 < alpha <= 1:
            raise HoldfastError(f"alpha is the weight of the newest Fisher, in (0, 1], got {alpha}")
        self.alpha = alpha
        self.window = int(at_least("window", window, 1))
        self.epsilon = at_least("epsilon", epsilon, 1e-12)
        self.host["windows"] = 0
        self.fisher = self.vector_state()
        self.score = self.vector_state()
        self.saved = self.vector_state()  # what the steps of this window saved, per weight
        self.start = self.vector_state()  # θ at the start of this window

    def begin(self, learner: LearnerView, task: Task) -> Task:
        theta = learner.space.theta.detach()
        if self.fisher is None:
            self.fisher = torch.zeros_like(theta)
        if self.score is None:
            self.score = torch.zeros_like(theta)
        self.saved = torch.zeros_like(theta)
        self.start = theta.clone()
        return task

    def after(self, learner: LearnerView, step: Step) -> None:
        saved = self.need(self.saved)
        saved.addcmul_(self.need(step.raw_gradient), self.need(step.delta), value=-1)
        if (step.number + 1) % self.window:
            return
        theta = learner.space.theta.detach()
        start = self.need(self.start)
        fisher = self.need(self.fisher)
        newest = self.alpha if self.host["windows"] else 1.0
        fisher.lerp_(learner.fisher_on(step.batch), newest)
        self.host["windows"] += 1
        length = (theta - start).square_().mul_(fisher).mul_(0.5)
        self.need(self.score).add_(saved.clamp_min(0) / length.add_(self.epsilon))
        saved.zero_()
        start.copy_(theta)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        fisher = self.need(self.fisher)
        score = self.need(self.score)
        by_fisher = fisher / fisher.max().clamp_min(1e-30)
        self.importance = by_fisher + score / score.max().clamp_min(1e-30)
        self.anchor = learner.space.theta.detach().clone()
        score.mul_(0.5)
        self.saved = None  # of the task that ended
        self.start = None
