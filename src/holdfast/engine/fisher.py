"""The diagonal of the Fisher information, per example, then averaged.

F_i = E_x Σ_y p(y|x) (∂ log p(y|x)/∂θ_i)², p over the outputs that competed in the loss.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.magnitudes import mean_magnitude, parts
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, one_of

LABELS = ("exact", "sampled", "predicted", "empirical")


def label_weights(logits: Tensor, labels: str, y: Tensor | None, generator: torch.Generator | None) -> Tensor:
    """The weight of each output's term, (N, C): p itself for `exact`, else one-hot at the chosen label."""
    p = logits.detach().softmax(1)
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
        for at, part in parts(x, 1024):
            truth = None if y is None else y[at : at + len(part)]
            weights.append(label_weights(forward(space.module, part), labels, truth, generator))

    def log_p(module: nn.Module, part: Tensor) -> Tensor:
        return forward(module, part).log_softmax(1)

    return mean_magnitude(space, log_p, x, torch.cat(weights), torch.square, chunk=chunk, way=way)
