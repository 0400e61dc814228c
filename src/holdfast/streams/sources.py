"""Where examples come from: the embedded digits, named data sets in the hub's layout, decoded once into a memory-mapped cache."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, MissingExtra, unknown
from holdfast.streams.build import Source

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
TEXT_FEATURES = 2000  # words and pairs of words that texts are described by
CACHE_VERSION = 2


def digits() -> Source:
    """1,797 real 8×8 digits (UCI), 16 grey levels, cut by class into 1,438 training and 359 test images, always the same.

    >>> s = digits()
    >>> tuple(s.train_x.shape), s.train_x.dtype, len(s.test_y)
    ((1438, 1, 8, 8), torch.uint8, 359)
    """
    with files("holdfast").joinpath("data/digits.npz").open("rb") as handle, np.load(handle) as arrays:
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
        raise HoldfastError(f"the data folder {path} does not exist; correct --data-dir or HOLDFAST_DATA")
    return path


def cache_folder() -> Path:
    """HOLDFAST_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HOLDFAST_CACHE") or Path(base) / "holdfast")


def named(name: str, data_dir: str | Path | None = None) -> Source:
    """A data set by its hub name, or `digits`. Read from `<data_dir>/<name>` where that exists, else from the hub."""
    if name == DIGITS:
        return digits()
    folder = data_folder(data_dir)
    local = folder / name if folder else None
    if local is not None and local.is_dir():
        return _cached(str(local), _content_key(local), name)
    if name not in NAMED:
        here = [str(p.parent.parent.relative_to(folder)) for p in folder.glob("*/*/*/*.parquet")] if folder else []
        raise unknown("data set", name, {DIGITS, *NAMED, *here})
    return _cached(name, None, name)


def _content_key(folder: Path) -> str:
    digest = hashlib.sha256(f"v{CACHE_VERSION}".encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


def _cached(where: str, key: str | None, name: str) -> Source:
    """Decodes on the first call; afterwards maps the arrays, without loading the `datasets` package."""
    key = key or hashlib.sha256(f"v{CACHE_VERSION} hub {where}".encode()).hexdigest()[:24]
    place = cache_folder() / f"{name.replace('/', '--')}-{key}"
    if not (place / "about.json").exists():
        arrays, groups = _decode(where, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=".decoding-"))
        try:
            for part, value in arrays.items():
                np.save(fresh / f"{part}.npy", value)
            (fresh / "about.json").write_text(json.dumps({"name": name, "version": CACHE_VERSION, "groups": groups}))
            try:
                fresh.rename(place)
            except OSError:  # another process was faster
                if not (place / "about.json").exists():
                    raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    read = {part: np.load(place / f"{part}.npy", mmap_mode="c") for part in ("train_x", "test_x")}
    labels = {part: np.load(place / f"{part}.npy") for part in ("train_y", "test_y")}
    groups = json.loads((place / "about.json").read_text())["groups"]
    return Source(
        torch.from_numpy(read["train_x"]),
        labels["train_y"],
        torch.from_numpy(read["test_x"]),
        labels["test_y"],
        name.split("/")[-1],
        {int(v): g for v, g in groups.items()} if groups else None,
    )


def _decode(where: str, name: str) -> tuple[dict[str, np.ndarray], dict[int, str] | None]:
    try:
        import datasets
    except ImportError:
        raise MissingExtra("datasets", "train") from None
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries are summed up in one sentence below
    with tempfile.TemporaryDirectory() as scratch:
        try:
            loaded = datasets.load_dataset(where, cache_dir=scratch)
        except Exception as error:  # the package raises many kinds; the user needs one sentence
            raise HoldfastError(
                f"data set {name!r} could not be read from {where!r} ({type(error).__name__}: {str(error)[:200]}); "
                "set HOLDFAST_DATA or --data-dir to a folder that holds it in the hub's parquet layout"
            ) from error
        missing = [part for part in ("train", "test") if part not in loaded]
        if missing:
            raise HoldfastError(f"data set {name!r} has no {missing[0]} part; it has {sorted(loaded)}")
        train, test = loaded["train"], loaded["test"]
        if "text" in train.column_names:
            return _texts(train, test, name), _groups(train, name)
        out = {}
        for part, table in (("train", train), ("test", test)):
            image, label = _columns(table, name)
            out[f"{part}_x"] = np.stack([_pixels(v) for v in table[image]])
            out[f"{part}_y"] = np.asarray(table[label])
    return out, None


def _texts(train: Any, test: Any, name: str) -> dict[str, np.ndarray]:
    """TF-IDF of words and pairs of words, fitted on the training texts: fixed features (N, 2000), each row of length 1."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise MissingExtra("scikit-learn", "text") from None
    label = NAMED.get(name, "label")
    if label not in train.column_names:
        raise HoldfastError(f"data set {name!r} has texts but no column {label}; it has {train.column_names}")
    fit = TfidfVectorizer(max_features=TEXT_FEATURES, ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32)
    out = {"train_x": fit.fit_transform(train["text"]).toarray(), "test_x": fit.transform(test["text"]).toarray()}
    return out | {"train_y": np.asarray(train[label]), "test_y": np.asarray(test[label])}


def _groups(table: Any, name: str) -> dict[int, str] | None:
    """Label → group, groups in the order of the data set's own list."""
    if name not in GROUPS:
        return None
    names = table.features[GROUPS[name]].names
    found = dict(zip(table[NAMED[name]], table[GROUPS[name]], strict=True))
    return {int(v): names[g] for v, g in sorted(found.items(), key=lambda pair: (pair[1], pair[0]))}


def _columns(table: Any, name: str) -> tuple[str, str]:
    label = NAMED.get(name, "label")
    for image in ("image", "img"):  # copies of one data set differ in this
        if image in table.column_names and label in table.column_names:
            return image, label
    raise HoldfastError(
        f"data set {name!r} is not made of images and labels: expected columns image (or img) and {label}, "
        f"got {table.column_names}; build a stream from arrays instead (holdfast.streams.from_arrays)"
    )


def _pixels(image: Any) -> np.ndarray:
    """A PIL image → (C, H, W) uint8."""
    a = np.asarray(image)
    return a[None] if a.ndim == 2 else np.ascontiguousarray(a.transpose(2, 0, 1))


def to_float(x: Tensor) -> Tensor:
    """Raw rows → the network's input: uint8 becomes float32 in [0, 1], floats stay as they are."""
    return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x
