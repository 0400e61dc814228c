"""Texts as tokens: what a language model reads, as inputs of two tensors."""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from holdfast.errors import HoldfastError, require
from holdfast.named_inputs import NamedInputs
from holdfast.streams.tokenizers import GivesTokens, Reading, content_of, opened

IDS = "input_ids"
MASK = "attention_mask"
FILLER = -1  # after the tokens of a short text, in arrays; no token has this number
VERSION = 2  # of how texts become arrays; raise it if they are to become others
PADDING = {IDS: 0, MASK: 0}

Tokenizer = str | Path | GivesTokens


class CutTextWarning(UserWarning):
    """Texts were longer than allowed, and were cut."""


@dataclass(frozen=True)
class TokenArray:
    """The tokens of texts.

    Args:
        array: Their numbers, (N, L), int32, with -1 after the end of a text.
        cut: How many texts were longer than allowed, and lost their ends.
        longest: The number of tokens that are allowed.
    """

    array: np.ndarray
    cut: int
    longest: int

    def facts(self) -> dict[str, object]:
        """What is kept beside the array, for `warn_of_cuts`."""
        return {"texts": len(self.array), "cut": self.cut, "longest": self.longest}


def token_array(
    texts: Sequence[object],
    tokenizer: Tokenizer,
    max_length: int | None = None,
    place: Callable[[int], str] | None = None,
) -> TokenArray:
    """Turn texts into numbers of tokens.

    Args:
        texts: The texts.
        tokenizer: The folder of a network in the layout of transformers, with its tokenizer, a
            GGUF file, a name of the Hugging Face hub, or a tokenizer of transformers.
        max_length: The most tokens of a text, at least 1; longer ones are cut. None: as many as the
            network reads, at most 512.
        place: Says which text a number is, for messages. None: "text" and the number.

    Returns:
        The numbers, and how many texts were cut.

    Raises:
        HoldfastError: A text is missing or has no token, there is no tokenizer, or it gives numbers
            that the network does not know.
        MissingExtra: The package transformers is not installed.
    """
    require("encoder", "transformers")
    place = place or _numbered
    words = []
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise HoldfastError(
                f"{place(number)} is {text!r}, but every example needs a text; leave out the "
                "examples that have none"
            )
        words.append(text)
    reader = opened(tokenizer)
    longest = reader.length(max_length)
    rows, cut = reader.numbers(words, longest)
    _check_rows(rows, words, reader, place)
    length = max((len(row) for row in rows), default=1)
    array = np.full((len(rows), max(length, 1)), FILLER, dtype=np.int32)
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return TokenArray(array, cut, longest)


def _numbered(number: int) -> str:
    """Name a text by its number."""
    return f"text {number}"


def _check_rows(
    rows: Sequence[Sequence[int]],
    texts: Sequence[str],
    reader: Reading,
    place: Callable[[int], str],
) -> None:
    """Refuse texts without tokens, and tokens that the network does not know."""
    # A tokenizer may put marks around any text, also around none.
    marks = reader.marks
    for number, row in enumerate(rows):
        if len(row) <= marks:
            raise HoldfastError(
                f"{place(number)} is {texts[number]!r}, which has no token that a language model "
                "could read; leave out the examples without text"
            )
        if reader.vocabulary is not None and max(row) >= reader.vocabulary:
            raise HoldfastError(
                f"{place(number)} has the token {max(row)} by the tokenizer of {reader.name}, but "
                f"the network there knows only the tokens 0 to {reader.vocabulary - 1}, so the "
                "tokenizer is that of another network; copy the tokenizer of this one into the "
                "folder"
            )


