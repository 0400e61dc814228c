"""RanPAC: random projections of frozen features (McDonnell et al. 2023, eq. 3–7).

h = ReLU(f W_rand), W_rand fixed, standard normal; G += hᵀh, Q += hᵀY; W = (G + λ I)^{-1} Q; logits h W. G and Q are sums, so with λ
fixed the result does not depend on the order of examples or tasks. The paper adapts the backbone to the first task and picks λ on held-out
rows of each task; here the backbone comes frozen and λ is an argument. Passes: one forward, one product of size `projection`.
"""

import torch
from torch import Tensor

from holdfast.engine.stateful import seed_from
from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Declaration, at_least


class RanPAC(FrozenFeatures):
    """Ridge regression on random projections of frozen features; trains nothing."""

    declaration = Declaration(
        "frozen features",
        "McDonnell et al. 2023",
        "ridge regression on random projections of frozen features, one pass",
        boundaries=False,
        trains=False,
    )

    def __init__(self, projection: int = 2000, ridge: float = 1.0) -> None:
        """`projection` M random features; `ridge` λ > 0."""
        super().__init__()
        self.projection, self.ridge = (
            int(at_least("projection", projection, 1)),
            at_least("ridge", ridge, 1e-12),
        )
        self.remember("random", torch.zeros(0, 0, dtype=torch.float64))  # (D, M)
        self.remember("products", torch.zeros(0, 0, dtype=torch.float64))  # G (M, M)

    def expand(self, features: Tensor) -> Tensor:
        w = self.get_buffer("random")
        if not w.numel():
            generator = torch.Generator().manual_seed(seed_from(self.seed, "projection"))
            w = torch.randn(
                features.shape[1], self.projection, generator=generator, dtype=torch.float64
            ).to(features.device)
            self.remember("random", w)
        return (features.double() @ w).relu_()

    def gather(self, h: Tensor) -> None:
        g = self.get_buffer("products")
        if not g.numel():
            g = h.new_zeros(h.shape[1], h.shape[1])
        self.remember("products", g.addmm_(h.T, h))

    def readout(self) -> tuple[Tensor, Tensor]:
        g = self.get_buffer("products").clone()
        g.diagonal().add_(self.ridge)
        w = torch.linalg.solve(g, self.get_buffer("sums").T).T
        return w, w.new_zeros(len(w))
