"""Random changes of whole batches, on their device, drawn from the generator that is passed in."""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError


class CropAndFlip:
    """A random shift and a random horizontal flip of each image of a batch; see `crop_and_flip`."""

    def __init__(self, padding: int, flip: bool) -> None:
        self.padding = padding
        self.flip = flip

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Images (N, C, H, W) and a generator → images of the same shape and dtype."""
        if x.dim() != 4:
            raise HoldfastError(
                f"crop_and_flip is for images (N, C, H, W), got inputs of shape {tuple(x.shape)}; "
                "leave augment= out"
            )
        images, _, height, width = x.shape
        # For each image: the vertical shift, the horizontal shift, and whether to flip it. Draws
        # are made on the CPU, so that a run gives the same images on every device.
        draws = torch.rand(3, images, generator=generator).to(x.device)
        shift = (draws[:2] * (2 * self.padding + 1)).long()
        padded = F.pad(x, (self.padding,) * 4)
        rows = shift[0, :, None] + torch.arange(height, device=x.device)
        columns = shift[1, :, None] + torch.arange(width, device=x.device)
        if self.flip:
            columns = torch.where(draws[2, :, None] < 0.5, columns.flip(1), columns)
        # One lookup for all images. Channels come last for it, because they move together.
        image = torch.arange(images, device=x.device)[:, None, None]
        channels_last = padded.permute(0, 2, 3, 1)
        changed = channels_last[image, rows[:, :, None], columns[:, None, :]]
        return changed.permute(0, 3, 1, 2).contiguous()


def crop_and_flip(padding: int = 4, flip: bool = True) -> CropAndFlip:
    """Return an augmentation that shifts and flips each image at random.

    Args:
        padding: The largest shift in pixels, in each direction. What comes in is zero.
        flip: Whether to flip half of the images horizontally.

    Returns:
        A function of a batch (N, C, H, W) and a generator, for `augment=`.

    Example:
        >>> x = torch.arange(4.0).view(1, 1, 2, 2)
        >>> crop_and_flip(padding=0, flip=False)(x, torch.Generator()).equal(x)
        True
    """
    return CropAndFlip(padding, flip)
