"""Fixed changes of the inputs that make a new task of old examples: permutation and rotation."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.streams.arguments import whole


class Permute:
    """Reorder all input values by a fixed permutation.

    Args:
        permutation: For each position, the old position of its value, (D,).

    Example:
        >>> Permute(torch.tensor([2, 0, 1]))(torch.tensor([[5, 6, 7]])).tolist()
        [[7, 5, 6]]
    """

    def __init__(self, permutation: Tensor) -> None:
        self.permutation = permutation

    def __call__(self, x: Tensor) -> Tensor:
        """Raw inputs (N, ...) with D values each → the same shape."""
        # Moved with the first batch of a device, and then at no cost.
        self.permutation = self.permutation.to(x.device)
        return x.flatten(1)[:, self.permutation].view_as(x)


class Rotate:
    """Rotate images by a fixed angle, bilinearly, with zeros outside of the image.

    Args:
        degrees: The angle in degrees.

    Example:
        >>> Rotate(180)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])).round().tolist()
        [[[4.0, 3.0], [2.0, 1.0]]]
    """

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __call__(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) or (N, H, W) → the same shape and dtype."""
        images = x
        if x.dim() == 3:  # the functions of PyTorch need a dimension of channels
            images = x[:, None]
        angle = np.deg2rad(self.degrees)
        rotation = torch.tensor(
            [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]],
            dtype=torch.float32,
            device=x.device,
        )
        grid = F.affine_grid(
            rotation.expand(len(images), 2, 3), list(images.shape), align_corners=False
        )
        rotated = F.grid_sample(images.float(), grid, align_corners=False)
        return in_dtype_of(x, rotated).view_as(x)


def random_permutation(seed: int, number: int, size: int) -> Tensor:
    """Permutation number `number` of a seed, (size,); it depends on nothing else."""
    generator = np.random.default_rng([whole("seed", seed), number])
    return torch.from_numpy(generator.permutation(size))


def in_dtype_of(original: Tensor, changed: Tensor) -> Tensor:
    """Changed values in the dtype that they had before; pixels are rounded, not cut off."""
    if original.dtype == torch.uint8:
        return changed.round().to(torch.uint8)
    return changed.to(original.dtype)
