"""A small convolutional network for small images."""

from collections.abc import Sequence

import torch
from torch import nn

from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.seeding import seeded
from holdfast.models.sizes import image, positive


def convnet(
    inputs: Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    channels: Sequence[int] = (16, 32),
    hidden: int = 128,
    seed: int | None = None,
) -> Classifier:
    """3×3 convolutions, each with ReLU and 2×2 max-pooling, then one hidden layer. `inputs` is (channels, height, width).

    >>> import torch
    >>> convnet((1, 28, 28), "fixed", 10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    image(inputs, "convnet", least=2 ** len(channels))
    positive("the channels and hidden units", [*channels, hidden])
    with seeded(seed):
        depth = inputs[0]
        layers: list[nn.Module] = []
        for c in channels:
            layers += [nn.Conv2d(depth, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            depth = c
        body = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            width = body(torch.zeros(1, *inputs)).shape[1]
        return Classifier(
            nn.Sequential(*body, nn.Linear(width, hidden), nn.ReLU()),
            make_head(head, hidden, outputs),
        )
