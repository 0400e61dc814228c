"""RWalk: Riemannian walk (Chaudhry et al. 2018, eq. 6–9).

    every `window` steps: F ← α F_now + (1 − α) F
                          s_i += max(0, Σ −g_i Δθ_i) / (½ F_i (Δθ_i over the window)² + ε)
    each boundary:        F̂ = F / max F,   ŝ = s / max s,   θ* = θ,   s ← ½ s
    loss:                 L(θ) + λ Σ_i (F̂_i + ŝ_i)(θ_i − θ*_i)²   (no ½)

Here F is a running Fisher diagonal and α the weight of the newest one. g is the gradient of the
task's own loss, Δθ the change of the weights in a step, and s_i how much loss weight i saved for
the distance it went, as the Fisher information measures distance. ε damps the division by a short
way, and λ is the strength of the penalty.

There are two choices of ours:

- The paper says that scores of old and new tasks are averaged, which can be read in more than one
  way. Here s ← ½ s at each boundary, and the next task's scores are added to that: after three
  tasks the scores of the first, second and third count as 1 : 2 : 4. Averaging ½ (old + new) at
  each boundary instead, as Avalanche does, gives 1 : 1 : 2. The authors' repository adds the
  average to the old scores, s ← s + ½ (s + new), which gives 9 : 3 : 2.
- F_now is made of per-example gradients, with the true labels of the current batch. The authors'
  code squares the mean gradient of a batch, which is another quantity.

A step costs one pass, and every `window`-th step a per-example pass more.
"""

import torch

from holdfast.engine.batch import Step
from holdfast.errors import HoldfastError
from holdfast.methods.anchored import Anchored
from holdfast.methods.declaration import Passes
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class RWalk(Anchored):
    """Holds each weight by the Fisher information and by its share in lowering the loss."""

    declaration = Declaration(
        family="regularisation",
        paper="Chaudhry et al. 2018",
        summary="quadratic penalty weighted by a running Fisher and a path score",
        delta=True,  # the path is made of changes of θ
        raw_gradient=True,  # of the task's own loss
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
        keeps="six θ-shaped vectors",
        passes=Passes(
            words="one pass + a tenth of a per-example pass (two passes)", gradients=(0.2,)
        ),
        small=("RWalk(0.1, window=3)",),
        typical="RWalk(0.1)",
    )

    def __init__(
        self,
        strength: float,
        alpha: float = 0.9,
        window: int = 10,
        epsilon: float = 1e-3,
    ) -> None:
        """Set up the penalty.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: plain training.
            alpha: α in (0, 1], the weight of the newest Fisher in the running one.
            window: The steps between two updates of F and s, at least 1 (Δt in the paper).
            epsilon: ε > 0, the damping. The larger it is, the less a weight that hardly moved
                counts.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> RWalk(strength=1.0)
            RWalk(1.0)
        """
        super().__init__(strength)
        if not 0 < alpha <= 1:
            raise HoldfastError(f"alpha is the weight of the newest Fisher, in (0, 1], got {alpha}")
        self.alpha = alpha
        self.window = int(at_least("window", window, 1))
        self.epsilon = at_least("epsilon", epsilon, 1e-12)
        self.host["windows"] = 0
        self.fisher = self.vector_state()  # F
        self.score = self.vector_state()  # s
        self.saved = self.vector_state()  # Σ −g_i Δθ_i over the steps of this window
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
        gradient = self.need(step.raw_gradient)
        saved.addcmul_(gradient, self.need(step.delta), value=-1)
        if (step.number + 1) % self.window == 0:
            self._end_window(learner, step)

    def _end_window(self, learner: LearnerView, step: Step) -> None:
        """Update F and s, and start the next window here."""
        theta = learner.space.theta.detach()
        saved = self.need(self.saved)
        start = self.need(self.start)
        fisher = self.need(self.fisher)
        # The first Fisher has no older one to be averaged with.
        newest = 1.0
        if self.host["windows"]:
            newest = self.alpha
        fisher.lerp_(learner.fisher_on(step.batch), newest)
        self.host["windows"] += 1
        # The distance in the metric of the Fisher information: ½ F (Δθ)².
        length = (theta - start).square_().mul_(fisher).mul_(0.5)
        gained = saved.clamp_min(0) / length.add_(self.epsilon)
        self.need(self.score).add_(gained)
        saved.zero_()
        start.copy_(theta)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        fisher = self.need(self.fisher)
        score = self.need(self.score)
        # The floors are for a task with fewer steps than a window, which leaves zeros.
        scaled_fisher = fisher / fisher.max().clamp_min(1e-30)
        self.importance = scaled_fisher + score / score.max().clamp_min(1e-30)
        self.anchor = learner.space.theta.detach().clone()
        score.mul_(0.5)  # s ← ½ s, for the next task
        # The window of a task that ended is not needed any more.
        self.saved = None
        self.start = None
