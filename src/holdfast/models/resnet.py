"""ResNet-18 for small images: a 3×3 stem without pooling, of full width or slim.

References:
    K. He, X. Zhang, S. Ren, J. Sun (2016), Deep residual learning for image recognition. CVPR.
    D. Lopez-Paz, M. Ranzato (2017), Gradient episodic memory for continual learning. NeurIPS.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.recipes import rebuildable
from holdfast.models.seeding import seeded
from holdfast.models.sizes import image, positive

STRIDES = (1, 2, 2, 2)  # of the four stages, each of which has two blocks


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with BatchNorm, and a shortcut around them.

    Args:
        inputs: The number of input channels.
        outputs: The number of output channels.
        stride: The factor by which height and width shrink.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        # Without a bias, because BatchNorm subtracts it again.
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        # A sum needs equal shapes, so the shortcut must change the shape if the block does.
        if stride != 1 or inputs != outputs:
            fitting = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(fitting, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, I, H, W) to (N, O, H / stride, W / stride)."""
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.shortcut(x))


class _Stem(nn.Module):
    """The first convolution, with BatchNorm and ReLU."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, I, H, W) to (N, O, H, W)."""
        return F.relu(self.norm(self.conv(x)))


@rebuildable
def resnet18(
    inputs: Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    width: int = 64,
    seed: int | None = None,
) -> Classifier:
    """Make a ResNet-18 for small images.

    Args:
        inputs: The shape of an image, (channels, height, width).
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        width: The number of channels of the first stage. 64 is the CIFAR variant of He et al.
            (2016), 20 the slim one of Lopez-Paz and Ranzato (2017).
        seed: The seed of the weights. None draws them from the global generator.

    Returns:
        The network.

    Raises:
        HoldfastError: The inputs are no images, the width is below 1, or `head` is unknown.

    Example:
        >>> model = resnet18((3, 32, 32), "fixed", 10, width=20)
        >>> sum(p.numel() for p in model.parameters())
        1094750
    """
    image(inputs, "resnet18")
    positive("the width", [width])
    with seeded(seed):
        layers: list[nn.Module] = [_Stem(inputs[0], width)]
        depth = width
        for stage, stride in enumerate(STRIDES):
            # Channels double when height and width are halved.
            channels = width * 2**stage
            layers.append(ResidualBlock(depth, channels, stride))
            layers.append(ResidualBlock(channels, channels, 1))
            depth = channels
        # The mean over positions takes images of any size.
        body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return Classifier(body, make_head(head, depth, outputs))


@rebuildable
def slim_resnet18(
    inputs: Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    seed: int | None = None,
) -> Classifier:
    """Make a ResNet-18 of width 20, as in Lopez-Paz and Ranzato (2017).

    Args:
        inputs: The shape of an image, (channels, height, width).
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        seed: The seed of the weights. None draws them from the global generator.

    Returns:
        The network.

    Raises:
        HoldfastError: As in `resnet18`.
    """
    return resnet18(inputs, head, outputs, width=20, seed=seed)
