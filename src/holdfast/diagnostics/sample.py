"""Labelled examples, and the gradient of a model's loss on them, which the diagnostics share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.models.calling import call_module
from holdfast.named_inputs import Inputs

# From a module and its inputs, (N, ...), to the logits of the outputs that compete, (N, C).
Forward = Callable[[nn.Module, Inputs], Tensor]


def plain(module: nn.Module, x: Inputs) -> Tensor:
    """The module's own outputs."""
    return call_module(module, x)


@dataclass(frozen=True)
class Sample:
    """Labelled examples, and how a model computes its outputs for them.

    Args:
        x: Inputs as the network takes them, (N, ...).
        y: Labels, (N,), as numbers of the outputs that `forward` gives.
        forward: A function of the module and its inputs that returns logits, (N, C). Default: the
            module's own outputs.

    Raises:
        HoldfastError: There is no example, or not one label per example.

    Example:
        >>> sample = Sample(torch.eye(3), torch.tensor([0, 1, 2]))
        >>> sample.accuracy(nn.Identity())
        1.0
    """

    x: Inputs
    y: Tensor
    forward: Forward = plain

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not len(self.x):
            raise HoldfastError(
                f"a sample needs at least one example and one label per example, got {len(self.x)} "
                f"inputs and {len(self.y)} labels"
            )

    def loss(self, module: nn.Module) -> Tensor:
        """The mean cross-entropy of the module on the sample, with its graph."""
        return F.cross_entropy(self.forward(module, self.x), self.y)

    @torch.no_grad()
    def value(self, module: nn.Module) -> float:
        """The mean cross-entropy as a number, with the module in eval mode."""
        with evaluating(module):
            return float(self.loss(module))

    @torch.no_grad()
    def accuracy(self, module: nn.Module) -> float:
        """The share of right answers, with the module in eval mode."""
        with evaluating(module):
            answers = self.forward(module, self.x).argmax(1)
        return float((answers == self.y).float().mean())


def gradient(space: ParameterSpace, rows: Sample) -> Tensor:
    """Compute the gradient of the mean loss, ∂L/∂θ.

    The module is put into eval mode for it, and no `.grad` changes.

    Args:
        space: The parameters of the module, `ParameterSpace(module)`.
        rows: The examples.

    Returns:
        A vector with the layout of `space.theta`, zero in its gaps.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> gradient(ParameterSpace(layer), Sample(torch.zeros(1, 2), torch.tensor([0]))).shape
        torch.Size([32])
    """
    vector = torch.zeros_like(space.theta)
    with evaluating(space.module), torch.enable_grad(), space.writing_to(vector):
        torch.autograd.backward(rows.loss(space.module))
    return vector
