"""EWC: elastic weight consolidation (Kirkpatrick et al. 2017, eq. 3).

    loss:     L(θ) + λ/2 Σ_{s<t} Σ_i F_{s,i} (θ_i − θ*_{s,i})²
    gradient: g + λ (ΣF · θ − ΣFθ*)        with ΣF = Σ_s F_s and ΣFθ* = Σ_s F_s θ*_s

Here F_s is the diagonal of the Fisher information on task s, θ*_s are the weights at its end, and λ
is the strength. There is one penalty per task (OnlineEWC has one for all). Their gradient needs two
vectors as long as θ, however many tasks there were.

- F is the mean of squared gradients per example. The paper leaves open which labels they are taken
  at, so `labels` says it.
- `decay` is not in the paper. It lets old penalties fade.
- When a head grows, old rows keep F and θ*, and new rows have F = 0.
- The penalty does not move a parameter that the loss of a step does not reach, such as the head of
  another task.

A step costs one pass, and two operations on vectors as long as θ.
"""

import torch
from torch import Tensor

from holdfast.engine.fisher import LABELS
from holdfast.errors import one_of
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class EWC(Method):
    """Holds each weight by a spring that is as stiff as the weight mattered to earlier tasks."""

    declaration = Declaration(
        family="regularisation",
        paper="Kirkpatrick et al. 2017",
        summary="quadratic penalty weighted by the Fisher information, one term per task",
        neutral=(("strength", 0),),
        weak=(("class", PENALTY_IN_CLASS),),
        keeps="two θ-shaped vectors",
        small=(
            "EWC(1.0)",
            "EWC(1.0, decay=0.5)",
        ),
        typical="EWC(1)",
    )

    def __init__(
        self, strength: float, samples: int = 1000, labels: str = "auto", decay: float = 1.0
    ) -> None:
        """Set up the penalty.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: plain training.
            samples: Examples per task that F is estimated on. 0: all.
            labels: The labels in F. `exact` sums over all outputs by their probability, `sampled`
                draws one label per example from the model, `predicted` takes the most probable one
                and `empirical` the true one. `auto` is exact up to 256 outputs, and sampled with a
                note above, because the time of exact grows with the number of outputs.
            decay: What all earlier penalties are multiplied by at each boundary, ≥ 0. 1: they stay.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> EWC(100, samples=500)
            EWC(100, samples=500)
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.samples = int(at_least("samples", samples, 0))
        self.labels = one_of("Fisher labels", labels, LABELS)
        self.decay = at_least("decay", decay, 0)
        self.fisher_sum = self.vector_state()  # ΣF
        self.fisher_theta_sum = self.vector_state()  # ΣFθ*

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        # Before the first boundary nothing is held. At strength 0 not even rounding may differ.
        if self.fisher_sum is None or self.fisher_theta_sum is None or not self.strength:
            return
        g.addcmul_(self.fisher_sum, learner.space.theta, value=self.strength)
        g.sub_(self.fisher_theta_sum, alpha=self.strength)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        # Estimating F costs a pass over the samples, and at strength 0 nothing would use it.
        if not self.strength:
            return
        fisher = learner.fisher(
            task, samples=self.samples, labels=self.labels, generator=self.generator()
        )
        anchored = fisher * learner.space.theta
        if self.fisher_sum is not None:
            fisher += self.decay * self.fisher_sum
            anchored += self.decay * self.need(self.fisher_theta_sum)
        self.fisher_sum = fisher.detach()
        self.fisher_theta_sum = anchored.detach()
        learner.warn_if_unstable(self.strength, float(torch.max(fisher)))
