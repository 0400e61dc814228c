"""Texts of a user's own data as means of static embeddings, kept in the cache."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from holdfast.streams.own_data.cache import kept
from holdfast.streams.static_embeddings import embeddings_digest, mean_embeddings
from holdfast.streams.tokens import text_digest

KIND = "embeddings"  # beside other kinds of features in the cache


def kept_means(texts: Sequence[str], embeddings: str) -> np.ndarray:
    """Turn texts into means of static embeddings, or map these from the cache.

    Args:
        texts: The texts.
        embeddings: As in `find_embeddings`.

    Returns:
        One vector per text, (N, D), float32.

    Raises:
        HoldfastError: The embeddings can't be read, or are of another language.
    """

    # The files of embeddings are large, and reading them again takes seconds.
    def fill(file: Path) -> dict[str, object]:
        np.save(file, mean_embeddings(texts, embeddings))
        return {}

    means, _ = kept("texts", [KIND, embeddings_digest(embeddings), text_digest(texts)], fill)
    return means
