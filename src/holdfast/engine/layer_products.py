"""Magnitudes of per-example gradients as products of what flows into a layer and what flows back.

The gradient of a linear layer's weight for one example is δ aᵀ, so its magnitude is that of δ times
that of a, and the sum over examples is one product of matrices. A convolution needs the gradient of
each example, because it sums over positions first. All of this holds for linear layers and
convolutions that are each used once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.layers import Calls, Matrix, has_patches, is_plain, patches, recording
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.terms import BUDGET, Magnitude, Objectives, parts, terms
from holdfast.named_inputs import Inputs

MOST_ROWS = 1024  # at once, in networks of linear layers
MOST_IMAGES = 64  # at once, with convolutions
CLOSE = 1e-3  # relative to the largest entry; the product and the gradient differ by rounding alone


@dataclass(frozen=True)
class _Use:
    """The one call of a layer in a forward pass: its input, and its output with a graph."""

    layer: Matrix
    inputs: Tensor
    output: Tensor


def add_layer_products(
    space: ParameterSpace,
    objectives: Objectives,
    x: Inputs,
    weights: Tensor,
    magnitude: Magnitude,
    total: Tensor,
) -> bool:
    """Add Σ_n Σ_k weights[n, k] · magnitude(∂ objectives(x_n)[k] / ∂θ) to a vector.

    Args:
        space: The parameters of the network, which is in evaluation mode.
        objectives: Runs the network on inputs (N, ...) and gives (N, K).
        x: The examples, (N, ...).
        weights: The weight of each objective for each example, (N, K).
        magnitude: The magnitude of a gradient.
        total: The vector, θ-shaped.

    Returns:
        Whether it was done. It is not if some trainable parameter is not that of a plain layer that
        is used at most once. The vector may then hold a part of the sum.
    """
    layers = _layers_of(space)
    if layers is None:
        return False
    slots = zip(space.parameters, space.layout.slots, strict=True)
    views = {id(p): slot.view(total) for p, slot in slots}
    for at, part in parts(x, _rows_at_once(space.module, objectives, x, layers)):
        with torch.enable_grad(), recording(layers) as seen:
            values = objectives(space.module, part)
        if not all(_is_simple(layer, calls) for layer, calls in seen.items()):
            return False
        uses = _uses(seen)
        # Asked once, because it takes a whole backward pass.
        if at == 0 and not _products_are_gradients(space, values, uses):
            return False
        _add_part(values, weights[at : at + len(part)], uses, magnitude, views)
    return True


def _layers_of(space: ParameterSpace) -> list[Matrix] | None:
    """The layers that own all trainable parameters; None if others own some, or two share one."""
    owned: set[int] = set()
    layers: list[Matrix] = []
    for layer in space.module.modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d) or not is_plain(layer):
            continue
        own = list(layer.parameters(recurse=False))
        # A frozen layer takes no part, whatever it is.
        if not any(p.requires_grad for p in own):
            continue
        if isinstance(layer, nn.Conv2d) and not has_patches(layer):
            return None
        layers.append(layer)
        for p in own:
            if id(p) in owned:
                return None
            owned.add(id(p))
    if any(id(p) not in owned for p in space.parameters):
        return None
    return layers


def _is_simple(layer: Matrix, calls: Calls) -> bool:
    """Whether a layer was called at most once, with inputs of the usual number of dimensions."""
    if not calls:
        return True
    usual = 2
    if isinstance(layer, nn.Conv2d):
        usual = 4
    return len(calls) == 1 and calls[0][0].dim() == usual


def _uses(seen: Mapping[Matrix, Calls]) -> list[_Use]:
    """The calls of the layers that took part and have a gradient."""
    uses = []
    for layer, calls in seen.items():
        # The head of another task, for example, is not called.
        if calls:
            inputs, output = calls[0]
            if output.requires_grad:
                uses.append(_Use(layer, inputs, output))
    return uses


def _add_part(
    values: Tensor,
    weights: Tensor,
    uses: Sequence[_Use],
    magnitude: Magnitude,
    views: dict[int, Tensor],
) -> None:
    """Add the products of some examples, whose objectives are `values`, (N, K)."""
    # For linear layers the terms are summed first, so that there is one product per layer, not K.
    sums: list[Tensor | None] = [None] * len(uses)
    outputs = [use.output for use in uses]
    for objective, share in terms(weights):
        chosen = values.gather(1, objective[:, None]).sum()
        deltas = torch.autograd.grad(chosen, outputs, retain_graph=True, allow_unused=True)
        for k, (use, delta) in enumerate(zip(uses, deltas, strict=True)):
            if delta is None:
                continue
            if isinstance(use.layer, nn.Conv2d):
                _add_convolution(use.layer, use.inputs, delta, share, magnitude, views)
                continue
            term = share[:, None] * magnitude(delta)
            so_far = sums[k]
            if so_far is not None:
                term = so_far + term
            sums[k] = term
    for use, summed in zip(uses, sums, strict=True):
        if summed is not None:
            _add(views, use.layer.weight, summed.T @ magnitude(use.inputs))
            _add(views, use.layer.bias, summed.sum(0))


def _add_convolution(
    layer: nn.Conv2d,
    inputs: Tensor,
    delta: Tensor,
    weight: Tensor,
    magnitude: Magnitude,
    views: dict[int, Tensor],
) -> None:
    """Add the per-example gradients of a convolution: δ times the patches that it saw."""
    flat = delta.flatten(2)  # (N, O, L), L positions
    gradients = torch.bmm(flat, patches(layer, inputs).transpose(1, 2))  # (N, O, I k k)
    summed = torch.einsum("n,nok->ok", weight, magnitude(gradients))
    _add(views, layer.weight, summed.view_as(layer.weight))
    _add(views, layer.bias, weight @ magnitude(flat.sum(2)))


def _add(views: dict[int, Tensor], parameter: Tensor | None, value: Tensor) -> None:
    """Add a value to the part of the vector that belongs to a parameter, if it is trainable."""
    if parameter is not None and id(parameter) in views:
        views[id(parameter)] += value


def _rows_at_once(
    module: nn.Module,
    objectives: Objectives,
    x: Inputs,
    layers: Sequence[Matrix],
) -> int:
    """How many examples fit into the budget.

    Activations stay for the backward pass. A convolution also has, for each example, a gradient and
    its magnitude, and the patches that it saw.
    """
    largest = 0
    window = 1
    most = MOST_ROWS
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            largest = max(largest, layer.weight.numel() * layer.weight.element_size())
            window = max(window, layer.weight[0, 0].numel())
            most = MOST_IMAGES
    held = bytes_per_row(module, lambda one: objectives(module, one), x[:1])
    return rows_within(2 * largest + (window + 1) * held, most, BUDGET)


def _products_are_gradients(space: ParameterSpace, values: Tensor, uses: Sequence[_Use]) -> bool:
    """Whether δᵀ a is each weight's whole gradient.

    It is not if a weight is used outside of its layer, or if an output is changed in place.
    """
    target = values[:, 0].sum()
    outputs = [use.output for use in uses]
    deltas = torch.autograd.grad(target, outputs, retain_graph=True, allow_unused=True)
    gradients = torch.autograd.grad(target, space.parameters, retain_graph=True, allow_unused=True)
    left = {id(p): g for p, g in zip(space.parameters, gradients, strict=True)}
    for use, delta in zip(uses, deltas, strict=True):
        expected = left.pop(id(use.layer.weight), None)
        left.pop(id(use.layer.bias), None)
        # The weight is frozen, or no example reached it.
        if expected is None:
            continue
        if delta is None or not _close(_summed_gradient(use, delta), expected):
            return False
    # What no layer accounts for must have no gradient.
    return all(gradient is None for gradient in left.values())


def _summed_gradient(use: _Use, delta: Tensor) -> Tensor:
    """The gradient of a layer's weight, summed over examples, from the product."""
    layer = use.layer
    if isinstance(layer, nn.Linear):
        return delta.T @ use.inputs
    gradient: Tensor = conv2d_weight(
        use.inputs, layer.weight.shape, delta, layer.stride, layer.padding, layer.dilation
    )
    return gradient


def _close(product: Tensor, expected: Tensor) -> bool:
    """Whether two gradients differ by rounding alone."""
    scale = expected.abs().max().clamp_min(1e-30)
    return not bool((product - expected).abs().max() > CLOSE * scale)
