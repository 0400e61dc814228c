"""RanPAC: random projections of frozen features (McDonnell et al. 2023, eq. 3–7).

    h = ReLU(f W_rand)
    each example: G += hᵀ h,   Q += hᵀ Y
    logits:       h W,   W = (G + λ I)^{-1} Q

Here f is the feature of an input, W_rand is drawn once from the standard normal distribution and
has M columns, Y is the label as a one-hot row, and λ is the strength of the ridge. G and Q are
sums, so with λ fixed the result does not depend on the order of examples or tasks.

The paper adapts the backbone to the first task, and picks λ on held-out rows of each task. Here the
backbone comes frozen, and λ is an argument.

A step costs one forward pass, and a product with M × M entries. No weight is trained.
"""

import torch
from torch import Tensor

from holdfast.engine.stateful import seed_from
from holdfast.methods.declaration import Passes
from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Declaration, at_least


class RanPAC(FrozenFeatures):
    """Ridge regression on random projections of frozen features; trains nothing."""

    declaration = Declaration(
        family="frozen features",
        paper="McDonnell et al. 2023",
        summary="ridge regression on random projections of frozen features, one pass",
        classification_only="fits one column per class to labels",
        boundaries=False,  # sums need none
        trains=False,
        keeps="sums of projected features",
        passes=Passes(words="one forward + projection and Gram matrix", forwards=(1,)),
        small=("RanPAC(50)",),
    )

    def __init__(
        self,
        projection: int = 2000,
        ridge: float = 1.0,
    ) -> None:
        """Set up the projection and the regression.

        Args:
            projection: M ≥ 1, the number of random features. The memory grows with its square.
            ridge: λ > 0, the strength of the ridge.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> RanPAC(projection=1000)
            RanPAC(projection=1000)
        """
        super().__init__()
        self.projection = int(at_least("projection", projection, 1))
        self.ridge = at_least("ridge", ridge, 1e-12)
        # Both are empty until the first example tells the number of features, D.
        empty = torch.zeros(0, 0, dtype=torch.float64)
        self.random = self.tensor_state(empty)  # W_rand (D, M)
        self.products = self.tensor_state(empty.clone())  # G (M, M)

    def expand(self, features: Tensor) -> Tensor:
        """Compute h, (N, M), from features (N, D)."""
        if not self.random.numel():
            # Drawn on the CPU, so that every device has the same projection.
            seed = seed_from(self.seed, "projection")
            generator = torch.Generator().manual_seed(seed)
            shape = (features.shape[1], self.projection)
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            self.random = drawn.to(features.device)
        return (features.double() @ self.random).relu_()

    def gather(self, h: Tensor) -> None:
        """Add rows (N, M) to G."""
        if not self.products.numel():
            width = h.shape[1]
            self.products = h.new_zeros(width, width)
        self.products.addmm_(h.T, h)

    def readout(self) -> tuple[Tensor, Tensor]:
        regularised = self.products.clone()
        regularised.diagonal().add_(self.ridge)
        # The sums of the base class are Qᵀ. There is no bias.
        weight = torch.linalg.solve(regularised, self.sums.T).T
        return weight, weight.new_zeros(len(weight))
