"""Gradients of one number per example, as rows: what OGD stores and what spectra are made of."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating


def per_example_gradients(space: ParameterSpace, values: Callable[[nn.Module, Tensor], Tensor], x: Tensor) -> Tensor:
    """∂ values(module, x)[n] / ∂θ for every example, (N, P), θ-shaped rows. In eval mode, one example at a time.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> per_example_gradients(ParameterSpace(layer), lambda m, x: m(x)[:, 0], torch.eye(2))[:, :2].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = torch.zeros(len(x), len(space.theta), device=space.theta.device)
    with evaluating(space.module), torch.enable_grad():
        for row, one in zip(rows, x, strict=True):
            with space.writing_to(row):
                values(space.module, one[None])[0].backward()
    return rows
