"""Images of files as one array of pixels, decoded once and then mapped from the cache.

Of each image the largest middle square is cut out and resized. Images stay grayscale if no image
has colours, else all become RGB. Transparent parts become white, and images that a camera has
stored turned are turned upright.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError, first_line, require
from holdfast.streams.own_data.cache import kept
from holdfast.streams.own_data.digests import digest_of
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.table import Table
from holdfast.text import safe_name

if TYPE_CHECKING:
    from PIL.Image import Image

GRAY_MODES = ("1", "L", "LA", "La")
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # gray images of 16 bits per pixel
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
MOST_NAMED = 3  # broken images in a message


@dataclass(frozen=True)
class Images:
    """The images of a table.

    Args:
        pixels: All images, (N, C, H, W), uint8, mapped from the disk.
        broken: Number of the row → its image and what is wrong with it. Its pixels are zeros.
    """

    pixels: np.ndarray
    broken: dict[int, str]

    def refusal(self, table: Table) -> HoldfastError:
        """Make the error about images that can't be read."""
        named = list(self.broken.values())[:MOST_NAMED]
        count = f"{len(self.broken)} images can't be read"
        if len(self.broken) == 1:
            count = "1 image can't be read"
        return HoldfastError(
            f"{table.name}: {count}: {', '.join(named)}; replace or remove them, or leave them out "
            "with missing='drop' (--missing drop)"
        )


def read_images(table: Table, column: str, options: Options) -> Images:
    """Decode the images that a column names, or map them from the cache.

    Args:
        table: The table, which knows the folder of the images.
        column: The column of file names.
        options: The size and the colours of the images.

    Raises:
        HoldfastError: A file does not exist; the message names the row.
        MissingExtra: Pillow is not installed.
    """
    require("train", "PIL")
    paths = paths_in(table, column)
    names = [str(value).strip() for value in table.frame[column]]
    order = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    content = digest_of(table.origin or table.folder or Path())
    size = options.image_size

    def fill(file: Path) -> dict[str, object]:
        return {"broken": _decode(paths, names, file, size, options.color)}

    pixels, about = kept("images", [content, order, size, options.color], fill)
    broken: Any = about["broken"]  # JSON knows only text as keys
    return Images(pixels, {int(row): str(reason) for row, reason in broken.items()})


def decoded(paths: Sequence[Path], size: int, channels: int) -> np.ndarray:
    """Decode images without the cache, to answer for them once.

    Args:
        paths: The images.
        size: The width and the height of the result.
        channels: 1 for grayscale, 3 for RGB.

    Returns:
        (N, channels, size, size), uint8.

    Raises:
        HoldfastError: An image does not exist or can't be read; the message names it.
        MissingExtra: Pillow is not installed.
    """
    require("train", "PIL")
    pixels = np.empty((len(paths), channels, size, size), dtype=np.uint8)
    for number, path in enumerate(paths):
        name = safe_name(str(path))
        if not path.is_file():
            raise HoldfastError(f"there is no image {name}; correct the name, or leave it out")
        try:
            pixels[number] = _pixels(path, size, channels)
        except Exception as error:  # decoders have errors of many kinds
            raise HoldfastError(
                f"the image {name} can't be read ({first_line(error)}); replace it, or leave it out"
            ) from None
    return pixels


def paths_in(table: Table, column: str) -> list[Path]:
    """The files that a column names.

    Raises:
        HoldfastError: A file does not exist; the message names the row.
    """
    folder = table.folder or Path()
    paths = []
    for position, value in enumerate(table.column(column)):
        path = folder / str(value).strip()
        if not path.is_file():
            raise table.wrong(
                column,
                position,
                f"is no file in the folder {safe_name(str(folder))}; correct the name, or leave "
                "the row out",
            )
        paths.append(path)
    return paths


def _decode(
    paths: Sequence[Path], names: Sequence[str], file: Path, size: int, color: str
) -> dict[str, str]:
    """Decode images into a file of one array, one after another, so that memory holds only one."""
    channels = 3
    if color == "grayscale" or (color == "auto" and not any(map(_has_colors, paths))):
        channels = 1
    shape = (len(paths), channels, size, size)
    pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    broken = {}
    for number, path in enumerate(paths):
        try:
            pixels[number] = _pixels(path, size, channels)
        except Exception as error:  # decoders have errors of many kinds
            reason = first_line(error).replace(repr(str(path)), "it")
            broken[str(number)] = f"{safe_name(names[number])} ({reason})"
    pixels.flush()
    return broken


def _has_colors(path: Path) -> bool:
    """Whether an image has colours, by its header alone. A broken one has none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.mode not in (*GRAY_MODES, *DEEP_MODES)
    except Exception:  # the image is named when its pixels are decoded
        return False


def _pixels(path: Path, size: int, channels: int) -> np.ndarray:
    """The pixels of one image, (C, H, W)."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        plain = _eight_bits(image).convert("L" if channels == 1 else "RGB")
    side = min(plain.size)
    if (side, side) != plain.size or side != size:
        plain = ImageOps.fit(plain, (size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(plain)
    if channels == 1:
        return pixels[None]
    return pixels.transpose(2, 0, 1)


def _eight_bits(image: "Image") -> "Image":
    """The image with 8 bits per channel, over white where it is transparent."""
    from PIL import Image

    if image.mode in DEEP_MODES:
        # 257 takes the largest value of 16 bits to that of 8 bits.
        return Image.fromarray((np.asarray(image, dtype=np.int64) // 257).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range is unknown")
    if image.mode in TRANSPARENT or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image
