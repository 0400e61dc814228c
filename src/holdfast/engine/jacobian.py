"""Gradients of one number per example: as rows (what OGD stores), or their inner products alone (what GSS compares)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from holdfast.engine.layers import matrices, rows_in, rows_out, used
from holdfast.engine.magnitudes import recording
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError


def per_example_gradients(
    space: ParameterSpace, values: Callable[[nn.Module, Tensor], Tensor], x: Tensor
) -> Tensor:
    """∂ values(module, x)[n] / ∂θ for every example, (N, P), θ-shaped rows. In eval mode, one example at a time.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> per_example_gradients(ParameterSpace(layer), lambda m, x: m(x)[:, 0], torch.eye(2))[:, :2].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = space.theta.new_zeros(len(x), len(space.theta))
    with evaluating(space.module), torch.enable_grad():
        for row, one in zip(rows, x, strict=True):
            with space.writing_to(row):
                values(space.module, one[None])[0].backward()
    return rows


def gradient_products(
    space: ParameterSpace, values: Callable[[nn.Module, Tensor], Tensor], x: Tensor
) -> Tensor:
    """g_i · g_j for the gradients of every two examples, (N, N), in eval mode.

    Where all trainable parameters belong to linear layers and convolutions this takes one pass: a layer's share is the inner product
    of inputs times that of what flows back (Σ over positions for a convolution). Else the gradients are made one by one.
    """
    try:
        layers = matrices(space.module, "gradient_products")
    except HoldfastError:
        return _one_by_one(space, values, x)
    total = space.theta.new_zeros(len(x), len(x))
    with evaluating(space.module), torch.enable_grad(), recording(list(layers.values())) as seen:
        out = values(space.module, x)
        taking = [t for t in used(seen, layers) if t[3].requires_grad]
        if any(
            len(inp) != len(x) for _, _, inp, _ in taking
        ):  # a head that saw the rows of its own task alone
            return _one_by_one(space, values, x)
        deltas = torch.autograd.grad(out.sum(), [o for *_, o in taking])
    for (_, layer, inp, _), delta in zip(taking, deltas, strict=True):
        columns = layer.weight[0].numel() + (layer.bias is not None)
        a, d = (
            rows_in(layer, inp).view(len(x), -1, columns),
            rows_out(layer, delta).view(len(x), -1, layer.weight.shape[0]),
        )
        if a.shape[1] == 1:
            total += (a[:, 0] @ a[:, 0].T) * (d[:, 0] @ d[:, 0].T)
        else:
            g = torch.einsum("npo,npc->noc", d, a).flatten(1)
            total += g @ g.T
    return total


def _one_by_one(
    space: ParameterSpace, values: Callable[[nn.Module, Tensor], Tensor], x: Tensor
) -> Tensor:
    with evaluating(space.module), torch.enable_grad():
        grads = [
            torch.autograd.grad(v, space.parameters, retain_graph=True, allow_unused=True)
            for v in values(space.module, x)
        ]
    rows = torch.stack([space.gather(list(g)) for g in grads])
    return rows @ rows.T
