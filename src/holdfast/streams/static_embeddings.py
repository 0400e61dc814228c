"""Texts as means of static embeddings: one vector per word or token, from files on this machine.

The vector of a text is the mean of the vectors of its words or tokens, and has length 1. There is
no network, so a text takes microseconds, and nothing of your data is fitted. Nothing is downloaded,
and the library transformers is not needed.

Three layouts are read:

- a text file of word vectors, as GloVe, word2vec and fastText publish them,
- a folder with the tensor and the tokenizer of a static model, as model2vec, sentence-transformers
  (`StaticEmbedding`) and wordllama save it,
- a folder with one array of vectors (.npy) and one table of their words (.parquet or .txt).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from holdfast.errors import HoldfastError, reading
from holdfast.streams.file_digests import files_digest
from holdfast.streams.text import refuse_missing
from holdfast.streams.token_vectors import token_means
from holdfast.streams.word_vectors import array_means, text_file_means
from holdfast.text import safe_name

VECTOR_TEXTS = (".txt", ".vec")
COMPRESSED = ".gz"
# The configuration of a tokenizer of transformers, which is not the tokenizer.
NO_TOKENIZER = "tokenizer_config.json"
EXPECTED = (
    "expected a text file of word vectors (.txt or .vec, also with .gz), a folder with one "
    ".safetensors file and its tokenizer, or a folder with one .npy file and the words of its rows "
    "(.parquet or .txt)"
)
MOST_NAMED = 4  # files that a message lists
LEAST_KNOWN = 0.5  # share of texts with a known word, below which the embeddings don't fit


@dataclass(frozen=True)
class Place:
    """Where static embeddings are.

    Args:
        vectors: The file of the vectors.
        names: The file of the tokenizer, or that of the words. None: the vectors' own file has the
            words.
        means: Computes the mean vectors of texts, (N, D), from both files.
    """

    vectors: Path
    names: Path | None
    means: Callable[[Sequence[str], Path, Path | None], np.ndarray]

    @property
    def files(self) -> list[Path]:
        """The files, in an order that does not depend on the machine."""
        if self.names is None:
            return [self.vectors]
        return [self.vectors, self.names]


def find_embeddings(source: str) -> Place:
    """Find static embeddings on this machine. Nothing is downloaded.

    Args:
        source: A file or a folder, or the name of an installed package that carries one.

    Raises:
        HoldfastError: There is nothing of that name, or something else.

    Example:
        >>> find_embeddings("no/such.vec")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        holdfast.errors.HoldfastError: there is no file, folder or installed package no/such.vec ...
    """
    path = Path(source).expanduser()
    name = safe_name(source)
    if path.is_file():
        plain = path.with_suffix("") if path.suffix == COMPRESSED else path
        if plain.suffix in VECTOR_TEXTS:
            return Place(path, None, text_file_means)
        raise HoldfastError(f"the file {name} holds no static embeddings; {EXPECTED}")
    folder = path
    if not path.is_dir():
        folder = _package(source)
    tensors = sorted(folder.rglob("*.safetensors"))
    tokenizers = [f for f in sorted(folder.rglob("*tokenizer*.json")) if f.name != NO_TOKENIZER]
    if len(tensors) == 1 and len(tokenizers) == 1:
        return Place(tensors[0], tokenizers[0], token_means)
    arrays = sorted(folder.rglob("*.npy"))
    words = sorted([*folder.rglob("*.parquet"), *folder.rglob("*.txt")])
    if len(arrays) == 1 and len(words) == 1:
        return Place(arrays[0], words[0], array_means)
    found = [*tensors, *tokenizers, *arrays, *words]
    names = [safe_name(str(file.relative_to(folder))) for file in found]
    listed = ", ".join(names[:MOST_NAMED]) or "none of them"
    if len(names) > MOST_NAMED:
        listed += f" and {len(names) - MOST_NAMED} more such files"
    raise HoldfastError(f"{name} holds no static embeddings; {EXPECTED}, and found {listed}")


def _package(source: str) -> Path:
    """The folder of an installed package."""
    name = source.replace("-", "_")
    if name.isidentifier():
        # This looks for the package without importing it.
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations)))
    raise HoldfastError(
        f"there is no file, folder or installed package {safe_name(source)} with static "
        "embeddings; give a path on this machine, because nothing is downloaded"
    )


def embeddings_digest(source: str) -> str:
    """What static embeddings are known by: a digest of their files, wherever these are.

    Args:
        source: As in `find_embeddings`.

    Raises:
        HoldfastError: There are none, or a file can't be read.
    """
    place = find_embeddings(source)
    with reading(f"embeddings {safe_name(source)}", "files"):
        return files_digest(place.files, place.vectors.parent)


def mean_embeddings(texts: Sequence[object], source: str, what: str = "text") -> np.ndarray:
    """Turn texts into the means of the embeddings of their words.

    Args:
        texts: The texts.
        source: As in `find_embeddings`.
        what: What messages call a text.

    Returns:
        One vector per text, (N, D), float32, of length 1. It is zero if nothing of a text is known.

    Raises:
        HoldfastError: A text is missing, the embeddings can't be read, or they know no word of more
            than half of the texts.
        MissingExtra: A package that reads them is not installed.
    """
    plain = refuse_missing(texts, what)
    place = find_embeddings(source)
    name = safe_name(source)
    with reading(f"embeddings {name}", "static embeddings"):
        means = place.means(plain, place.vectors, place.names)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unknown = float(np.mean(lengths == 0)) if len(plain) else 0.0
    if unknown > 1 - LEAST_KNOWN:
        raise HoldfastError(
            f"the embeddings {name} know no word of {unknown:.0%} of the texts; use embeddings of "
            "the language of the texts"
        )
    # A text without any known word stays zero.
    unit: np.ndarray = (means / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit
