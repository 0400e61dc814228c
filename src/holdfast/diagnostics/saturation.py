"""Fisher saturation: how much of a network is held by what it has learned.

If some inputs never vary, such as the dark pixels at the edge of MNIST's images, their weights stay
free, which caps the share.
"""

import torch
from torch import Tensor

from holdfast.engine.parameters import Layout, carry
from holdfast.errors import HoldfastError

# Of the largest entry of one task's Fisher. The share depends much on it, so several are shown.
THRESHOLDS = (0.01, 0.001, 0.0001)


class Saturation:
    """A running sum of Fisher diagonals, each divided by its largest entry.

    The network may grow between the tasks.

    Args:
        *thresholds: Above these values of the running sum, a parameter counts as held. Default:
            0.01, 0.001 and 0.0001.

    Raises:
        HoldfastError: A threshold is not above 0.

    Example:
        >>> from holdfast.engine.parameters import ParameterSpace
        >>> space = ParameterSpace(torch.nn.Linear(1, 2, bias=False))
        >>> fisher = torch.zeros_like(space.theta)
        >>> fisher[0] = 3.0
        >>> Saturation(0.1).add(fisher, space.layout)
        [0.5]
    """

    def __init__(self, *thresholds: float) -> None:
        self.thresholds = thresholds or THRESHOLDS
        if not min(self.thresholds) > 0:
            raise HoldfastError(f"every threshold must be above 0, got {min(self.thresholds)}")
        self.total: Tensor | None = None
        self.layout: Layout | None = None

    def add(self, fisher: Tensor, layout: Layout) -> list[float]:
        """Add the Fisher diagonal of a task.

        Args:
            fisher: A vector with the layout of the parameters.
            layout: That layout, `space.layout`.

        Returns:
            For each threshold, the share of parameters whose running sum exceeds it.
        """
        # Tasks have Fishers of very different sizes, so each counts relative to its largest entry.
        smallest = torch.finfo(fisher.dtype).tiny  # a Fisher of zeros must not be divided by 0
        total = fisher / fisher.max().clamp_min(smallest)
        if self.total is not None and self.layout is not None:
            total = total + carry(self.total, self.layout, layout)
        self.total = total
        self.layout = layout
        shares = []
        for threshold in self.thresholds:
            exceeding = (total > threshold).sum()
            shares.append(float(exceeding) / layout.numel)
        return shares

    @property
    def strength(self) -> float:
        """The mean of the running sum, which grows with the pull of a quadratic penalty."""
        if self.total is None or self.layout is None:
            raise HoldfastError("saturation has no strength before the first task; call add first")
        return float(self.total.double().sum()) / self.layout.numel
