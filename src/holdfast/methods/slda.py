"""SLDA: streaming linear discriminant analysis on frozen features (Hayes & Kanan 2020, eq. 1–3).

    logit of class y: f Λ μ_y − ½ μ_yᵀ Λ μ_y,   Λ = ((1 − ε) Σ + ε I)^{-1}

Here f is the feature of an input, μ_y the mean feature of class y, Σ the covariance within classes,
and ε the shrinkage towards the identity.

Σ comes from sums, (Σ f fᵀ − Σ_y n_y μ_y μ_yᵀ) / n, where n_y is the number of examples of class y
and n that of all. This is exactly what a pass over all data at once gives, in any order. The paper
updates Σ with the means of the moment, which depends a little on the order.

A step costs one forward pass. No weight is trained.
"""

import torch
from torch import Tensor

from holdfast.methods.declaration import Passes
from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Declaration, at_least


class SLDA(FrozenFeatures):
    """A linear discriminant with one covariance for all classes; trains nothing."""

    declaration = Declaration(
        family="frozen features",
        paper="Hayes & Kanan 2020",
        summary="linear discriminant analysis on features of a frozen backbone, one pass",
        classification_only="predicts the class of the nearest mean",
        boundaries=False,  # sums need none
        trains=False,
        keeps="sums of features",
        passes=Passes(words="one forward + Gram matrix", forwards=(1,)),
    )

    def __init__(self, shrinkage: float = 1e-4) -> None:
        """Set up the discriminant.

        Args:
            shrinkage: ε ≥ 0, the share of the identity in the covariance. 0: none, which is only
                reliable with many more examples than features.

        Raises:
            HoldfastError: `shrinkage` is below 0.

        Example:
            >>> SLDA(shrinkage=0.01)
            SLDA(shrinkage=0.01)
        """
        super().__init__()
        self.shrinkage = at_least("shrinkage", shrinkage, 0)
        empty = torch.zeros(0, 0, dtype=torch.float64)
        self.products = self.tensor_state(empty)  # Σ f fᵀ, (D, D) from the first example on

    def gather(self, h: Tensor) -> None:
        """Add the products of features (N, D)."""
        gram = h.T @ h
        if self.products.numel():
            gram = self.products + gram
        self.products = gram

    def readout(self) -> tuple[Tensor, Tensor]:
        counts = self.counts  # n_y
        means = self.sums / counts.clamp_min(1)[:, None]
        between = (means * counts[:, None]).T @ means
        within = (self.products - between) / counts.sum()
        identity = torch.eye(len(within)).to(within)
        shrunk = (1 - self.shrinkage) * within + self.shrinkage * identity
        # Least squares instead of the inverse, because without shrinkage Σ may be singular.
        # On the CPU, which solves systems without full rank as well.
        solved = torch.linalg.lstsq(shrunk.cpu(), means.T.cpu())
        weight = solved.solution.T.to(means.device)
        return weight, -(weight * means).sum(1) / 2
