"""Where examples come from: the embedded digits, and data sets in the hub's layout, decoded once into a memory-mapped cache."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, MissingExtra, one_of, reading, unknown
from holdfast.streams.build import Source
from holdfast.streams.labels import label_array
from holdfast.streams.text import FEATURES, text_features

DIGITS = "digits"
NAMED = {  # name → label column
    "ylecun/mnist": "label",
    "uoft-cs/cifar10": "label",
    "uoft-cs/cifar100": "fine_label",
    "zalando-datasets/fashion_mnist": "label",
    "clinc/clinc_oos": "intent",
    "PolyAI/banking77": "label",
}
GROUPS = {"clinc/clinc_oos": "domain"}  # name → column of the group that a label belongs to
CACHE_VERSION = 3
ABOUT = "about.json"  # written last: a folder of the cache that has it is whole
SIDES = ("train", "test")


def digits() -> Source:
    """1,797 real 8×8 digits (UCI), 16 grey levels, cut by class into 1,438 training and 359 test images, always the same.

    >>> s = digits()
    >>> tuple(s.train_x.shape), s.train_x.dtype, len(s.test_y)
    ((1438, 1, 8, 8), torch.uint8, 359)
    """
    with (
        files("holdfast").joinpath("data/digits.npz").open("rb") as handle,
        np.load(handle) as arrays,
    ):
        x, y = arrays["images"], arrays["labels"].astype(np.int64)
    x = np.rint(x * (255 / 16)).astype(np.uint8)[:, None]
    test = np.zeros(len(y), dtype=bool)
    for c in range(10):  # every fifth of each class: no writer order, no seed
        test[np.flatnonzero(y == c)[::5][: round((y == c).sum() / 5)]] = True
    return Source(torch.from_numpy(x[~test]), y[~test], torch.from_numpy(x[test]), y[test], DIGITS)


def data_folder(given: str | Path | None) -> Path | None:
    """The folder of data sets: `given`, else HOLDFAST_DATA, else None."""
    chosen = given or os.environ.get("HOLDFAST_DATA")
    if not chosen:
        return None
    path = Path(chosen).expanduser()
    if not path.is_dir():
        raise HoldfastError(
            f"the data folder {path} does not exist; correct --data-dir or HOLDFAST_DATA"
        )
    return path


def cache_folder() -> Path:
    """HOLDFAST_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HOLDFAST_CACHE") or Path(base) / "holdfast")


def named(
    name: str,
    data_dir: str | Path | None = None,
    *,
    features: str = "hashed",
    groups: str | None = None,
) -> Source:
    """A data set by its hub name, or `digits`.

    Args:
        name: `digits`, or the name of a data set of images or texts with labels.
        data_dir: Folder that holds data sets in the hub's layout. None: HOLDFAST_DATA. What is not found
            there is read from the hub.
        features: What texts become; see `text_features`. Images are not concerned.
        groups: Column that relates examples (a user, an original image), for held-out parts. None: examples
            are unrelated.

    Returns:
        The data set, decoded once and mapped from the cache afterwards.

    Raises:
        HoldfastError: The data set is unknown, can't be read, or is not made of images or texts with labels.
    """
    one_of("features", features, FEATURES)
    if name == DIGITS:
        if groups is not None:
            raise unknown("column", groups, [])
        return digits()
    folder = data_folder(data_dir)
    local = folder / name if folder else None
    how = Decoding(name, features, groups)
    if local is not None and local.is_dir():
        return _cached(str(local), how, _content_key(local))
    if name not in NAMED:
        here = (
            [str(p.parent.parent.relative_to(folder)) for p in folder.glob("*/*/*/*.parquet")]
            if folder
            else []
        )
        raise unknown("data set", name, {DIGITS, *NAMED, *here})
    return _cached(name, how, f"hub {name}")


@dataclass(frozen=True)
class Decoding:
    """What of a data set is decoded, and how."""

    name: str
    features: str
    groups: str | None

    def key(self, content: str) -> str:
        """A name for the decoded arrays: of the content, and of everything that they depend on."""
        about = json.dumps([CACHE_VERSION, content, self.features, self.groups])
        return hashlib.sha256(about.encode()).hexdigest()[:24]


