"""The weights from before the first task, which methods that start anew put back at each task."""

import torch
from torch import Tensor, nn

from holdfast.engine.parameters import Layout, ParameterSpace, carry


class InitialWeights:
    """The weights and statistics from before the first task, for methods that start anew.

    Args:
        space: The weights of the network as a vector θ.
        model: The network, whose buffers (such as BatchNorm's statistics) are copied too.

    Attributes:
        theta: The weights, θ-shaped.
    """

    def __init__(self, space: ParameterSpace, model: nn.Module) -> None:
        self.theta = space.theta.clone()
        self._statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def follow(self, old: Layout, new: Layout, theta: Tensor) -> None:
        """Follow a network that grew.

        Args:
            old: The layout of θ before.
            new: The layout of θ now.
            theta: The weights now. New ones start as they are there.
        """
        self.theta = carry(self.theta, old, new, fill=theta)

    @torch.no_grad()
    def put_back(self, space: ParameterSpace, model: nn.Module) -> None:
        """Give the network its first weights and statistics again.

        Args:
            space: The weights of the network as a vector θ.
            model: The network.
        """
        space.theta.copy_(self.theta)
        for name, buffer in model.named_buffers():
            first = self._statistics.get(name)
            # A buffer with a row per task, such as XdG's gates, has grown and is no statistic.
            if first is not None and first.shape == buffer.shape:
                buffer.copy_(first)
