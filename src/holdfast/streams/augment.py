"""Random changes of a whole batch at once, on its device; randomness comes from the generator that is passed in."""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError


def crop_and_flip(padding: int = 4, flip: bool = True) -> "CropAndFlip":
    """Random shift by up to `padding` pixels (zeros outside) and random horizontal flip, each image by itself."""
    return CropAndFlip(padding, flip)


class CropAndFlip:
    """Callable (N, C, H, W), generator → (N, C, H, W), dtype kept."""

    def __init__(self, padding: int, flip: bool) -> None:
        self.padding, self.flip = padding, flip

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.dim() != 4:
            raise HoldfastError(
                f"crop_and_flip is for images (N, C, H, W), got inputs of shape {tuple(x.shape)}; leave augment out"
            )
        n, _, h, w = x.shape
        draws = torch.rand(3, n, generator=generator).to(x.device)
        shift = (draws[:2] * (2 * self.padding + 1)).long()
        wide = F.pad(x, (self.padding,) * 4)
        rows = shift[0, :, None] + torch.arange(h, device=x.device)
        columns = shift[1, :, None] + torch.arange(w, device=x.device)
        if self.flip:
            columns = torch.where(draws[2, :, None] < 0.5, columns.flip(1), columns)
        each = torch.arange(n, device=x.device)[:, None, None]
        return (
            wide.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
            .permute(0, 3, 1, 2)
            .contiguous()
        )