def content_of(name: str, data_dir: str | Path | None = None) -> str | None:
    """A digest of the files that a data set has in the data folder; None if it has none there.

    Two results under one name are of the same examples only if the digests agree.
    """
    folder = None if name == DIGITS else data_folder(data_dir)  # digits needs no folder
    local = folder / name if folder else None
    return _content_key(local) if local is not None and local.is_dir() else None


def _content_key(folder: Path) -> str:
    digest = hashlib.sha256()
    with reading(f"data folder {folder}", "a data set"):
        for path in sorted(
            p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")
        ):
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _cached(where: str, how: Decoding, content: str) -> Source:
    """Decodes on the first call; afterwards maps the arrays, without loading the `datasets` package."""
    place = cache_folder() / f"{how.name.replace('/', '--')}-{how.key(content)}"
    if not (place / ABOUT).exists():
        arrays, about = _decode(where, how)
        _keep(place, arrays, about | {"name": how.name, "version": CACHE_VERSION})
    try:
        with reading(f"cache {place}", "decoded arrays"):
            return _mapped(place, how)
    except HoldfastError as error:
        raise HoldfastError(
            f"{error}; delete the folder, and the data set is decoded again"
        ) from None


def _keep(place: Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Writes decoded arrays so that a folder with an `about.json` is whole."""
    with reading(f"cache {place.parent}", "a writable folder; set HOLDFAST_CACHE to another"):
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=".decoding-"))
    try:
        with reading(
            f"cache {fresh}", "a folder with room for the arrays; set HOLDFAST_CACHE to another"
        ):
            for part, value in arrays.items():
                np.save(fresh / f"{part}.npy", value)
            (fresh / ABOUT).write_text(json.dumps(about), encoding="utf-8")
            try:
                fresh.rename(place)
            except OSError:  # another process was faster
                if not (place / ABOUT).exists():
                    raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _mapped(place: Path, how: Decoding) -> Source:
    """The source whose arrays lie in a folder of the cache."""
    inputs = {side: np.load(place / f"{side}_x.npy", mmap_mode="c") for side in SIDES}
    labels = {side: np.load(place / f"{side}_y.npy") for side in SIDES}
    groups = {side: np.load(place / f"{side}_groups.npy") if how.groups else None for side in SIDES}
    about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
    known = about["label_groups"]
    title = how.name.split("/")[-1]
    if about["features"] not in (None, "hashed"):
        title += f" ({about['features']})"  # a result made with them says so
    return Source(
        train_x=torch.from_numpy(inputs["train"]),
        train_y=labels["train"],
        test_x=torch.from_numpy(inputs["test"]),
        test_y=labels["test"],
        name=title,
        label_groups={int(v): g for v, g in known.items()} if known else None,
        groups=groups["train"],
        test_groups=groups["test"],
    )


def _decode(where: str, how: Decoding) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a data set, and what is kept beside them."""
    try:
        import datasets
    except ImportError:
        raise MissingExtra("datasets", "train") from None
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    logging.getLogger("huggingface_hub").setLevel(
        logging.ERROR
    )  # its retries are summed up in one sentence below
    with tempfile.TemporaryDirectory() as scratch:
        try:
            loaded = datasets.load_dataset(where, cache_dir=scratch)
        except Exception as error:  # the package raises many kinds; the user needs one sentence
            raise HoldfastError(
                f"data set {how.name!r} could not be read from {where!r} ({type(error).__name__}: {str(error)[:200]}); "
                "set HOLDFAST_DATA or --data-dir to a folder that holds it in the hub's parquet layout"
            ) from error
        missing = [side for side in SIDES if side not in loaded]
        if missing:
            raise HoldfastError(
                f"data set {how.name!r} has no {missing[0]} part; it has {sorted(loaded)}"
            )
        with reading(f"data set {how.name!r}", "images or texts with labels"):
            return _arrays({side: loaded[side] for side in SIDES}, how)


def _arrays(tables: dict[str, Any], how: Decoding) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Inputs, labels and groups of both sides."""
    train = tables["train"]
    arrays = {f"{side}_y": _label_column(table, side, how.name) for side, table in tables.items()}
    if how.groups is not None:
        for side, table in tables.items():
            if how.groups not in table.column_names:
                raise unknown("column", how.groups, table.column_names)
            arrays[f"{side}_groups"] = np.array([str(v) for v in table[how.groups]])
    about: dict[str, Any] = {"label_groups": None, "features": None}
    if "text" in train.column_names:
        found = text_features(
            list(tables["train"]["text"]), list(tables["test"]["text"]), how.features
        )
        arrays |= dict(zip((f"{side}_x" for side in SIDES), found, strict=True))
        about |= {"label_groups": _label_groups(train, how.name), "features": how.features}
    else:
        for side, table in tables.items():
            arrays[f"{side}_x"] = _images(table[_image_column(table, how.name)], side, how.name)
    return arrays, about


def _label_column(table: Any, side: str, name: str) -> np.ndarray:
    """The labels of one side; -1 is how the hub marks labels that are not published."""
    label = NAMED.get(name, "label")
    if label not in table.column_names:
        raise HoldfastError(
            f"data set {name!r} has no label column {label!r}; it has {table.column_names}; build a stream from "
            "arrays instead (holdfast.streams.from_arrays)"
        )
    labels = label_array(list(table[label]), f"data set {name!r}: {side} labels")
    if labels.dtype != object and -1 in labels:
        raise HoldfastError(
            f"data set {name!r}: {int((labels == -1).sum())} {side} labels are -1, which marks labels that are not "
            "published; take a data set whose labels are known"
        )
    return labels if labels.dtype != object else labels.astype(str)  # mapped without pickle


def _label_groups(table: Any, name: str) -> dict[int, str] | None:
    """Label → group, groups in the order of the data set's own list."""
    if name not in GROUPS:
        return None
    names = table.features[GROUPS[name]].names
    found = dict(zip(table[NAMED[name]], table[GROUPS[name]], strict=True))
    return {int(v): names[g] for v, g in sorted(found.items(), key=lambda pair: (pair[1], pair[0]))}


def _image_column(table: Any, name: str) -> str:
    for image in ("image", "img"):  # copies of one data set differ in this
        if image in table.column_names:
            return image
    raise HoldfastError(
        f"data set {name!r} is not made of images or texts with labels: expected a column image, img or text, "
        f"got {table.column_names}; build a stream from arrays instead (holdfast.streams.from_arrays)"
    )


def _images(column: Any, side: str, name: str) -> np.ndarray:
    """PIL images → (N, C, H, W) uint8."""
    images: list[np.ndarray] = []
    for k, image in enumerate(column):
        if image is None:
            raise HoldfastError(f"data set {name!r}: {side} image {k} is missing")
        if not hasattr(image, "mode"):
            raise HoldfastError(
                f"data set {name!r}: {side} image {k} is a {type(image).__name__}, not a decoded image; write the parquet "
                "files with the hub's package (datasets), whose metadata say that the column holds images"
            )
        pixels = _pixels(image)
        if pixels.dtype != np.uint8:
            raise HoldfastError(
                f"data set {name!r}: {side} image {k} has values of type {pixels.dtype}; expected 8 bits per channel"
            )
        if images and pixels.shape != images[0].shape:
            raise HoldfastError(
                f"data set {name!r}: {side} image {k} has shape {pixels.shape}, the first {images[0].shape} (channels, "
                "height, width); make all images one size and one mode first"
            )
        images.append(pixels)
    return np.stack(images)


def _pixels(image: Any) -> np.ndarray:
    """A PIL image → (C, H, W) uint8. An image with a palette counts by its colours, not by their numbers."""
    if image.mode in ("P", "1"):
        image = image.convert("RGB" if image.mode == "P" else "L")
    a = np.asarray(image)
    return a[None] if a.ndim == 2 else np.ascontiguousarray(a.transpose(2, 0, 1))


def to_float(x: Tensor) -> Tensor:
    """Raw rows → the network's input: uint8 becomes float32 in [0, 1], floats stay as they are."""
    return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x
