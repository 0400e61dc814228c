"""Kronecker factors of the Fisher information of each layer.

The product A ⊗ G is exact for one example and one label. For a convolution, A is summed over
positions and G averaged over them.

References:
    J. Martens, R. Grosse (2015), Optimizing neural networks with Kronecker-factored approximate
    curvature. ICML.
    R. Grosse, J. Martens (2016), A Kronecker-factored approximate Fisher matrix for convolution
    layers. ICML.
"""

import torch
from torch import Tensor, nn

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.fisher import Forward, chosen_labels, label_terms, rows_at, squared_terms
from holdfast.engine.layers import Use, matrices, recording, rows_in, rows_out, used
from holdfast.engine.objective import CLASSIFICATION, Objective
from holdfast.engine.rows import Rows
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import BUDGET, parts, terms
from holdfast.named_inputs import Inputs

Factors = dict[str, tuple[Tensor, Tensor]]  # A and G of each layer, by name

MOST_ROWS = 512  # at once


def kronecker_factors(
    module: nn.Module,
    forward: Forward,
    x: Inputs,
    y: Tensor | None = None,
    *,
    labels: str = "exact",
    generator: torch.Generator | None = None,
    who: str = "KFAC",
    objective: Objective = CLASSIFICATION,
) -> Factors:
    """Approximate the Fisher information of each layer by a Kronecker product A ⊗ G.

    A = E[a aᵀ] of the inputs of the layer, with a 1 for the bias, and G = E Σ_y p(y|x) δ δᵀ of
    δ = ∂ log p(y|x) at its outputs.

    Args:
        module: The network, which runs in evaluation mode and keeps its state.
        forward: Runs the network on inputs (N, ...), and gives the logits (N, C) that compete.
        x: The examples, (N, ...).
        y: The labels, as positions among the outputs that compete, (N,), for `empirical`.
        labels: As in `fisher_diagonal`.
        generator: Draws the labels for `labels="sampled"`.
        who: The name of the method, for messages.
        objective: What the network is trained for.

    Returns:
        A and G of each layer that took part, by name.

    Raises:
        HoldfastError: Something else than linear layers and convolutions is trainable.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> a, g = kronecker_factors(layer, lambda net, x: net(x), torch.rand(5, 2))[""]
        >>> a.shape, g.shape
        (torch.Size([3, 3]), torch.Size([3, 3]))
    """
    layers = matrices(module, who)
    sums: Factors = {}
    inputs_and_gradients = 2 * bytes_per_row(module, lambda one: forward(module, one), x[:1])
    with evaluating(module):
        for at, part in parts(x, rows_within(inputs_and_gradients, MOST_ROWS, BUDGET)):
            with torch.enable_grad(), recording(list(layers.values())) as seen:
                outputs = forward(module, part)
                labels = chosen_labels(labels, outputs.shape[1])  # warns at the first part only
                some = rows_at(x, y, at, len(part))
                values, weights = _weighted(objective, outputs, labels, some, generator)
            _join(sums, _sums(values, weights, list(used(seen, layers))))
    return {name: (a / len(x), g / len(x)) for name, (a, g) in sums.items()}


def _weighted(
    objective: Objective,
    outputs: Tensor,
    labels: str,
    rows: Rows | None,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    """What is differentiated for each example, (N, K), and the weights of its squared gradients."""
    values = objective.fisher_values(outputs, labels)
    # Log-probabilities describe the same distribution as the outputs do.
    weights = label_terms(objective, values.detach(), labels, rows, generator)
    if labels == "exact":
        return values, weights
    return squared_terms(values, weights)


def _join(sums: Factors, more: Factors) -> None:
    """Add the sums over some examples to those before."""
    for name, (a, g) in more.items():
        if name in sums:
            a_before, g_before = sums[name]
            sums[name] = (a_before + a, g_before + g)
        else:
            sums[name] = (a, g)


def _sums(values: Tensor, weights: Tensor, uses: list[Use]) -> Factors:
    """The factors of each layer, summed over some examples.

    Args:
        values: What is differentiated for each example, (N, K), such as log-probabilities.
        weights: The weight of the squared gradient of each, (N, K).
        uses: The layers that took part.
    """
    sums = {}
    for use in uses:
        rows = rows_in(use.layer, use.inputs)
        # G begins as a number, because its device is known with the first gradient.
        sums[use.name] = (rows.T @ rows, torch.zeros(()))
    outputs = [use.output for use in uses]
    for label, share in terms(weights):
        chosen = values.gather(1, label[:, None]).sum()
        deltas = torch.autograd.grad(chosen, outputs, retain_graph=True)
        for use, delta in zip(uses, deltas, strict=True):
            a, g = sums[use.name]
            d = rows_out(use.layer, delta)
            positions = len(d) // len(use.inputs)
            w = share.repeat_interleave(positions)
            more = (d * w[:, None]).T @ d / positions
            sums[use.name] = (a, g.to(d.device) + more)
    return sums
