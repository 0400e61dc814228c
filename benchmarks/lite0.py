"""EfficientNet-Lite0 (Tan & Le 2019, without squeeze-and-excitation), for weights of a package.

    holdfast run --data uoft-cs/cifar10 --backbone FILE --backbone-factory lite0:make --frozen \\
        --method "RanPAC()"

`benchmarks/weights.py` finds the file. The names of layers are those of the weights. Inputs are
images with pixels in [0, 1], which are resized to 128×128 pixels: the network was trained on
224×224, and smaller ones take a third of the time.
"""

import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 128
# Of each stage: blocks, kernel, stride, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the constants of the weights."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does, where the weights come from."""

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            steps = -(-size // stride)
            total = max((steps - 1) * stride + kernel - size, 0)
            # An odd pixel is added on the right and below.
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


class Block(nn.Module):
    """Expand channels, filter each, and project them back."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = before * expand
        self.expands = expand > 1
        self.adds = stride == 1 and before == after
        if self.expands:
            self._expand_conv = nn.Conv2d(before, inner, 1, bias=False)
            self._bn0 = norm(inner)
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = norm(inner)
        self._project_conv = nn.Conv2d(inner, after, 1, bias=False)
        self._bn2 = norm(after)

    def forward(self, x: Tensor) -> Tensor:
        made = x
        if self.expands:
            made = F.relu6(self._bn0(self._expand_conv(made)))
        made = F.relu6(self._bn1(self._depthwise_conv(made)))
        made = self._bn2(self._project_conv(made))
        if self.adds:
            return made + x
        return made


class Lite0(nn.Module):
    """The whole network, which ends in a linear layer of 1,000 classes of ImageNet."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, STEM, 3, 2, bias=False)
        self._bn0 = norm(STEM)
        blocks = []
        channels = STEM
        for repeats, kernel, stride, expand, after in STAGES:
            for number in range(repeats):
                # Only the first block of a stage makes the image smaller.
                step = stride if number == 0 else 1
                blocks.append(Block(channels, after, kernel, step, expand))
                channels = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(channels, HEAD, 1, bias=False)
        self._bn1 = norm(HEAD)
        self._fc = nn.Linear(HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, 1000) of images (N, 1 or 3, H, W)."""
        x = F.interpolate(x.expand(-1, 3, -1, -1), (SIZE, SIZE), mode="bilinear", antialias=True)
        made = F.relu6(self._bn0(self._conv_stem((255 * x - 127) / 128)))
        for block in self._blocks:
            made = block(made)
        made = F.relu6(self._bn1(self._conv_head(made))).mean((2, 3))
        return self._fc(made)


def make() -> nn.Module:
    """The network without its weights, as `--backbone-factory lite0:make` calls it."""
    return Lite0()
