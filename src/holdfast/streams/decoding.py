"""Decoding of data sets in the hub's layout: tables of images or texts become arrays."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from holdfast.errors import HoldfastError, MissingExtra, reading, unknown
from holdfast.streams.labels import label_array
from holdfast.streams.static_embeddings import embeddings_digest, mean_embeddings
from holdfast.streams.text import text_features
from holdfast.streams.tokens import VERSION as TOKENS_VERSION
from holdfast.streams.tokens import token_array, tokenizer_digest

NAMED = {  # data set that is known by name → its label column
    "ylecun/mnist": "label",
    "uoft-cs/cifar10": "label",
    "uoft-cs/cifar100": "fine_label",
    "zalando-datasets/fashion_mnist": "label",
    "clinc/clinc_oos": "intent",
    "PolyAI/banking77": "label",
}
GROUPS = {"clinc/clinc_oos": "domain"}  # data set → column of the group that a label belongs to
SIDES = ("train", "test")
TOKENS = "tokens"  # what texts have become for a language model
EMBEDDED = "embeddings"  # and with static embeddings
IMAGE_COLUMNS = ("image", "img")  # copies of one data set differ in this
CACHE_VERSION = 3  # raise it if the same files are to become other arrays
LONGEST_CAUSE = 200  # characters that an error shows of the message of the `datasets` package


class ClassNames(Protocol):
    """The type of a column of classes, which knows the name of each."""

    names: list[str]


class Table(Protocol):
    """One side of a data set, as the `datasets` package gives it."""

    column_names: list[str]
    features: Mapping[str, ClassNames]

    def __getitem__(self, column: str, /) -> Iterable[Any]:
        """The values of a column, of any kind."""
        ...


@runtime_checkable
class Picture(Protocol):
    """An image of PIL."""

    mode: str

    def convert(self, mode: str) -> "Picture":
        """The same image with another kind of pixels."""
        ...


@dataclass(frozen=True)
class Decoding:
    """What is decoded of a data set, and how.

    Args:
        name: The name of the data set.
        features: What texts become, see `text_features`.
        groups: The column that relates examples. None: there is none.
        tokenizer: The folder of a language model whose tokens texts become, in the place of
            `features`. None: they become features.
        embeddings: Static embeddings whose means texts become, in the place of `features`. None:
            they become features.
        max_length: The most tokens of a text. None: what the model reads, at most 512.
    """

    name: str
    features: str
    groups: str | None
    tokenizer: str | None = None
    embeddings: str | None = None
    max_length: int | None = None

    def key(self, content: str) -> str:
        """A name for the decoded arrays, made of everything that they depend on."""
        parts: list[object] = [CACHE_VERSION, content, self.features, self.groups]
        if self.tokenizer is not None:
            digest = tokenizer_digest(self.tokenizer) or self.tokenizer
            parts += [TOKENS_VERSION, digest, self.max_length]
        if self.embeddings is not None:
            parts += [EMBEDDED, embeddings_digest(self.embeddings)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Notes:
    """What is kept beside the arrays of a data set.

    Args:
        features: What its texts became. None: it has no texts.
        label_groups: Label → name of its group, in the order of the groups.
        tokens: What is known of the tokens of each side, see `tokens.warn_of_cuts`.
    """

    features: str | None = None
    label_groups: dict[int, str] | None = None
    tokens: Sequence[dict[str, object]] = ()

    def json_groups(self) -> dict[str, str] | None:
        """The groups of the labels as JSON can hold them, with text as keys."""
        if self.label_groups is None:
            return None
        return {str(label): group for label, group in self.label_groups.items()}


def decode(where: str, how: Decoding) -> tuple[dict[str, np.ndarray], Notes]:
    """Decode a data set.

    Args:
        where: The folder of the data set, or its name on the hub.
        how: What is decoded of it, and how.

    Returns:
        The arrays by name (`train_x`, `train_y`, ...), and what is kept beside them.

    Raises:
        MissingExtra: The `datasets` package is not installed.
        HoldfastError: The data set can't be read, or is not made of images or texts with labels.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtra("datasets", "train") from None
    # The package reports its progress and every retry; one sentence below sums them up.
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            loaded = datasets.load_dataset(where, cache_dir=scratch)
        except Exception as error:  # the package raises errors of many kinds
            raise HoldfastError(
                f"data set {how.name!r} could not be read from {where!r} ({type(error).__name__}: "
                f"{str(error)[:LONGEST_CAUSE]}); set HOLDFAST_DATA or --data-dir to a folder that "
                "holds it in the hub's parquet layout"
            ) from error
        for side in SIDES:
            if side not in loaded:
                raise HoldfastError(
                    f"data set {how.name!r} has no {side} part, only {sorted(loaded)}; choose a "
                    "data set that has train and test"
                )
        with reading(f"data set {how.name!r}", "images or texts with labels"):
            return _arrays({side: loaded[side] for side in SIDES}, how)


