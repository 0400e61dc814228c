"""What all ways to per-example gradients share: pieces of the examples, and terms of the sum."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from holdfast.named_inputs import Inputs

# Takes a module and inputs (N, ...), and gives (N, K), row n from example n alone.
Objectives = Callable[[nn.Module, Inputs], Tensor]
# torch.square or torch.abs. The magnitude of a product is the product of the magnitudes, which the
# products of layers rely on.
Magnitude = Callable[[Tensor], Tensor]

BUDGET = 2**30  # bytes (1 GiB) that the gradients and activations of the examples at once may take


def parts(x: Inputs, size: int) -> Iterator[tuple[int, Inputs]]:
    """Pieces of rows.

    Args:
        x: Rows, (N, ...).
        size: The most rows of a piece.

    Yields:
        The place of the first row of a piece, and its rows.
    """
    for first in range(0, len(x), size):
        yield first, x[first : first + size]


def same_rows(y: Tensor | None, first: int, part: Inputs) -> Tensor | None:
    """The labels of a piece of the examples that starts at row `first`, if there are labels."""
    if y is None:
        return None
    return y[first : first + len(part)]


def terms(weights: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The terms of Σ_k weights[n, k] · (…), each with one objective per example.

    Objectives are taken one after the other. However, if every example has at most one objective
    (one label, sampled or true), all examples are done at once, however many objectives there are.

    Args:
        weights: The weight of each objective for each example, (N, K).

    Yields:
        For each example the number of an objective, (N,), and its weight, (N,).

    Example:
        >>> [(k.tolist(), w.tolist()) for k, w in terms(torch.tensor([[0.0, 1.0], [0.5, 0.0]]))]
        [([1, 0], [1.0, 0.5])]
    """
    if bool((weights.count_nonzero(1) <= 1).all()):
        largest = weights.max(1)
        yield largest.indices, largest.values
        return
    for number in range(weights.shape[1]):
        weight = weights[:, number]
        if bool(weight.any()):
            yield torch.full((len(weights),), number, device=weights.device), weight
