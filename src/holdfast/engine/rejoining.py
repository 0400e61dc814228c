"""The step of a whole batch, from the steps of its micro-batches."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.competing import Competing
from holdfast.named_inputs import join_inputs, padded


def rejoined(
    batch: Batch,
    parts: int,
    steps: Sequence[Step],
    competing: Competing,
) -> Step:
    """Join the steps of micro-batches to the step of the whole batch.

    Methods that observe a step then see all of its rows, not those of the last micro-batch.

    Args:
        batch: The whole batch.
        parts: The number that `batch.split` was called with.
        steps: The step of each micro-batch, in order.
        competing: The outputs that compete in the loss of the whole batch.

    Returns:
        The step, its rows in the order of the batch, without a graph.
    """
    places = torch.cat(batch.dealt(parts))
    # The order that sorts the places is their inverse: it puts each row back.
    back = torch.argsort(places).to(batch.y.device)

    def joined(pieces: Sequence[Tensor]) -> Tensor:
        """The pieces of all micro-batches in the order of the batch."""
        whole = torch.cat(_of_one_length(pieces))
        return whole.detach().index_select(0, back)

    last = steps[-1]
    return Step(
        batch=replace(batch, precision=last.batch.precision),
        x=join_inputs([step.x for step in steps]).index_select(0, back),
        features=joined([step.features for step in steps]),
        logits=joined([step.logits for step in steps]),
        competing=competing,
        number=last.number,
    )


def _of_one_length(pieces: Sequence[Tensor]) -> list[Tensor]:
    """Fill the answers per token, (B, A, ...), of texts of several lengths with zeros."""
    if pieces[0].dim() < 3:
        return list(pieces)
    longest = max(piece.shape[1] for piece in pieces)
    return [padded(piece, longest, 0.0) for piece in pieces]
