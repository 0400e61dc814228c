"""Columns as inputs of a network: what is fitted sees the training rows of the first task alone.

| role | inputs |
|---|---|
| number | the number, with mean 0 and deviation 1 over the training rows of the first task |
| date | years since the beginning of 2000, scaled as numbers are |
| boolean | 0 or 1 |
| category | one input for each of the 100 most frequent values in those rows, one for all others |
| text | all texts of a row: hashed words, TF-IDF, an encoder, static embeddings, or tokens |

With `missing="flag"`, each number and date has a second input that is 1 if it is missing, and each
category has one more value. A missing number is 0, which is the mean if numbers are scaled.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs
from holdfast.streams.inputs import LARGEST_FLOAT32
from holdfast.streams.own_data.cache import kept
from holdfast.streams.own_data.embedded_texts import kept_means
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.roles import Role
from holdfast.streams.own_data.sentence_encoder import encoded_texts
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.values import booleans, dates, missing_in, numbers
from holdfast.streams.text import Words, fit_words, hashed, weigh_words
from holdfast.streams.tokens import kept_tokens, token_inputs, warn_of_cuts
from holdfast.text import safe_name

MOST_CATEGORIES = 100
# The mean year, because dates are scaled anyway and need no calendar.
SECONDS_PER_YEAR = 365.25 * 24 * 3600
ENCODED = ("number", "date", "boolean", "category", "text")
# The names of inputs of a table that are kept apart.
COLUMNS = "columns"
TEXT = "text"


@dataclass(frozen=True)
class Fitted:
    """Which rows may be fitted on.

    Args:
        first: The mask of the training rows of the first task, (N,).
        trained: The mask of all training rows, (N,), for features that are called after them.
    """

    first: np.ndarray
    trained: np.ndarray


@dataclass(frozen=True)
class Encoding:
    """What was fitted on the first data, and is applied to all others.

    Args:
        scales: Mean and deviation of each number and date that is scaled. A column without any
            value on the fitted rows has none.
        categories: The values of each category that have an input of their own.
        words: TF-IDF of the texts. None: texts have another encoding, or there are none.
    """

    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    words: Words | None = None


def fitted(table: Table, roles: Mapping[str, Role], fit: Fitted, options: Options) -> Encoding:
    """Fit what the encoding of columns needs to know of the data.

    Args:
        table: The table.
        roles: Column → role.
        fit: Which rows may be fitted on.
        options: How columns are encoded.

    Raises:
        HoldfastError: A value can't be encoded.
    """
    encoding = Encoding()
    for column, role in roles.items():
        if role.kind == "category":
            values = category_texts(table, column)
            missing = missing_in(table.column(column), "category")
            encoding.categories[column] = known_categories(values[fit.first & ~missing])
        elif role.kind in ("number", "date") and options.scale != "none":
            measured = _measured(table, column, role.kind)
            seen = measured[fit.first & ~np.isnan(measured)]
            # Without any value in the first task there is nothing to fit.
            if len(seen):
                encoding.scales[column] = _scale(seen)
    texts = _text_columns(roles)
    # Neither hashing nor a ready encoder learns anything from these data.
    is_ready = options.encoder is not None or options.embeddings is not None
    if not texts or is_ready or options.features == "hashed":
        return encoding
    rows = fit.first
    if options.features == "tfidf-all-tasks":
        # Looks at later tasks, which the user has asked for by the name of the features.
        rows = fit.trained
    pairs = zip(row_texts(table, texts), rows, strict=True)
    words = fit_words([text for text, is_fitted in pairs if is_fitted])
    return Encoding(encoding.scales, encoding.categories, words)


def _scale(seen: np.ndarray) -> tuple[float, float]:
    """The mean and the deviation of numbers."""
    deviation = float(seen.std())
    if deviation == 0:
        deviation = 1.0  # a constant says nothing about the scale
    return float(seen.mean()), deviation


def encoded(
    table: Table, roles: Mapping[str, Role], encoding: Encoding, options: Options
) -> dict[str, Tensor]:
    """Turn the columns of a table into inputs by what was fitted before.

    Args:
        table: The table, without missing values unless they are to be flagged.
        roles: Column → role, as when the encoding was fitted.
        encoding: What was fitted.
        options: How columns are encoded.

    Returns:
        `COLUMNS` and `TEXT`, of which one may be missing: one row of inputs per row of the table,
        (N, D), float32.

    Raises:
        HoldfastError: A value can't be encoded.
    """
    blocks = []
    for column, role in roles.items():
        if role.kind in ENCODED and role.kind != "text":
            blocks.append(_block(table, column, role.kind, encoding, options))
    texts = _text_columns(roles)
    if options.embeddings is not None and not texts:
        raise HoldfastError(
            f"embeddings={safe_name(options.embeddings)!r} has no effect, because {table.name} has "
            "no column of text; name one with text (--text), or leave embeddings out"
        )
    inputs = {}
    if blocks:
        inputs[COLUMNS] = torch.from_numpy(np.concatenate(blocks, axis=1))
    if texts:
        inputs[TEXT] = torch.from_numpy(_texts(row_texts(table, texts), encoding, options))
    return inputs


def combined(tensors: Mapping[str, Tensor], name: str, options: Options) -> Inputs:
    """Put the inputs of images, columns and texts together, or keep them apart.

    Args:
        tensors: The inputs by their kind.
        name: What messages call the data.
        options: Whether inputs are kept apart.

    Raises:
        HoldfastError: There are no inputs, or inputs of one kind are to be kept apart.
    """
    if not tensors:
        raise HoldfastError(
            f"{name} has no input column beside those with another use; add columns, or give one "
            "of those that are not used a role"
        )
    if options.separate_inputs:
        if len(tensors) > 1:
            return NamedInputs(tensors)
        raise HoldfastError(
            f"{name} has inputs of one kind ({', '.join(tensors)}), so there is nothing to keep "
            "apart; leave separate_inputs out, or add columns, texts or images"
        )
    # A single tensor may be mapped from the disk, and joining would copy it.
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    return torch.cat(list(tensors.values()), dim=1)


def _text_columns(roles: Mapping[str, Role]) -> list[str]:
    """The columns of text."""
    return [column for column, role in roles.items() if role.kind == "text"]


def _block(
    table: Table, column: str, kind: str, encoding: Encoding, options: Options
) -> np.ndarray:
    """The inputs of one column, (N, K), float32."""
    if kind == "category":
        return _categories(table, column, encoding.categories[column], options)
    if kind == "boolean":
        # 0 and 1 need no scale.
        return _flagged(booleans(table, column), options)
    values = _measured(table, column, kind)
    if options.scale == "none":
        # float32 would turn them into infinity.
        too_large = np.abs(values) > LARGEST_FLOAT32
        if too_large.any():
            raise table.wrong(column, int(too_large.argmax()), "is too large; scale it first")
    # A column without any value in the first task has no scale, and stays as it is.
    elif column in encoding.scales:
        mean, deviation = encoding.scales[column]
        values = np.asarray((values - mean) / deviation)
    return _flagged(values, options)


def _measured(table: Table, column: str, kind: str) -> np.ndarray:
    """A column of numbers or dates as numbers, (N,), float64, NaN where one is missing."""
    if kind == "number":
        return numbers(table, column)
    return _years(table, column)


def _years(table: Table, column: str) -> np.ndarray:
    """Dates as years since the beginning of 2000, NaN where one is missing."""
    times = dates(table, column, None).to_numpy()
    seconds = (times - np.datetime64("2000-01-01")) / np.timedelta64(1, "s")
    return np.asarray(seconds, dtype=np.float64) / SECONDS_PER_YEAR


def _flagged(values: np.ndarray, options: Options) -> np.ndarray:
    """A column of numbers, and beside it the flags of missing ones if they are wanted."""
    missing = np.isnan(values)
    plain = np.where(missing, 0, values).astype(np.float32)
    if options.missing != "flag":
        return plain[:, None]
    return np.stack([plain, missing.astype(np.float32)], axis=1)


def _categories(table: Table, column: str, known: Sequence[str], options: Options) -> np.ndarray:
    """One input for each category of the fitted rows, one for all others, one for missing ones."""
    texts = category_texts(table, column)
    missing = missing_in(table.column(column), "category")
    place_of = {category: place for place, category in enumerate(known)}
    places = np.array([place_of.get(text, len(known)) for text in texts])
    # The last place, which is cut off below unless missing values have an input.
    places[missing] = len(known) + 1
    width = len(known) + 1 + (options.missing == "flag")
    return np.asarray(np.eye(len(known) + 2, dtype=np.float32)[places][:, :width])


def category_texts(table: Table, column: str) -> np.ndarray:
    """The values of a column of categories as texts, (N,)."""
    return np.array([str(value).strip() for value in table.column(column)], dtype=object)


def known_categories(texts: np.ndarray) -> list[str]:
    """The categories that get an input of their own, in the order of the alphabet."""
    counts = Counter(texts.tolist())
    # Ties are broken by the alphabet, so that the order of rows does not matter.
    by_frequency = sorted(counts, key=lambda text: (-counts[text], text))
    return sorted(by_frequency[:MOST_CATEGORIES])


def _texts(texts: Sequence[str], encoding: Encoding, options: Options) -> np.ndarray:
    """The inputs of all texts of each row, (N, K), float32."""
    if options.encoder is not None:
        return encoded_texts(texts, options.encoder)
    if options.embeddings is not None:
        return kept_means(texts, options.embeddings)
    if encoding.words is not None:
        return weigh_words(encoding.words, texts)
    return _hashed(texts)


def tokens(table: Table, roles: Mapping[str, Role], options: Options) -> NamedInputs:
    """Turn all texts of each row into tokens, which are all that a language model reads.

    Args:
        table: The table.
        roles: Column → role.
        options: How columns are encoded, with the folder of the tokenizer.

    Raises:
        HoldfastError: There is no column of text, there are other inputs, or a text is empty.

    Warns:
        CutTextWarning: Texts were cut.
    """
    texts = _text_columns(roles)
    if not texts:
        raise HoldfastError(
            f"the language model reads texts, but {table.name} has no column of text; name one "
            "with text (--text), or use another backbone"
        )
    others = [name for name, role in roles.items() if role.kind in ENCODED and name not in texts]
    if others:
        raise HoldfastError(
            f"the language model reads texts only, but {table.name} has other input columns too: "
            f"{', '.join(others)}; list the columns of text with inputs "
            f"(--inputs {','.join(texts)})"
        )
    array, facts = kept_tokens(
        row_texts(table, texts),
        str(options.tokenizer),
        options.max_length,
        lambda row: f"the text in {table.place(row)}",
    )
    warn_of_cuts([facts])
    return token_inputs(array)


def row_texts(table: Table, columns: Sequence[str]) -> list[str]:
    """The texts of each row, joined. A missing one is empty.

    Raises:
        HoldfastError: A value is no text; the message names its row.
    """
    parts = []
    for column in columns:
        values = table.column(column)
        missing = missing_in(values, "text")
        for position, value in enumerate(values):
            if not isinstance(value, str) and not missing[position]:
                raise table.wrong(
                    column, position, "is no text; give the column another role, such as category"
                )
        parts.append(["" if gone else str(v) for v, gone in zip(values, missing, strict=True)])
    return ["\n".join(row) for row in zip(*parts, strict=True)]


def _hashed(texts: Sequence[str]) -> np.ndarray:
    """Hashed pieces of words, which are kept because thousands of texts take seconds."""
    content = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()

    def fill(file: Path) -> dict[str, object]:
        np.save(file, hashed(texts))
        return {}

    features, _ = kept("texts", ["hashed", content], fill)
    return features
