"""SLDA: streaming linear discriminant analysis on frozen features (Hayes & Kanan 2020, eq. 1–3).

logits = f Λ μ_y − ½ μ_yᵀ Λ μ_y with Λ = ((1 − ε) Σ + ε I)^{-1}, Σ the covariance within classes. Σ comes here from sums,
(Σ f fᵀ − Σ_y n_y μ_y μ_yᵀ) / n: exactly what a pass over all data at once gives, in any order; the paper updates it by means of the
moment, which depends on the order a little. Passes: one forward.
"""

import torch
from torch import Tensor

from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Declaration, at_least


class SLDA(FrozenFeatures):
    """A discriminant with one covariance for all classes; trains nothing."""

    declaration = Declaration(
        "frozen features",
        "Hayes & Kanan 2020",
        "linear discriminant analysis on features of a frozen backbone, one pass",
        boundaries=False,
        trains=False,
    )

    def __init__(self, shrinkage: float = 1e-4) -> None:
        """`shrinkage` ε ≥ 0 towards the identity."""
        super().__init__()
        self.shrinkage = at_least("shrinkage", shrinkage, 0)
        self.products = self.tensor_state(torch.zeros(0, 0, dtype=torch.float64))  # Σ f fᵀ (D, D)

    def gather(self, h: Tensor) -> None:
        gram = h.T @ h
        self.products = self.products + gram if self.products.numel() else gram

    def readout(self) -> tuple[Tensor, Tensor]:
        n = self.counts
        means = self.sums / n.clamp_min(1)[:, None]
        within = (self.products - (means * n[:, None]).T @ means) / n.sum()
        shrunk = (1 - self.shrinkage) * within + self.shrinkage * torch.eye(
            len(within), dtype=within.dtype, device=within.device
        )
        w = torch.linalg.lstsq(shrunk.cpu(), means.T.cpu()).solution.T.to(means.device)
        return w, -(w * means).sum(1) / 2
