"""Arrays that take long to make, such as decoded images, kept in the cache and mapped from it."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from holdfast.errors import reading
from holdfast.streams.cache import ABOUT, cache_folder, move_into_place

VERSION = 1  # raise it if the same data are to become other arrays
ARRAY = "x.npy"


def kept(
    kind: str, made_of: Sequence[object], fill: Callable[[Path], dict[str, object]]
) -> tuple[np.ndarray, dict[str, object]]:
    """Make an array, or map it from the cache if it was made before.

    Args:
        kind: What the array holds, which begins the name of its folder.
        made_of: Everything that the array depends on, as plain values.
        fill: Writes the array into a file, and returns what is to be kept beside it.

    Returns:
        The array, mapped from the disk, and what is kept beside it.

    Raises:
        HoldfastError: The cache can't be written or read.
    """
    key = hashlib.sha256(json.dumps([VERSION, *made_of]).encode()).hexdigest()[:24]
    place = cache_folder() / f"own-{kind}-{key}"
    if not (place / ABOUT).exists():
        _make(place, fill)
    with reading(f"cache {place}", "arrays; delete this folder, and they are made again"):
        about: dict[str, object] = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        # Mode "c" maps the array without loading it; changes would stay in memory.
        return np.load(place / ARRAY, mmap_mode="c"), about


def _make(place: Path, fill: Callable[[Path], dict[str, object]]) -> None:
    """Fill a folder of the cache in a way that never leaves an incomplete one at `place`."""
    with reading(f"cache {place.parent}", "a writable folder; set HOLDFAST_CACHE to another"):
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=".making-"))
    try:
        about = fill(fresh / ARRAY)
        with reading(f"cache {fresh}", "a folder with room; set HOLDFAST_CACHE to another"):
            (fresh / ABOUT).write_text(json.dumps(about), encoding="utf-8")
            move_into_place(fresh, place)
    finally:
        # After the move there is nothing left here; after an error, the half that was written.
        shutil.rmtree(fresh, ignore_errors=True)
