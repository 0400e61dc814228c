"""ResNet-18 for small images (He et al. 2016, the CIFAR variant: 3×3 stem, no pooling), full width or slim."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.seeding import seeded
from holdfast.models.sizes import image, positive


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with BatchNorm and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) → (N, O, H / stride, W / stride)."""
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


class _Stem(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


def resnet18(
    inputs: Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    width: int = 64,
    seed: int | None = None,
) -> Classifier:
    """ResNet-18; `width=64` is the CIFAR variant, `width=20` the slim one of Lopez-Paz & Ranzato 2017.

    >>> sum(p.numel() for p in resnet18((3, 32, 32), "fixed", 10, width=20).parameters())
    1094750
    """
    image(inputs, "resnet18")
    positive("the width", [width])
    with seeded(seed):
        layers: list[nn.Module] = [_Stem(inputs[0], width)]
        depth = width
        for k, stride in enumerate((1, 2, 2, 2)):
            for s in (stride, 1):
                layers.append(ResidualBlock(depth, width * 2**k, s))
                depth = width * 2**k
        body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return Classifier(body, make_head(head, depth, outputs))


def slim_resnet18(
    inputs: Sequence[int], head: str, outputs: int | None = None, *, seed: int | None = None
) -> Classifier:
    """ResNet-18 of width 20."""
    return resnet18(inputs, head, outputs, width=20, seed=seed)
