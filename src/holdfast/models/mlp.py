"""Multi-layer perceptrons."""

import math
from collections.abc import Sequence

from torch import nn

from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.seeding import seeded


def mlp(
    inputs: int | Sequence[int], head: str, outputs: int | None = None, *, hidden: Sequence[int] = (256, 256), seed: int | None = None
) -> Classifier:
    """An MLP with ReLU: `inputs` features (or an input shape, flattened) → hidden layers → head. `seed` fixes the weights.

    >>> sum(p.numel() for p in mlp(784, "fixed", 10, hidden=(256, 256)).parameters())
    269322
    """
    with seeded(seed):
        width = inputs if isinstance(inputs, int) else math.prod(inputs)
        layers: list[nn.Module] = [nn.Flatten()]
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        return Classifier(nn.Sequential(*layers), make_head(head, width, outputs))
