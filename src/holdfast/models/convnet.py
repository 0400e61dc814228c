"""A small convolutional network for small images."""

from collections.abc import Sequence

import torch
from torch import nn

from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.recipes import rebuildable
from holdfast.models.seeding import seeded
from holdfast.models.sizes import image, positive


@rebuildable
def convnet(
    inputs: Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    channels: Sequence[int] = (16, 32),
    hidden: int = 128,
    seed: int | None = None,
) -> Classifier:
    """Make a network of 3×3 convolutions, each with ReLU and 2×2 max-pooling, and a hidden layer.

    Args:
        inputs: The shape of an image, (channels, height, width).
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        channels: The number of channels of each convolution.
        hidden: The number of units of the hidden layer.
        seed: The seed of the weights. None draws them from the global generator.

    Returns:
        The network.

    Raises:
        HoldfastError: The inputs are no images, or too small to be halved by each convolution, a
            size is below 1, or `head` is unknown.

    Example:
        >>> convnet((1, 28, 28), "fixed", 10)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    image(inputs, "convnet", least=2 ** len(channels))
    positive("the channels and hidden units", [*channels, hidden])
    with seeded(seed):
        body, width = convolutions(inputs, channels)
        backbone = nn.Sequential(*body, nn.Linear(width, hidden), nn.ReLU())
        return Classifier(backbone, make_head(head, hidden, outputs))


def convolutions(inputs: Sequence[int], channels: Sequence[int]) -> tuple[nn.Sequential, int]:
    """Make 3×3 convolutions, each with ReLU and 2×2 max-pooling.

    Args:
        inputs: The shape of an image, (channels, height, width).
        channels: The number of channels of each convolution.

    Returns:
        The layers, whose output is flattened, and the number of features that they give.

    Example:
        >>> convolutions((1, 28, 28), (16, 32))[1]
        1568
    """
    depth = inputs[0]
    layers: list[nn.Module] = []
    for filters in channels:
        # Padding keeps the size, so that pooling alone halves it.
        convolution = nn.Conv2d(depth, filters, 3, padding=1)
        layers += [convolution, nn.ReLU(), nn.MaxPool2d(2)]
        depth = filters
    body = nn.Sequential(*layers, nn.Flatten())
    # Measured rather than computed, because pooling rounds odd sizes down.
    with torch.no_grad():
        width = body(torch.zeros(1, *inputs)).shape[1]
    return body, width
