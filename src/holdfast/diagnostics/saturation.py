"""Fisher saturation: how much of a network is held by what it has learnt. On MNIST pixels that are always dark cap the share."""

import torch
from torch import Tensor

from holdfast.engine.parameters import Layout, carry
from holdfast.errors import HoldfastError

THRESHOLDS = (
    0.01,
    0.001,
    0.0001,
)  # of the largest entry of one task's Fisher: the share depends much on it, so several are shown


class Saturation:
    """A running sum of Fisher diagonals, each divided by its largest entry, over a network that may grow."""

    def __init__(self, *thresholds: float) -> None:
        self.thresholds = thresholds or THRESHOLDS
        if not min(self.thresholds) > 0:
            raise HoldfastError(f"a threshold is above 0, got {min(self.thresholds)}")
        self.total: Tensor | None = None
        self.layout: Layout | None = None

    def add(self, fisher: Tensor, layout: Layout) -> list[float]:
        """Adds a task's Fisher (θ-shaped, `space.layout`); returns the share of parameters whose running sum exceeds each threshold."""
        scaled = fisher / fisher.max().clamp_min(torch.finfo(fisher.dtype).tiny)
        if self.total is not None and self.layout is not None:
            scaled = scaled + carry(self.total, self.layout, layout)
        self.total, self.layout = scaled, layout
        return [float((scaled > t).sum()) / layout.numel for t in self.thresholds]

    @property
    def strength(self) -> float:
        """The mean of the running sum: how strongly a quadratic penalty with it would anchor, up to its factor."""
        assert self.total is not None
        assert self.layout is not None
        return float(self.total.double().sum()) / self.layout.numel
