"""Rows of a user's data set whose texts have become tokens, once and for all epochs."""

from collections.abc import Mapping, Sequence

import numpy as np

from holdfast.streams.tokens import FILLER, IDS, MASK, Tokenizer, kept_tokens
from holdfast.streams.types import LabelledRows


class TextRows:
    """Rows as (tokens, label) pairs.

    Args:
        tokens: The numbers of the tokens of each row, (N, L), -1 after the end of a text.
        labels: The label of each row.

    Example:
        >>> rows = TextRows(np.array([[5, 6], [7, -1]]), ["a", "b"])
        >>> rows[1]
        ({'input_ids': array([7]), 'attention_mask': array([1])}, 'b')
    """

    def __init__(self, tokens: np.ndarray, labels: Sequence[object]) -> None:
        self.tokens = tokens
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Mapping[str, np.ndarray], object]:
        row = self.tokens[index]
        ids = row[row != FILLER].astype(np.int64)
        return {IDS: ids, MASK: np.ones_like(ids)}, self.labels[index]


def text_rows(
    rows: LabelledRows, where: str, tokenizer: Tokenizer, max_length: int | None
) -> tuple[TextRows, dict[str, object]]:
    """Turn the texts of rows into tokens.

    Args:
        rows: Rows that are (text, label) pairs.
        where: What messages call the rows.
        tokenizer: As `tokenize` takes it.
        max_length: As there.

    Returns:
        The rows, and what `warn_of_cuts` needs to know.

    Raises:
        HoldfastError: A row has no text; the message names its number.
    """
    pairs = [rows[number] for number in range(len(rows))]
    texts = [pair[0] for pair in pairs]
    labels = [pair[1] for pair in pairs]
    array, facts = kept_tokens(
        texts, tokenizer, max_length, lambda number: f"{where}: text {number}"
    )
    return TextRows(array, labels), facts
