"""Texts as tokens: what a language model reads, as inputs of two tensors."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from holdfast.errors import HoldfastError, reading, require
from holdfast.named_inputs import NamedInputs
from holdfast.streams.file_digests import network_digest
from holdfast.text import safe_name

IDS = "input_ids"
MASK = "attention_mask"
LONGEST = 512  # tokens of a text; the rest is cut off
FILLER = -1  # after the tokens of a short text, in arrays; no token has this number


def token_array(texts: Sequence[object], folder: str, what: str = "text") -> np.ndarray:
    """Turn texts into numbers of tokens.

    Args:
        texts: The texts.
        folder: The folder of a network in the layout of transformers, with its tokenizer.
        what: What messages call a text.

    Returns:
        The numbers, (N, L), int32, with -1 after the end of a text.

    Raises:
        HoldfastError: A text is missing, or the folder has no tokenizer.
        MissingExtra: The package transformers is not installed.
    """
    require("encoder", "transformers")
    words = []
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise HoldfastError(
                f"{what} {number} is {text!r}, but every example needs a text; leave out the "
                "examples that have none"
            )
        words.append(text)
    with reading(f"tokenizer of {safe_name(folder)}", "a tokenizer of transformers"):
        rows = _numbers(words, Path(folder))
    length = max((len(row) for row in rows), default=1)
    array = np.full((len(rows), max(length, 1)), FILLER, dtype=np.int32)
    for place, row in enumerate(rows):
        array[place, : len(row)] = row
    return array


def _numbers(texts: list[str], folder: Path) -> list[list[int]]:
    """The numbers of the tokens of each text."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    places = config.get("max_position_embeddings", LONGEST)
    longest = min(LONGEST, places, tokenizer.model_max_length)
    if not texts:
        return []
    numbers: list[list[int]] = tokenizer(texts, truncation=True, max_length=longest)[IDS]
    return numbers


def token_inputs(array: np.ndarray) -> NamedInputs:
    """Make inputs of the numbers of tokens.

    Args:
        array: What `token_array` returned.

    Returns:
        `input_ids` and `attention_mask`, which are cut to the longest text of each batch.

    Example:
        >>> token_inputs(np.array([[5, 6], [7, -1]]))["attention_mask"].tolist()
        [[1, 1], [1, 0]]
    """
    mask = array != FILLER
    # Where the mask is 0, the number of the token does not matter, but it must be one.
    ids = np.where(mask, array, 0).astype(np.int64)
    tensors = {IDS: torch.from_numpy(ids), MASK: torch.from_numpy(mask.astype(np.int64))}
    return NamedInputs(tensors, padding={IDS: 0, MASK: 0})


def tokenizer_digest(folder: str) -> str:
    """What identifies the tokens that a folder makes of texts."""
    return network_digest(Path(folder))


def text_digest(texts: Sequence[str]) -> str:
    """What identifies texts."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
