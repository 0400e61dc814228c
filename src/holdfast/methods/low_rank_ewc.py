"""LowRankEWC: EWC with the leading eigenvectors of the Fisher, and the diagonal of the rest.

    loss: L(θ) + λ/2 [Δᵀ V Λ Vᵀ Δ + Σ_i D_i Δ_i²],   Δ = θ − θ*

Here (V, Λ) are the top `rank` eigenpairs of the Fisher information of all tasks so far, D is what
its diagonal has beyond diag(V Λ Vᵀ), θ* are the weights at the last boundary, and λ is the strength
of the penalty. The low-rank form is that of online Laplace approximations (Ritter et al. 2018,
section 2.2). With rank 0 it would be OnlineEWC with γ = 1.

Tasks are merged by truncating [V Λ^½, J/√N] again, where J are the N per-example gradients of
log p(y|x) at the chosen labels. The memory is therefore `rank` vectors as long as θ, and not that
many per task.

A step costs one pass, and two products with V. A boundary costs one gradient per example, and the
eigenvectors of a matrix with `rank` + N rows.
"""

import torch
from torch import Tensor, nn

from holdfast.engine.jacobian import per_example_gradients
from holdfast.engine.rows import Rows
from holdfast.engine.snapshot import evaluating
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView, Logits
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Task


def leading(rows: Tensor, rank: int) -> Tensor:
    """Compute V Λ^½ of the top eigenpairs of rowsᵀ rows, through the small Gram matrix.

    Args:
        rows: Vectors as rows, (N, P).
        rank: The number of eigenpairs, at least 1.

    Returns:
        Eigenvectors times the roots of their eigenvalues, the largest first, (K, P). K is `rank`,
        or less if there are fewer eigenvalues above 0.

    Example:
        >>> leading(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), 1).abs().tolist()
        [[3.0, 0.0]]
    """
    # If u is an eigenvector of rows rowsᵀ, then rowsᵀ u is V Λ^½: no (P, P) matrix is needed.
    values, vectors = torch.linalg.eigh((rows @ rows.T).double())
    # `eigh` gives the smallest eigenvalue first.
    top_values = values[-rank:].flip(0)
    top_vectors = vectors[:, -rank:].flip(1)
    # A direction that holds nothing but rounding would be noise of full length.
    keep = top_values > 1e-12 * values[-1].clamp_min(1e-300)
    roots: Tensor = top_vectors[:, keep].to(rows.dtype).T @ rows
    return roots


class LowRankEWC(Method):
    """Springs along the leading directions of the Fisher, and along single weights for the rest."""

    declaration = Declaration(
        family="regularisation",
        paper="Kirkpatrick et al. 2017; Ritter et al. 2018",
        summary="quadratic penalty with the leading eigenvectors of the Fisher and the diagonal of "
        "the rest",
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
        not_for_texts="takes the Fisher information of single outputs, not of texts",
        keeps="`rank` + 2 θ-shaped vectors",
        passes=Passes(words="one pass + two products with V"),
        small=("LowRankEWC(1.0, rank=5, samples=40)",),
        typical="LowRankEWC(1)",
    )

    def __init__(
        self,
        strength: float,
        rank: int = 10,
        samples: int = 200,
        labels: str = "sampled",
    ) -> None:
        """Set up the penalty.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: plain training.
            rank: The number of eigenvectors that are kept, at least 1.
            samples: N ≥ 1, training examples of each task from which the Fisher is estimated.
            labels: The labels in the Fisher: `sampled` draws one from the prediction, `predicted`
                takes the most probable one, `empirical` the true one.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> LowRankEWC(strength=10, rank=5)
            LowRankEWC(10, rank=5)
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.rank = int(at_least("rank", rank, 1))
        self.samples = int(at_least("samples", samples, 1))
        self.labels = one_of("Fisher labels", labels, ("sampled", "predicted", "empirical"))
        self.roots = self.vector_state()  # (rank, P): V Λ^½, filled up with zeros
        self.rest = self.vector_state()  # D
        self.anchor = self.vector_state()  # θ*

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.roots is None or self.rest is None or self.anchor is None:
            return
        # The gradient of the penalty in closed form: λ (V Λ Vᵀ Δ + D ∘ Δ).
        moved = torch.sub(learner.space.theta, self.anchor, out=learner.space.scratch)
        g.addmv_(self.roots.T, self.roots @ moved, alpha=self.strength)
        g.addcmul_(self.rest, moved, value=self.strength)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        # Without a penalty nobody reads the Fisher, and its pass would be wasted.
        if not self.strength:
            return
        x, y, logits = learner.examples_of(task, self.samples, self.generator())
        rows = self._gradients(learner, x, y, logits) / len(x) ** 0.5  # J/√N
        diagonal = rows.square().sum(0)
        if self.roots is not None:
            diagonal += self.roots.square().sum(0) + self.need(self.rest)
            rows = torch.cat([self.roots, rows])
        roots = leading(rows, self.rank)
        # Filled up with zeros, so that the memory has its whole size from the first task on.
        missing = roots.new_zeros(self.rank - len(roots), roots.shape[1])
        roots = torch.cat([roots, missing])
        # What the truncation leaves out stays in the diagonal, so the trace is that of the Fisher.
        rest = (diagonal - roots.square().sum(0)).clamp_min_(0)
        self.roots = roots
        self.rest = rest
        self.anchor = learner.space.theta.detach().clone()
        # The stiffest direction is at most as stiff as the stiffest of both parts together.
        largest = roots[0].square().sum() + rest.max()
        learner.warn_if_unstable(self.strength, float(largest))

    def _gradients(self, learner: LearnerView, x: Inputs, y: Tensor, logits: Logits) -> Tensor:
        """Compute J, the gradient of log p at the chosen label of each example, (N, P)."""
        objective = learner.objective
        with torch.no_grad(), evaluating(learner.model):
            outputs = logits(learner.model, x)
            rows = Rows.of_task(x, y, learner.task_number)
            c = objective.fisher_coefficients(outputs, self.labels, rows, self.generator())
        # The rows are differentiated one after the other, each at its own target.
        of_row = iter(c)

        def log_p(model: nn.Module, one: Inputs) -> Tensor:
            """A function with the gradient of log p at the target of the next row, (1,)."""
            values = objective.fisher_values(logits(model, one), self.labels)
            chosen: Tensor = (values * next(of_row)).sum(1)
            return chosen

        return per_example_gradients(learner.space, log_p, x)
