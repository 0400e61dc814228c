"""Data sets by name: the digits that come with Holdfast, and data sets in the hub's layout."""

import hashlib
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from holdfast.errors import HoldfastError, one_of, reading, unknown
from holdfast.streams.cache import cached
from holdfast.streams.decoding import NAMED, Decoding
from holdfast.streams.source import Source
from holdfast.streams.text import FEATURES

DIGITS = "digits"
DIGIT_CLASSES = 10
GREY_LEVELS = 16  # of the digits, which become pixels from 0 to 255
TEST_EVERY = 5  # every fifth digit of each class is a test example


def digits() -> Source:
    """Return 1,797 real handwritten digits of 8×8 pixels (UCI), which come with Holdfast.

    The 1,438 training and 359 test images are cut within each class and are always the same.

    Returns:
        The digits, with inputs (N, 1, 8, 8) of dtype uint8 and the labels 0 to 9.

    Example:
        >>> s = digits()
        >>> tuple(s.train_x.shape), s.train_x.dtype, len(s.test_y)
        ((1438, 1, 8, 8), torch.uint8, 359)
    """
    with (
        files("holdfast").joinpath("data/digits.npz").open("rb") as handle,
        np.load(handle) as arrays,
    ):
        grey = arrays["images"]
        y = arrays["labels"].astype(np.int64)
    x = np.rint(grey * (255 / GREY_LEVELS)).astype(np.uint8)[:, None]
    test = np.zeros(len(y), dtype=bool)
    # Every fifth image of each class: the cut depends on no seed and not on who wrote the digits.
    for digit in range(DIGIT_CLASSES):
        rows = np.flatnonzero(y == digit)
        test[rows[::TEST_EVERY][: round(len(rows) / TEST_EVERY)]] = True
    return Source(
        train_x=torch.from_numpy(x[~test]),
        train_y=y[~test],
        test_x=torch.from_numpy(x[test]),
        test_y=y[test],
        name=DIGITS,
    )


def named(
    name: str,
    data_dir: str | Path | None = None,
    *,
    features: str = "hashed",
    groups: str | None = None,
    tokenizer: str | None = None,
    embeddings: str | Path | None = None,
    max_length: int | None = None,
) -> Source:
    """Load a data set by its name on the Hugging Face hub, or the digits.

    Data sets are decoded once. Afterwards their arrays are mapped from the cache.

    Args:
        name: "digits", or the name of a data set of images or texts with labels.
        data_dir: The folder that holds data sets in the hub's layout. None: the folder in the
            environment variable HOLDFAST_DATA. Data sets that are not there come from the hub.
        features: What texts become, see `text_features`. It has no effect on images.
        groups: The column that relates examples, such as a user or an original image, so that
            related examples are held out together. None: examples are unrelated.
        tokenizer: The folder of a language model, whose tokens texts become in the place of
            features, or its name on the hub. None: they become features. It has no effect on
            images.
        max_length: The most tokens of a text; longer ones are cut. None: what the language model
            reads, at most 512.
        embeddings: Static embeddings whose means texts become in the place of features: a file or
            folder, or an installed package that carries them. It has no effect on images.

    Returns:
        The training and test examples of the data set.

    Raises:
        HoldfastError: The data set is unknown, can't be read, or is not made of images or texts
            with labels.

    Example:
        >>> named("digits").name
        'digits'
    """
    one_of("features", features, FEATURES)
    if name == DIGITS:
        if groups is not None:
            raise unknown("column", groups, [])
        return digits()
    folder = data_folder(data_dir)
    vectors = str(embeddings) if embeddings is not None else None
    how = Decoding(name, features, groups, tokenizer, vectors, max_length)
    if folder is not None and (folder / name).is_dir():
        return cached(str(folder / name), how, _content_key(folder / name))
    if name not in NAMED:
        # A mistyped path looks like a name of the hub, which has a slash as well.
        error = unknown("data set", name, {DIGITS, *NAMED, *_names_in(folder)})
        raise HoldfastError(f"{error}; there is no file or folder of that name here either")
    return cached(name, how, f"hub {name}")


def data_folder(given: str | Path | None) -> Path | None:
    """The folder of data sets: the one that is given, else that of HOLDFAST_DATA, else None."""
    location = given or os.environ.get("HOLDFAST_DATA")
    if not location:
        return None
    path = Path(location).expanduser()
    if not path.is_dir():
        raise HoldfastError(
            f"the data folder {path} does not exist; correct --data-dir or HOLDFAST_DATA"
        )
    return path


def content_of(name: str, data_dir: str | Path | None = None) -> str | None:
    """Compute a digest of the files of a data set, by which changed data are recognized.

    Args:
        name: The name of the data set.
        data_dir: The folder that holds data sets. None: the folder in HOLDFAST_DATA.

    Returns:
        The digest, or None if the folder does not hold the data set. Two results under one name
        are about the same examples only if their digests agree.
    """
    if name == DIGITS:  # comes with Holdfast, so there is no folder to look into
        return None
    folder = data_folder(data_dir)
    if folder is None or not (folder / name).is_dir():
        return None
    return _content_key(folder / name)


def _content_key(folder: Path) -> str:
    """A digest of the names and the contents of all files in a folder, hidden ones aside."""
    digest = hashlib.sha256()
    with reading(f"data folder {folder}", "a data set"):
        paths = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(paths):
            if path.name.startswith("."):
                continue
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _names_in(folder: Path | None) -> list[str]:
    """The names of the data sets in a data folder: owner/name/configuration/part.parquet."""
    if folder is None:
        return []
    return [
        path.parent.parent.relative_to(folder).as_posix() for path in folder.glob("*/*/*/*.parquet")
    ]
