"""LowRankEWC: EWC with the leading eigenvectors of the Fisher, and the diagonal of the rest.

Loss + λ/2 [Δᵀ V Λ Vᵀ Δ + Σ_i D_i Δ_i²], Δ = θ − θ* from the last boundary. (V, Λ) are the top `rank` eigenpairs of the Fisher of all
tasks so far, D what its diagonal has beyond diag(V Λ Vᵀ). Tasks are merged by truncating [V Λ^½, J/√N] again, J the N per-example
gradients of log p(y|x) at sampled labels, so memory is rank · P, not rank · P a task. With rank 0 it would be OnlineEWC (γ = 1); the
low-rank form is that of online Laplace approximations (Ritter et al. 2018, section 2.2). Passes: one, and two products with V.
"""

import torch
from torch import Tensor

from holdfast.engine.fisher import label_weights
from holdfast.engine.jacobian import per_example_gradients
from holdfast.engine.snapshot import evaluating
from holdfast.errors import one_of
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


def leading(rows: Tensor, rank: int) -> Tensor:
    """V Λ^½ of the top `rank` eigenpairs of rowsᵀ rows, as (rank, P) rows, through the small Gram matrix.

    >>> leading(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), 1).abs().tolist()
    [[3.0, 0.0]]
    """
    values, vectors = torch.linalg.eigh((rows @ rows.T).double())
    keep = values[-rank:].flip(0) > 1e-12 * values[-1].clamp_min(1e-300)
    return vectors[:, -rank:].flip(1)[:, keep].to(rows.dtype).T @ rows


class LowRankEWC(Method):
    """Springs along the leading directions of the Fisher, and along single weights for the rest."""

    declaration = Declaration(
        "regularisation",
        "Kirkpatrick et al. 2017; Ritter et al. 2018",
        "quadratic penalty with the leading eigenvectors of the Fisher and the diagonal of the rest",
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
    )

    def __init__(
        self, strength: float, rank: int = 10, samples: int = 200, labels: str = "sampled"
    ) -> None:
        """`strength` λ ≥ 0; `rank` eigenvectors kept; `samples` examples for the Fisher; `labels` sampled, predicted or empirical."""
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.rank = int(at_least("rank", rank, 1))
        self.samples = int(at_least("samples", samples, 1))
        self.labels = one_of("Fisher labels", labels, ("sampled", "predicted", "empirical"))
        self.roots = self.vector_state()  # (rank, P): eigenvectors times the roots of eigenvalues
        self.rest = self.vector_state()  # the diagonal that they leave out
        self.anchor = self.vector_state()

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.roots is None or self.rest is None or self.anchor is None:
            return
        moved = torch.sub(learner.space.theta, self.anchor, out=learner.space.scratch)
        g.addmv_(self.roots.T, self.roots @ moved, alpha=self.strength)
        g.addcmul_(self.rest, moved, value=self.strength)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if not self.strength:
            return
        x, y, logits = learner.examples_of(task, self.samples, self.generator())
        with torch.no_grad(), evaluating(learner.model):
            chosen = label_weights(
                logits(learner.model, x), self.labels, y, self.generator()
            ).argmax(1)
        of_row = iter(chosen)
        rows = (
            per_example_gradients(
                learner.space, lambda m, one: logits(m, one).log_softmax(1)[:, next(of_row)], x
            )
            / len(x) ** 0.5
        )
        diagonal = rows.square().sum(0)
        if self.roots is not None:
            diagonal += self.roots.square().sum(0) + self.need(self.rest)
            rows = torch.cat([self.roots, rows])
        roots = leading(rows, self.rank)
        roots = torch.cat([roots, roots.new_zeros(self.rank - len(roots), roots.shape[1])])
        rest = (diagonal - roots.square().sum(0)).clamp_min_(0)
        self.roots = roots
        self.rest = rest
        self.anchor = learner.space.theta.detach().clone()
        learner.warn_if_unstable(self.strength, float(roots[0].square().sum() + rest.max()))