def _arrays(tables: Mapping[str, Table], how: Decoding) -> tuple[dict[str, np.ndarray], Notes]:
    """Inputs, labels and groups of both sides."""
    arrays: dict[str, np.ndarray] = {}
    for side, table in tables.items():
        arrays[f"{side}_y"] = _labels(table, side, how.name)
    if how.groups is not None:
        for side, table in tables.items():
            if how.groups not in table.column_names:
                raise unknown("column", how.groups, table.column_names)
            arrays[f"{side}_groups"] = np.array([str(group) for group in table[how.groups]])
    if "text" in tables["train"].column_names:
        label_groups = _label_groups(tables["train"], how.name)
        if how.tokenizer is not None:
            facts = [_add_tokens(arrays, table, side, how) for side, table in tables.items()]
            return arrays, Notes(features=TOKENS, label_groups=label_groups, tokens=facts)
        if how.embeddings is not None:
            for side, table in tables.items():
                what = f"data set {how.name!r}: {side} text"
                arrays[f"{side}_x"] = mean_embeddings(list(table["text"]), how.embeddings, what)
            return arrays, Notes(features=EMBEDDED, label_groups=label_groups)
        # Both sides are read at once, because TF-IDF is fitted on the training texts.
        arrays["train_x"], arrays["test_x"] = text_features(
            list(tables["train"]["text"]), list(tables["test"]["text"]), how.features
        )
        return arrays, Notes(features=how.features, label_groups=label_groups)
    for side, table in tables.items():
        column = _image_column(table, how.name)
        arrays[f"{side}_x"] = _images(table[column], f"data set {how.name!r}: {side} image")
    return arrays, Notes()


def _add_tokens(
    arrays: dict[str, np.ndarray], table: Table, side: str, how: Decoding
) -> dict[str, object]:
    """Add the tokens of one side to the arrays, and return what is known of them."""

    def place(number: int) -> str:
        return f"data set {how.name!r}: {side} text {number}"

    made = token_array(list(table["text"]), str(how.tokenizer), how.max_length, place)
    arrays[f"{side}_x"] = made.array
    return made.facts()


def _labels(table: Table, side: str, name: str) -> np.ndarray:
    """The labels of one side, as an array that can be saved without pickle."""
    column = NAMED.get(name, "label")
    if column not in table.column_names:
        raise HoldfastError(
            f"data set {name!r} has no label column {column!r}, only {table.column_names}; build a "
            "stream from arrays instead (holdfast.streams.from_arrays)"
        )
    labels = label_array(list(table[column]), f"data set {name!r}: {side} labels")
    if labels.dtype == object:
        return labels.astype(str)
    hidden = int((labels == -1).sum())  # the hub's mark
    if hidden:
        raise HoldfastError(
            f"data set {name!r}: {hidden} {side} labels are -1, which means that they are not "
            "published; choose a data set whose labels are known"
        )
    return labels


def _label_groups(table: Table, name: str) -> dict[int, str] | None:
    """Label → name of its group, in the order in which the data set lists the groups."""
    if name not in GROUPS:
        return None
    group_of = dict(zip(table[NAMED[name]], table[GROUPS[name]], strict=True))
    names = table.features[GROUPS[name]].names
    in_order = sorted(group_of, key=lambda label: (group_of[label], label))
    return {int(label): names[group_of[label]] for label in in_order}


def _image_column(table: Table, name: str) -> str:
    """The column that holds the images."""
    for column in IMAGE_COLUMNS:
        if column in table.column_names:
            return column
    raise HoldfastError(
        f"data set {name!r} is not made of images or texts with labels: expected a column image, "
        f"img or text, got {table.column_names}; build a stream from arrays instead "
        "(holdfast.streams.from_arrays)"
    )


def _images(column: Iterable[object], what: str) -> np.ndarray:
    """Images of PIL as one array of uint8, (N, C, H, W)."""
    images: list[np.ndarray] = []
    for number, image in enumerate(column):
        if image is None:
            raise HoldfastError(f"{what} {number} is missing; leave this example out")
        if not isinstance(image, Picture):
            raise HoldfastError(
                f"{what} {number} is a {type(image).__name__}, not a decoded image; write the "
                "parquet files with the hub's package (datasets), whose metadata say that the "
                "column holds images"
            )
        # All images of both sides become one array each, so they must agree in type and shape.
        pixels = _pixels(image)
        if pixels.dtype != np.uint8:
            raise HoldfastError(
                f"{what} {number} has values of type {pixels.dtype}, but 8 bits per channel are "
                "expected; convert the images first"
            )
        if images and pixels.shape != images[0].shape:
            raise HoldfastError(
                f"{what} {number} has shape {pixels.shape}, but the first one has "
                f"{images[0].shape} (channels, height, width); make all images one size and one "
                "mode first"
            )
        images.append(pixels)
    return np.stack(images)


def _pixels(image: Picture) -> np.ndarray:
    """The pixels of an image, (C, H, W)."""
    # In an image with a palette the colours matter, not their numbers in the palette.
    if image.mode == "P":
        image = image.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels[None]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
