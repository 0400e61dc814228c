"""EWC: elastic weight consolidation (Kirkpatrick et al. 2017, eq. 3).

Loss + λ/2 Σ_{s<t} Σ_i F_{s,i} (θ_i − θ*_{s,i})². Penalties add over tasks; their gradient λ(ΣF·θ − ΣFθ*) needs two θ-shaped
vectors however many tasks there were. F is per example; by default it is exact up to
256 outputs and sampled above (the paper leaves the estimator open). When a head grows, old
rows keep F and θ*, new rows have F = 0. A parameter that the loss of a step does not reach is not moved by the penalty.
Passes: one; the penalty is two operations on vectors as long as θ.
"""

import torch
from torch import Tensor

from holdfast.engine.fisher import LABELS
from holdfast.errors import one_of
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class EWC(Method):
    """Holds each weight by a spring as stiff as the weight mattered to earlier tasks."""

    declaration = Declaration(
        "regularisation",
        "Kirkpatrick et al. 2017",
        "quadratic penalty weighted by the Fisher information, one term per task",
        neutral=(("strength", 0),),
        weak=(("class", PENALTY_IN_CLASS),),
    )

    def __init__(
        self, strength: float, samples: int = 1000, labels: str = "auto", decay: float = 1.0
    ) -> None:
        """`strength` λ ≥ 0; `samples` examples for F (0: all); `decay` multiplies all earlier tasks' λ at each boundary.

        `labels` of F: `exact` sums over the labels by their probability, `sampled` draws one label for each example from the model,
        `predicted` takes the most probable, `empirical` the true one. The default, `auto`, is exact up to 256 outputs and sampled above,
        with a note, because the time of exact grows with the number of outputs.
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.samples = int(at_least("samples", samples, 0))
        self.labels = one_of("Fisher labels", labels, LABELS)
        self.decay = at_least("decay", decay, 0)
        self.fisher_sum = self.vector_state()
        self.fisher_theta_sum = self.vector_state()

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.fisher_sum is None or self.fisher_theta_sum is None or not self.strength:
            return
        g.addcmul_(self.fisher_sum, learner.space.theta, value=self.strength)
        g.sub_(self.fisher_theta_sum, alpha=self.strength)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
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
