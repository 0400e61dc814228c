"""The weighted cross-entropy over the outputs that compete."""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch
from holdfast.engine.competing import Competing


def cross_entropy(
    logits: Tensor,
    y: Tensor,
    competing: Competing,
    batch: Batch,
) -> Tensor:
    """Σ wᵢ ℓᵢ over the rows of a batch.

    Args:
        logits: (B, C).
        y: Output indices (B,).
        competing: The outputs that compete in each row.
        batch: The batch, which knows the weight wᵢ of each row.

    Returns:
        The loss; the plain mean if all rows weigh the same.
    """
    # PyTorch's own mean is faster, and has the bits of a bare loop.
    if batch.uniform():
        return F.cross_entropy(competing.of(logits), competing.position(y))
    # A product needs weights and losses of one type.
    if batch.precision != logits.dtype:
        batch = replace(batch, precision=logits.dtype)
    return competing.losses(logits, y) @ batch.weights()
