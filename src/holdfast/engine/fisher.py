"""The diagonal of the Fisher information, per example, then averaged.

F_i = E_x Σ_y p(y|x) (∂ log p(y|x)/∂θ_i)², where p is over the outputs that competed in the loss.
"""

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.magnitudes import mean_magnitude
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import parts, same_rows
from holdfast.errors import HoldfastError, one_of
from holdfast.named_inputs import Inputs

# Takes a module and inputs (N, ...), and gives logits (N, C).
Forward = Callable[[nn.Module, Inputs], Tensor]
LABELS = ("auto", "exact", "sampled", "predicted", "empirical")
EXACT_UP_TO = 256  # outputs; exact takes a backward pass for each, sampled one in all
MOST_ROWS = 1024  # whose label weights are computed at once


def chosen_labels(labels: str, outputs: int) -> str:
    """The labels that `auto` stands for.

    They are exact up to `EXACT_UP_TO` outputs, and sampled, with a warning, beyond.

    Args:
        labels: One of `LABELS`; all but `auto` are returned as they are.
        outputs: The number of outputs that compete.

    Returns:
        One of `LABELS`, never `auto`.

    Example:
        >>> chosen_labels("auto", 10), chosen_labels("exact", 2_000)
        ('exact', 'exact')
    """
    if labels != "auto":
        return labels
    if outputs <= EXACT_UP_TO:
        return "exact"
    warnings.warn(
        "the Fisher information uses sampled labels, because there are more than "
        f"{EXACT_UP_TO} outputs and the exact one takes a backward pass for each; pass "
        "labels='exact' to the method to force it",
        stacklevel=2,
    )
    return "sampled"


def label_weights(
    logits: Tensor,
    labels: str,
    y: Tensor | None,
    generator: torch.Generator | None,
) -> Tensor:
    """The weight of each label's term in the Fisher information.

    Args:
        logits: The logits of the outputs that compete, (N, C).
        labels: One of `LABELS`: `exact` takes every label with its probability, `sampled` one drawn
            by them, `predicted` the most probable one, and `empirical` the true one.
        y: The position of each true label among the outputs that compete, (N,). Needed for
            `empirical`.
        generator: A generator on the CPU, for `sampled`. None takes PyTorch's own.

    Returns:
        The weights, (N, C): the probabilities for `exact`, otherwise 1 at the chosen label.

    Raises:
        HoldfastError: The labels are `empirical`, but `y` is not given.

    Example:
        >>> label_weights(torch.tensor([[0.0, 2.0]]), "predicted", None, None)
        tensor([[0., 1.]])
    """
    # The weights are constants: the gradient is taken of log p alone.
    p = logits.detach().softmax(1)
    labels = chosen_labels(labels, p.shape[1])
    if labels == "exact":
        return p
    if labels == "sampled":
        # On the CPU in double precision, so that a seed gives the same labels on every device.
        drawn = torch.multinomial(p.cpu().double(), 1, generator=generator)
        label = drawn.to(p.device).flatten()
    elif labels == "predicted":
        label = p.argmax(1)
    elif y is not None:
        label = y
    else:
        raise HoldfastError("labels='empirical' needs the true labels y, got None; pass y=")
    return F.one_hot(label, p.shape[1]).to(p.dtype)


def fisher_diagonal(
    space: ParameterSpace,
    forward: Forward,
    x: Inputs,
    y: Tensor | None = None,
    *,
    labels: str = "exact",
    chunk: int = 128,
    way: str | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Compute the diagonal of the Fisher information over some examples.

    The network runs in evaluation mode and keeps its state.

    Args:
        space: The parameters of the network.
        forward: Runs the network on inputs (N, ...), and gives the logits (N, C) of the outputs
            that compete.
        x: The examples, (N, ...), at least one.
        y: The labels, as positions among the outputs that compete, (N,), for `empirical`.
        labels: Which labels the expectation over y takes, as in `label_weights`.
        chunk: The most examples whose gradients are made at once.
        way: How gradients are made, as in `mean_magnitude`. None takes the fastest that applies.
        generator: A generator on the CPU, for `labels="sampled"`.

    Returns:
        The diagonal, a θ-shaped vector.

    Raises:
        HoldfastError: There is no example, the labels are unknown, or `y` is missing.

    Example:
        >>> layer = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> f = fisher_diagonal(ParameterSpace(layer), lambda net, x: net(x), x)
        >>> f[:4].tolist()  # p(1 - p) x²
        [0.25, 1.0, 0.25, 1.0]
    """
    one_of("Fisher labels", labels, LABELS)
    if not len(x):
        raise HoldfastError("Fisher needs at least one example, got none")
    weights = _weights_of(space.module, forward, x, y, labels, generator)

    def log_p(module: nn.Module, part: Inputs) -> Tensor:
        """The log-probabilities of all labels, (N, C)."""
        return forward(module, part).log_softmax(1)

    return mean_magnitude(space, log_p, x, weights, torch.square, chunk=chunk, way=way)


def _weights_of(
    module: nn.Module,
    forward: Forward,
    x: Inputs,
    y: Tensor | None,
    labels: str,
    generator: torch.Generator | None,
) -> Tensor:
    """The weight of each label's term for all examples, (N, C)."""
    weights = []
    with evaluating(module), torch.no_grad():
        row = bytes_per_row(module, lambda part: forward(module, part), x[:1])
        for at, part in parts(x, rows_within(row, MOST_ROWS)):
            truth = same_rows(y, at, part)
            weights.append(label_weights(forward(module, part), labels, truth, generator))
    return torch.cat(weights)
