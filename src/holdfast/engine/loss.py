"""The weighted cross-entropy over the outputs that compete."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch


def restrict(logits: Tensor, competing: Any) -> Tensor:
    """Logits of the competing outputs: columns for a slice or an index; -inf elsewhere for a (B, C) mask; all for None."""
    if competing is None:
        return logits
    if isinstance(competing, Tensor) and competing.dtype == torch.bool:
        return logits.masked_fill(~competing, -torch.inf)
    if (
        isinstance(competing, slice)
        and (competing.start or 0) == 0
        and (competing.stop or logits.shape[1]) >= logits.shape[1]
    ):
        return logits
    return logits[:, competing]


def within(y: Tensor, competing: Any) -> Tensor:
    """Output indices as positions among the competing outputs."""
    if isinstance(competing, slice):
        return y - competing.start if competing.start else y
    if isinstance(competing, Tensor) and competing.dtype != torch.bool:
        return torch.searchsorted(competing, y)
    return y


def cross_entropy(logits: Tensor, y: Tensor, competing: Any, batch: Batch) -> Tensor:
    """Σ wᵢ ℓᵢ; the plain mean where all rows weigh the same."""
    z, target = restrict(logits, competing), within(y, competing)
    if batch.uniform():
        return F.cross_entropy(z, target)
    exact = batch if batch.precision == z.dtype else replace(batch, precision=z.dtype)
    return F.cross_entropy(z, target, reduction="none") @ exact.weights()
