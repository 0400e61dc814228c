"""Multi-layer perceptrons."""

import math
from collections.abc import Sequence

from torch import nn

from holdfast.errors import one_of
from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.seeding import seeded
from holdfast.models.sizes import positive

INITS = ("default", "xavier")


def mlp(
    inputs: int | Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    hidden: Sequence[int] = (256, 256),
    init: str = "default",
    seed: int | None = None,
) -> Classifier:
    """An MLP with ReLU: `inputs` features (or an input shape, flattened) → hidden layers → head. `seed` fixes the weights.

    `init`: weights as PyTorch draws them (default), or uniform by Glorot & Bengio 2010 (xavier); biases as PyTorch draws them.

    >>> sum(p.numel() for p in mlp(784, "fixed", 10, hidden=(256, 256)).parameters())
    269322
    """
    positive("the sizes of an input", [inputs] if isinstance(inputs, int) else inputs)
    positive("the hidden layers", hidden)
    with seeded(seed):
        width = inputs if isinstance(inputs, int) else math.prod(inputs)
        layers: list[nn.Module] = [nn.Flatten()]
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        model = Classifier(nn.Sequential(*layers), make_head(head, width, outputs))
        if one_of("init", init, INITS) == "xavier":
            for layer in model.modules():
                if (
                    isinstance(layer, nn.Linear) and layer.weight.numel()
                ):  # a growing head's rows are drawn when it grows
                    nn.init.xavier_uniform_(layer.weight)
        return model
