"""Labelled examples and the plain gradient of a model's loss on them, shared by the diagnostics."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError

Forward = Callable[[nn.Module, Tensor], Tensor]


def plain(module: nn.Module, x: Tensor) -> Tensor:
    """The module's own outputs."""
    return module(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Rows:
    """Inputs (N, ...) as the network takes them, labels (N,) among the outputs of `forward(module, x)` → logits (N, C)."""

    x: Tensor
    y: Tensor
    forward: Forward = plain

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not len(self.x):
            raise HoldfastError(
                f"expected as many labels as inputs, at least one; got {len(self.x)} inputs and {len(self.y)} labels"
            )

    def loss(self, module: nn.Module) -> Tensor:
        """Mean cross-entropy."""
        return F.cross_entropy(self.forward(module, self.x), self.y)

    @torch.no_grad()
    def value(self, module: nn.Module) -> float:
        """The mean cross-entropy as a number, in eval mode."""
        with evaluating(module):
            return float(self.loss(module))

    @torch.no_grad()
    def accuracy(self, module: nn.Module) -> float:
        """Share of right answers, in eval mode."""
        with evaluating(module):
            return float((self.forward(module, self.x).argmax(1) == self.y).float().mean())


def gradient(space: ParameterSpace, rows: Rows) -> Tensor:
    """∂ mean loss / ∂θ, a θ-shaped vector, in eval mode; no `.grad` is touched."""
    g = torch.zeros_like(space.theta)
    with evaluating(space.module), torch.enable_grad(), space.writing_to(g):
        rows.loss(space.module).backward()
    return g
