"""Fisher saturation: how much of a network is held by what it has learnt. On MNIST pixels that are always dark cap the share."""

import torch
from torch import Tensor

from holdfast.engine.parameters import Layout, carry
from holdfast.errors import HoldfastError

THRESHOLD = 0.01  # of the largest entry of one task's Fisher


class Saturation:
    """A running sum of Fisher diagonals, each divided by its largest entry, over a network that may grow."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        if not threshold > 0:
            raise HoldfastError(f"the threshold is above 0, got {threshold}")
        self.threshold = threshold
        self.total: Tensor | None = None
        self.layout: Layout | None = None

    def add(self, fisher: Tensor, layout: Layout) -> float:
        """Adds a task's Fisher (θ-shaped, `space.layout`); returns the share of parameters whose running sum exceeds the threshold."""
        scaled = fisher / fisher.max().clamp_min(torch.finfo(fisher.dtype).tiny)
        if self.total is not None and self.layout is not None:
            scaled = scaled + carry(self.total, self.layout, layout)
        self.total, self.layout = scaled, layout
        return float((scaled > self.threshold).sum()) / layout.numel

    @property
    def strength(self) -> float:
        """The mean of the running sum: how strongly a quadratic penalty with it would anchor, up to its factor."""
        assert self.total is not None
        assert self.layout is not None
        return float(self.total.double().sum()) / self.layout.numel
