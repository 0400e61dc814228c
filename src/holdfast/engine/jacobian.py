"""Gradients of one number per example: as rows, or only their inner products.

OGD stores the rows, GSS compares the inner products.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from holdfast.engine.layers import Matrix, Use, matrices, recording, rows_in, rows_out, used
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import parts
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs

Values = Callable[[nn.Module, Inputs], Tensor]  # (N, ...) → one number per example, (N,)


def per_example_gradients(space: ParameterSpace, values: Values, x: Inputs) -> Tensor:
    """Compute the gradient of one number for each example, one example at a time.

    The network runs in evaluation mode and keeps its state.

    Args:
        space: The parameters of the network.
        values: Runs the network on inputs and gives a number for each.
        x: The examples, (N, ...).

    Returns:
        ∂ values(x_n) / ∂θ for each example n, θ-shaped rows, (N, length of θ).

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> space = ParameterSpace(layer)
        >>> rows = per_example_gradients(space, lambda net, x: net(x)[:, 0], torch.eye(2))
        >>> rows[:, :2].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = space.theta.new_zeros(len(x), len(space.theta))
    with evaluating(space.module), torch.enable_grad():
        # vmap would be faster, but it refuses some models and holds all gradients a second time.
        for (_, one), row in zip(parts(x, 1), rows, strict=True):
            with space.writing_to(row):
                values(space.module, one)[0].backward()
    return rows


def gradient_products(space: ParameterSpace, values: Values, x: Inputs) -> Tensor:
    """Compute the inner products of the gradients of every two examples.

    If all trainable parameters belong to linear layers and convolutions, this takes one pass: a
    layer's share is the inner product of its inputs times that of what flows back, summed over
    positions for a convolution. Otherwise the gradients are made one by one. The network runs in
    evaluation mode.

    Args:
        space: The parameters of the network.
        values: Runs the network on inputs and gives a number for each.
        x: The examples, (N, ...).

    Returns:
        g_i · g_j for every two examples i and j, (N, N).

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> gradient_products(ParameterSpace(layer), lambda net, x: net(x)[:, 0], torch.eye(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    try:
        layers = matrices(space.module, "gradient_products")
    except HoldfastError:
        return _one_by_one(space, values, x)
    products = _by_layers(space, values, x, layers)
    if products is None:
        return _one_by_one(space, values, x)
    return products


def _by_layers(
    space: ParameterSpace,
    values: Values,
    x: Inputs,
    layers: Mapping[str, Matrix],
) -> Tensor | None:
    """The inner products as sums over layers; None if some layer did not see all examples."""
    recorded = recording(list(layers.values()))
    with evaluating(space.module), torch.enable_grad(), recorded as seen:
        # Each example has a row of its own in every layer, so one backward pass serves all.
        total_value = values(space.module, x).sum()
        uses = [use for use in used(seen, layers) if use.output.requires_grad]
        # The layer of a separate head sees the rows of its own task alone.
        if any(len(use.inputs) != len(x) for use in uses):
            return None
        outputs = [use.output for use in uses]
        deltas = torch.autograd.grad(total_value, outputs)
    total = space.theta.new_zeros(len(x), len(x))
    for use, delta in zip(uses, deltas, strict=True):
        total += _share(use, delta, len(x))
    return total


def _share(use: Use, delta: Tensor, examples: int) -> Tensor:
    """A layer's share of the inner products, (N, N)."""
    layer = use.layer
    a = rows_in(layer, use.inputs)
    d = rows_out(layer, delta)
    if len(a) == examples:
        return (a @ a.T) * (d @ d.T)
    a = a.view(examples, -1, a.shape[1])
    d = d.view(examples, -1, d.shape[1])
    # With several positions the gradient is a sum over them, which must be made first.
    gradients = torch.einsum("npo,npc->noc", d, a).flatten(1)
    return gradients @ gradients.T


def _one_by_one(space: ParameterSpace, values: Values, x: Inputs) -> Tensor:
    """The inner products from the gradients themselves."""
    rows = []
    with evaluating(space.module), torch.enable_grad():
        for value in values(space.module, x):
            # The values of all examples share a graph.
            gradients = torch.autograd.grad(
                value, space.parameters, retain_graph=True, allow_unused=True
            )
            rows.append(space.gather(list(gradients)))
    matrix = torch.stack(rows)
    return matrix @ matrix.T
