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
        self.projection = int(at_least("projection", projection, 1))
        self.ridge = at_least("ridge", ridge, 1e-12)
        self.random = self.tensor_state(torch.zeros(0, 0, dtype=torch.float64))  # (D, M)
        self.products = self.tensor_state(torch.zeros(0, 0, dtype=torch.float64))  # G (M, M)

    def expand(self, features: Tensor) -> Tensor:
        if not self.random.numel():
            generator = torch.Generator().manual_seed(seed_from(self.seed, "projection"))
            shape = (features.shape[1], self.projection)
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            self.random = drawn.to(features.device)
        return (features.double() @ self.random).relu_()

    def gather(self, h: Tensor) -> None:
        if not self.products.numel():
            self.products = h.new_zeros(h.shape[1], h.shape[1])
        self.products.addmm_(h.T, h)

    def readout(self) -> tuple[Tensor, Tensor]:
        g = self.products.clone()
        g.diagonal().add_(self.ridge)
        w = torch.linalg.solve(g, self.sums.T).T
        return w, w.new_zeros(len(w))
