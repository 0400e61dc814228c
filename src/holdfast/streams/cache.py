"""The cache of decoded data sets: folders of arrays that are mapped into memory."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import numpy as np
import torch

from holdfast.errors import HoldfastError, reading
from holdfast.named_inputs import Inputs
from holdfast.streams.decoding import (
    CACHE_VERSION,
    EMBEDDED,
    SIDES,
    TOKENS,
    Decoding,
    Notes,
    decode,
)
from holdfast.streams.source import Source
from holdfast.streams.tokens import token_inputs, warn_of_cuts
from holdfast.streams.types import Label

ABOUT = "about.json"  # written last, so a folder that has it is complete


class About(TypedDict):
    """What a folder of the cache says about its arrays."""

    name: str
    version: int
    features: str | None
    label_groups: dict[str, str] | None
    tokens: NotRequired[list[dict[str, object]]]


def cached(where: str, how: Decoding, content: str) -> Source:
    """Read a data set from the cache, after decoding it if this is the first time.

    Reading from the cache doesn't need the `datasets` package.

    Args:
        where: The folder of the data set, or its name on the hub.
        how: What is decoded of it, and how.
        content: What identifies the content, such as a digest of the files.

    Returns:
        The data set, with inputs that are mapped from the disk.
    """
    # The key covers the content and the way of decoding, so a change of either misses the cache.
    place = cache_folder() / f"{how.name.replace('/', '--')}-{how.key(content)}"
    if not (place / ABOUT).exists():
        arrays, notes = decode(where, how)
        _save(place, arrays, how.name, notes)
    try:
        with reading(f"cache {place}", "decoded arrays"):
            return _mapped(place, how)
    except HoldfastError as error:
        raise HoldfastError(
            f"{error}; delete this folder, and the data set is decoded again"
        ) from None


def cache_folder() -> Path:
    """The folder of HOLDFAST_CACHE, else `holdfast` in the user's cache folder."""
    configured = os.environ.get("HOLDFAST_CACHE")
    if configured:
        return Path(configured)
    users_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(users_cache) / "holdfast"


def _save(place: Path, arrays: Mapping[str, np.ndarray], name: str, notes: Notes) -> None:
    """Write decoded arrays in a way that never leaves an incomplete folder at `place`."""
    about: About = {
        "label_groups": notes.json_groups(),
        "features": notes.features,
        "name": name,
        "version": CACHE_VERSION,
    }
    if notes.tokens:
        about["tokens"] = list(notes.tokens)
    with reading(f"cache {place.parent}", "a writable folder; set HOLDFAST_CACHE to another"):
        place.parent.mkdir(parents=True, exist_ok=True)
        # The arrays are written beside their final place and then moved, which is one step.
        fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=".decoding-"))
    try:
        with reading(
            f"cache {fresh}", "a folder with room for the arrays; set HOLDFAST_CACHE to another"
        ):
            for part, array in arrays.items():
                np.save(fresh / f"{part}.npy", array)
            (fresh / ABOUT).write_text(json.dumps(about), encoding="utf-8")
            move_into_place(fresh, place)
    finally:
        # After the move there is nothing left here; after an error, the half that was written.
        shutil.rmtree(fresh, ignore_errors=True)


def move_into_place(fresh: Path, place: Path) -> None:
    """Move a complete folder to its place, unless another process has been faster."""
    try:
        fresh.rename(place)
    except OSError:
        if not (place / ABOUT).exists():
            raise


def _mapped(place: Path, how: Decoding) -> Source:
    """The source whose arrays are in a folder of the cache."""
    # Mode "c" maps the arrays without loading them; changes would stay in memory.
    inputs = {side: np.load(place / f"{side}_x.npy", mmap_mode="c") for side in SIDES}
    labels = {side: np.load(place / f"{side}_y.npy") for side in SIDES}
    groups: dict[str, np.ndarray | None] = dict.fromkeys(SIDES)
    if how.groups is not None:
        groups = {side: np.load(place / f"{side}_groups.npy") for side in SIDES}
    about = cast(About, json.loads((place / ABOUT).read_text(encoding="utf-8")))
    label_groups: dict[Label, str] | None = None
    if about["label_groups"]:  # JSON knows only text as keys
        label_groups = {int(label): group for label, group in about["label_groups"].items()}
    warn_of_cuts(about.get("tokens", []))
    title = how.name.split("/")[-1]
    # Features that are fitted on the texts of all tasks are named, so that results show them.
    if about["features"] not in (None, "hashed", EMBEDDED, TOKENS):
        title += f" ({about['features']})"
    return Source(
        train_x=_inputs(inputs["train"], about),
        train_y=labels["train"],
        test_x=_inputs(inputs["test"], about),
        test_y=labels["test"],
        name=title,
        label_groups=label_groups,
        groups=groups["train"],
        test_groups=groups["test"],
    )


def _inputs(array: np.ndarray, about: About) -> Inputs:
    """The inputs of one side: an array as it is, or tokens and their mask."""
    if about["features"] == TOKENS:
        return token_inputs(array)
    return torch.from_numpy(array)
