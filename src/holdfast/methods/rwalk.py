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
        self.alpha, self.window = alpha, int(at_least("window", window, 1))
        self.epsilon = at_least("epsilon", epsilon, 1e-12)
        self.host["windows"] = 0
        for name in ("fisher", "score", "saved", "start"):
            self.remember(name, None, vector=True)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        theta = learner.space.theta.detach()
        for name in ("fisher", "score"):
            if self._buffers[name] is None:
                self.remember(name, torch.zeros_like(theta), vector=True)
        self.remember("saved", torch.zeros_like(theta), vector=True)
        self.remember("start", theta.clone(), vector=True)
        return task

    def after(self, learner: LearnerView, step: Step) -> None:
        assert step.raw_gradient is not None
        assert step.delta is not None
        self.get_buffer("saved").addcmul_(step.raw_gradient, step.delta, value=-1)
        if (step.number + 1) % self.window:
            return
        fisher, theta = self.get_buffer("fisher"), learner.space.theta.detach()
        fresh = learner.fisher_on(step.batch)
        fisher.lerp_(fresh, self.alpha if self.host["windows"] else 1.0)
        self.host["windows"] += 1
        length = (theta - self.get_buffer("start")).square_().mul_(fisher).mul_(0.5)
        self.get_buffer("score").add_(
            self.get_buffer("saved").clamp_min(0) / length.add_(self.epsilon)
        )
        self.get_buffer("saved").zero_()
        self.get_buffer("start").copy_(theta)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        fisher, score = self.get_buffer("fisher"), self.get_buffer("score")
        self.remember(
            "importance",
            fisher / fisher.max().clamp_min(1e-30) + score / score.max().clamp_min(1e-30),
            vector=True,
        )
        self.remember("anchor", learner.space.theta.detach().clone(), vector=True)
        score.mul_(0.5)
        for name in ("saved", "start"):  # of the task that ended
            self.remember(name, None, vector=True)