def tokenize(
    texts: Sequence[str], tokenizer: Tokenizer, max_length: int | None = None
) -> NamedInputs:
    """Turn texts into inputs of a language model, once: later calls read them from the cache.

    Use it for `from_arrays`, and for texts that a learner is to answer for.

    Args:
        texts: The texts, each with at least one token.
        tokenizer: The folder of a model with its tokenizer, a GGUF file, a name of the Hugging Face
            hub, or a tokenizer of transformers.
        max_length: The most tokens of a text, at least 1. Longer texts are cut, with a warning that
            counts them. None: as many as the model reads, at most 512.

    Returns:
        `input_ids` and `attention_mask`. Batches are cut to their longest text.

    Raises:
        HoldfastError: A text is missing or has no token, or there is no such tokenizer.
        MissingExtra: The package transformers is not installed.

    Warns:
        CutTextWarning: Texts were cut.
    """
    if isinstance(texts, str):
        raise HoldfastError(
            f"expected a list of texts, got one text {texts[:40]!r}; put it into a list"
        )
    array, facts = kept_tokens(list(texts), tokenizer, max_length)
    warn_of_cuts([facts])
    return token_inputs(array)


def check_length(max_length: int | None, tokenizer: Tokenizer | None) -> None:
    """Refuse a length of texts if there is no tokenizer that could cut them.

    Args:
        max_length: The most tokens of a text, or None.
        tokenizer: The tokenizer, or None.

    Raises:
        HoldfastError: There is a length alone.
    """
    if max_length is not None and tokenizer is None:
        raise HoldfastError(
            f"max_length={max_length} has no effect without tokenizer, which turns texts into "
            "tokens; leave it out"
        )


def kept_tokens(
    texts: Sequence[object],
    tokenizer: Tokenizer,
    max_length: int | None = None,
    place: Callable[[int], str] | None = None,
) -> tuple[np.ndarray, dict[str, object]]:
    """Turn texts into numbers of tokens, or map these from the cache.

    Args:
        texts: As in `token_array`.
        tokenizer: As there.
        max_length: As there.
        place: As there.

    Returns:
        The numbers, (N, L), and what `warn_of_cuts` needs to know.

    Raises:
        HoldfastError: As there.
    """
    # The cache of arrays reads data sets, which may be texts.
    from holdfast.streams.own_data.cache import kept

    def made() -> TokenArray:
        return token_array(texts, tokenizer, max_length, place)

    def fill(file: Path) -> dict[str, object]:
        tokens = made()
        np.save(file, tokens.array)
        return tokens.facts()

    are_texts = all(isinstance(text, str) for text in texts)
    # What is missing is refused, and a tokenizer without any content has no name in the cache.
    content = tokenizer_digest(tokenizer) if are_texts else None
    if content is None:
        tokens = made()
        return tokens.array, tokens.facts()
    return kept("tokens", [VERSION, content, max_length, text_digest(texts)], fill)


def warn_of_cuts(parts: Sequence[dict[str, object]]) -> None:
    """Warn once of all texts that lost their ends.

    Args:
        parts: What `TokenArray.facts` gave for each group of texts. All have one length.
    """
    cut = sum(_whole(part, "cut") for part in parts)
    if not cut:
        return
    texts = sum(_whole(part, "texts") for part in parts)
    longest = max(_whole(part, "longest") for part in parts)
    are = "is" if cut == 1 else "are"
    were = "was" if cut == 1 else "were"
    warnings.warn(
        f"{cut:,} of {texts:,} texts {are} longer than {longest:,} tokens and {were} cut; "
        "max_length (--max-length) sets another length",
        CutTextWarning,
        stacklevel=3,
    )


def _whole(facts: dict[str, object], name: str) -> int:
    """One of the counts that are kept beside tokens. An older cache has none."""
    value = facts.get(name, 0)
    return value if isinstance(value, int) else 0


def token_inputs(array: np.ndarray) -> NamedInputs:
    """Make inputs of the numbers of tokens.

    Args:
        array: The array of `token_array`.

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
    return NamedInputs(tensors, padding=PADDING)


def tokenizer_digest(tokenizer: Tokenizer) -> str | None:
    """What identifies the tokens that a tokenizer makes of texts. None: it has no content."""
    return content_of(tokenizer)


def text_digest(texts: Sequence[object]) -> str:
    """What identifies texts."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
