"""Per-example gradients, squared or absolute, averaged over examples: the importance of weights.

There are three ways to the same number:

- `layers`: products of what flows into a layer and what flows back, for linear layers and
  convolutions that are each used once (see `layer_products`).
- `vmap`: per-example gradients, many examples at once.
- `loop`: one example at a time, for models that vmap refuses.

Squaring the mean gradient of a batch, or taking its absolute value, would be another quantity,
which shrinks with the batch size.
"""

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.layer_products import add_layer_products
from holdfast.engine.layers import recording
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import BUDGET, Magnitude, Objectives, parts, terms
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, as_dict, like

__all__ = ["BUDGET", "Magnitude", "Objectives", "mean_magnitude", "parts", "recording", "terms"]


def mean_magnitude(
    space: ParameterSpace,
    objectives: Objectives,
    x: Inputs,
    weights: Tensor,
    magnitude: Magnitude,
    *,
    chunk: int = 128,
    way: str | None = None,
) -> Tensor:
    """Average the magnitudes of per-example gradients.

    1/N Σ_n Σ_k weights[n, k] · magnitude(∂ objectives(x_n)[k] / ∂θ). The network runs in evaluation
    mode and keeps its state.

    Args:
        space: The parameters of the network.
        objectives: Runs the network on inputs (N, ...) and gives K numbers for each, (N, K).
        x: The examples, (N, ...), at least one.
        weights: The weight of each objective for each example, (N, K).
        magnitude: `torch.square` or `torch.abs`.
        chunk: The most examples that vmap takes at once; fewer if they would exceed `BUDGET`.
        way: `layers`, `vmap` or `loop`. None takes the fastest that applies.

    Returns:
        The average, a θ-shaped vector.

    Raises:
        HoldfastError: `way="layers"` does not apply to the network.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
        >>> each = torch.ones(2, 1)
        >>> mean = mean_magnitude(ParameterSpace(layer), lambda m, x: m(x), x, each, torch.square)
        >>> mean[:2].tolist()
        [5.0, 2.0]
    """
    with evaluating(space.module):
        total = _sum(space, objectives, x, weights.to(space.theta.dtype), magnitude, chunk, way)
    return total / len(x)


def _sum(
    space: ParameterSpace,
    objectives: Objectives,
    x: Inputs,
    weights: Tensor,
    magnitude: Magnitude,
    chunk: int,
    way: str | None,
) -> Tensor:
    """The sum over all examples, by the fastest way that applies."""
    total = torch.zeros_like(space.theta)
    if way in (None, "layers"):
        if add_layer_products(space, objectives, x, weights, magnitude, total):
            return total
        if way == "layers":
            raise HoldfastError(
                "way='layers' needs Linear and Conv2d layers alone, each used once; leave way out"
            )
        # It may hold products of some examples, which would count twice.
        total.zero_()
    if way in (None, "vmap"):
        try:
            with warnings.catch_warnings():
                # For operators without a batching rule, vmap takes one example after the other.
                # That is what the next way would do, so there is nothing for the user to change.
                warnings.filterwarnings("ignore", message="There is a performance drop")
                _add_by_vmap(space, objectives, x, weights, magnitude, total, chunk)
            return total
        except RuntimeError:  # vmap refuses data-dependent control flow and some operators
            if way == "vmap":
                raise
            total.zero_()
    _add_by_loop(space, objectives, x, weights, magnitude, total)
    return total


def _add_by_loop(
    space: ParameterSpace,
    objectives: Objectives,
    x: Inputs,
    weights: Tensor,
    magnitude: Magnitude,
    total: Tensor,
) -> None:
    """Add the sum over all examples to `total`, one example at a time."""
    for (_, example), weight in zip(parts(x, 1), weights, strict=True):
        values = objectives(space.module, example)[0]
        for k in weight.nonzero().flatten().tolist():
            # The objectives of an example share their graph.
            grads = torch.autograd.grad(
                values[k], space.parameters, retain_graph=True, allow_unused=True
            )
            total += weight[k] * magnitude(space.gather(list(grads)))


def _add_by_vmap(
    space: ParameterSpace,
    objectives: Objectives,
    x: Inputs,
    weights: Tensor,
    magnitude: Magnitude,
    total: Tensor,
    chunk: int,
) -> None:
    """Add the sum over all examples to `total`, many examples at once."""
    module = space.module
    slots = zip(space.layout.slots, space.parameters, strict=True)
    parameters = {slot.name: p.detach() for slot, p in slots}
    # Buffers and frozen parameters are constants.
    others: dict[str, Tensor] = {}
    for name, tensor in [*module.named_buffers(), *module.named_parameters()]:
        if name not in parameters:
            others[name] = tensor.detach()
    wrapped = _Forwarding(module, objectives)

    def value(theta: dict[str, Tensor], example: Mapping[str, Tensor], k: Tensor) -> Tensor:
        """Objective number k of one example, as a function of the parameters."""
        # The names are those below `wrapped`.
        named = {f"module.{name}": tensor for name, tensor in (theta | others).items()}
        one = like(x, {name: tensor[None] for name, tensor in example.items()})
        values = functional_call(wrapped, named, (one,))[0]
        chosen: Tensor = values.gather(0, k[None])[0]
        return chosen

    per_example = vmap(grad(value), in_dims=(None, 0, 0))
    views = space.views(total)
    activations = bytes_per_row(module, lambda one: objectives(module, one), x[:1])
    gradients = total.numel() * total.element_size()
    # Twice, because the magnitudes of gradients are a second copy.
    row = 2 * (gradients + activations)
    for at, part in parts(x, rows_within(row, chunk, BUDGET)):
        for objective, weight in terms(weights[at : at + len(part)]):
            grads = per_example(parameters, as_dict(part), objective)
            for name, g in grads.items():
                views[name] += torch.einsum("n,n...->...", weight, magnitude(g))


class _Forwarding(nn.Module):
    """`objectives(module, x)` as a module, so that functional_call can swap its parameters."""

    def __init__(self, module: nn.Module, objectives: Objectives) -> None:
        super().__init__()
        self.module = module
        self.run = objectives

    def forward(self, x: Inputs) -> Tensor:
        """The objectives of inputs."""
        return self.run(self.module, x)
