"""The diagonal of the Fisher information, per example, then averaged.

F_i = E_x Σ_y p(y|x) (∂ log p(y|x)/∂θ_i)², p over the outputs that competed in the loss.
"""

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.magnitudes import mean_magnitude, parts
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, one_of

LABELS = ("auto", "exact", "sampled", "predicted", "empirical")
EXACT_UP_TO = 256  # outputs; exact takes a backward pass for each, sampled one in all


def chosen_labels(labels: str, outputs: int) -> str:
    """The labels that `auto` stands for: exact up to `EXACT_UP_TO` outputs, sampled with a note above.

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
        f"the Fisher information uses sampled labels, because there are more than {EXACT_UP_TO} outputs "
        "and the exact one takes a backward pass for each; pass labels='exact' to the method to force it",
        stacklevel=2,
    )
    return "sampled"


def label_weights(
    logits: Tensor, labels: str, y: Tensor | None, generator: torch.Generator | None
) -> Tensor:
    """The weight of each output's term, (N, C): p itself for `exact`, else one-hot at the chosen label."""
    p = logits.detach().softmax(1)
    labels = chosen_labels(labels, p.shape[1])
    if labels == "exact":
        return p
    if labels == "sampled":
        chosen = torch.multinomial(p.cpu().double(), 1, generator=generator).to(p.device).flatten()
    elif labels == "predicted":
        chosen = p.argmax(1)
    else:
        assert y is not None
        chosen = y
    return F.one_hot(chosen, p.shape[1]).to(p.dtype)


def fisher_diagonal(
    space: ParameterSpace,
    forward: Callable[[nn.Module, Tensor], Tensor],
    x: Tensor,
    y: Tensor | None = None,
    *,
    labels: str = "exact",
    chunk: int = 128,
    way: str | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """F over the examples x, as a θ-shaped vector. The network runs in eval mode and keeps its state.

    `forward(module, x)` gives the logits (N, C) of the outputs that compete. `y` holds positions among them, for
    `labels="empirical"`. `way` forces `layers`, `vmap` or `loop`; by default the fastest that applies is taken.

    >>> layer = nn.Linear(2, 2, bias=False)
    >>> _ = nn.init.zeros_(layer.weight)
    >>> f = fisher_diagonal(ParameterSpace(layer), lambda m, x: m(x), torch.tensor([[1.0, 2.0]]))
    >>> f[:4].tolist()  # p(1 - p) x²
    [0.25, 1.0, 0.25, 1.0]
    """
    one_of("Fisher labels", labels, LABELS)
    if not len(x):
        raise HoldfastError("Fisher needs at least one example, got none")
    if labels == "empirical" and y is None:
        raise HoldfastError("labels='empirical' needs the true labels y, got None")
    weights = []
    with evaluating(space.module), torch.no_grad():
        row = bytes_per_row(space.module, lambda part: forward(space.module, part), x[:1])
        for at, part in parts(x, rows_within(row, most=1024)):
            truth = None if y is None else y[at : at + len(part)]
            weights.append(label_weights(forward(space.module, part), labels, truth, generator))

    def log_p(module: nn.Module, part: Tensor) -> Tensor:
        return forward(module, part).log_softmax(1)

    return mean_magnitude(space, log_p, x, torch.cat(weights), torch.square, chunk=chunk, way=way)
