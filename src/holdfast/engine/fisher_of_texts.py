"""The diagonal of the Fisher information of a language model, whose examples are whole texts.

F_i = E_x E_y (∂ log p(y|x)/∂θ_i)², where y are the tokens of a text that count, so that log p(y|x)
is a sum over them. The tokens are drawn once and then stand in the labels of the text, so every way
to per-example gradients applies as it does elsewhere.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.magnitudes import mean_magnitude
from holdfast.engine.next_token import NextToken, need_texts
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.rows import Rows
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import parts
from holdfast.named_inputs import Inputs, join_inputs

MOST_TEXTS = 64  # whose tokens are drawn at once


def fisher_of_texts(
    space: ParameterSpace,
    forward: Callable[[nn.Module, Inputs], Tensor],
    x: Inputs,
    objective: NextToken,
    labels: str,
    chunk: int,
    way: str | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Compute the diagonal of the Fisher information over some texts.

    Args:
        space: The parameters of the network.
        forward: Runs the network on texts, and gives the logits (N, A, V) of the tokens that count.
        x: The texts, at least one.
        objective: The objective.
        labels: As in `fisher_diagonal`. "auto" stands for "sampled".
        chunk: The most texts whose gradients are made at once.
        way: How gradients are made, as in `mean_magnitude`.
        generator: A generator on the CPU, for sampled tokens.

    Returns:
        The diagonal, a θ-shaped vector.

    Raises:
        HoldfastError: The labels are "exact", or the inputs are no texts.
    """
    if labels == "auto":
        labels = "sampled"
    module = space.module
    pieces: list[Inputs] = []
    # All tokens are drawn before any gradient is taken, so the draws do not depend on how the
    # gradients are split.
    with evaluating(module), torch.no_grad():
        row = bytes_per_row(module, lambda part: forward(module, part), x[:1])
        for _, part in parts(x, rows_within(row, MOST_TEXTS)):
            drawn = objective.drawn(forward(module, part), _texts(part), labels, generator)
            pieces.append(drawn.x)

    def log_likelihood(module: nn.Module, part: Inputs) -> Tensor:
        """The logarithm of the probability of each text, (N, 1)."""
        return objective.log_likelihoods(forward(module, part), _texts(part))[:, None]

    texts = join_inputs(pieces)
    each = torch.ones(len(x), 1, device=need_texts(_texts(texts)).device)
    return mean_magnitude(space, log_likelihood, texts, each, torch.square, chunk=chunk, way=way)


def _texts(x: Inputs) -> Rows:
    """Texts as rows, whose label and task no objective of texts looks at."""
    return Rows.of_task(x, torch.zeros(len(x), dtype=torch.long), 0)
