"""Static embeddings of words: text files of GloVe, word2vec and fastText, and arrays with words.

A text is cut into words at spaces and punctuation. A word is looked up as it is written and in
lower case. If both are unknown and it has an apostrophe or a hyphen, its parts are looked up.
"""

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from holdfast.errors import HoldfastError, require
from holdfast.text import safe_name

WORD = re.compile(r"\w+(?:['’-]\w+)*")
PART = re.compile(r"\w+")


def text_file_means(texts: Sequence[str], file: Path, _: Path | None = None) -> np.ndarray:
    """Average the vectors of the words of each text.

    Args:
        texts: The texts.
        file: A text file: in each line a word and its numbers, with spaces between them. A first
            line with the number of words and of columns may precede them. It may be compressed
            (.gz).

    Returns:
        The means, (N, D), float32. A text without a known word has zeros.

    Raises:
        HoldfastError: A line has another number of columns, or something else than numbers.
    """
    wanted = _spellings(texts)
    place_of: dict[str, int] = {}
    with _opened(file) as lines:
        columns, vectors = _read(lines, wanted, place_of, safe_name(file.name))
    # Without a known word there is nothing to stack.
    stacked = np.zeros((0, columns), dtype=np.float32)
    if vectors:
        stacked = np.stack(vectors)
    return _means(texts, stacked, place_of)


def array_means(texts: Sequence[str], file: Path, words: Path | None) -> np.ndarray:
    """Average the vectors of the words of each text.

    Args:
        texts: The texts.
        file: A .npy file of vectors, (V, D).
        words: The word of each row, in a .txt file with one per line, or in the first column of a
            .parquet file.

    Returns:
        The means, (N, D), float32. A text without a known word has zeros.

    Raises:
        HoldfastError: The two files do not belong together.
        MissingExtra: The words are in a .parquet file, and pyarrow is not installed.
    """
    if words is None:
        raise HoldfastError("vectors of words need their words")
    vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    known = _listed_words(words)
    if vectors.ndim != 2 or len(vectors) != len(known):
        raise HoldfastError(
            f"{safe_name(file.name)} has the shape {vectors.shape}, but {safe_name(words.name)} "
            f"lists {len(known)} words; expected one row of numbers per word"
        )
    wanted = _spellings(texts)
    place_of: dict[str, int] = {}
    for place, word in enumerate(known):
        if word in wanted:
            # Of a word that is listed several times, the first counts, which is the most frequent.
            place_of.setdefault(word, place)
    return _means(texts, vectors, place_of)


def _opened(file: Path) -> TextIO:
    """Open a text file, compressed or not."""
    # Some words hold characters that other modes would take for the end of a line.
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="\n")
    return file.open(encoding="utf-8", errors="replace", newline="\n")


def _read(
    lines: TextIO, wanted: set[str], place_of: dict[str, int], name: str
) -> tuple[int, list[np.ndarray]]:
    """Read the vectors of the words that are wanted, and note the place of each.

    Returns:
        The number of columns, and the vectors.
    """
    first = lines.readline()
    header = first.split()
    skipped = len(header) == 2 and all(number.isdigit() for number in header)
    columns = len(header) - 1
    if skipped:
        columns = int(header[1])
    else:
        lines.seek(0)
    if columns < 1:
        raise HoldfastError(
            f"line 1 of {name} has no word with numbers after it, with spaces between them"
        )
    vectors: list[np.ndarray] = []
    for number, line in enumerate(lines, 1 + skipped):
        # Most words do not occur in the texts, and reading their numbers would take long.
        if line.partition(" ")[0] not in wanted:
            continue
        word, *numbers = line.rstrip().rsplit(" ", columns)
        # Some files have words with spaces in them.
        if word in place_of or word not in wanted:
            continue
        vectors.append(_vector(numbers, columns, f"line {number} of {name}"))
        place_of[word] = len(place_of)
    return columns, vectors


def _vector(numbers: Sequence[str], columns: int, where: str) -> np.ndarray:
    """The numbers of a word."""
    try:
        vector = np.array(numbers, dtype=np.float32)
    except ValueError:
        raise HoldfastError(f"{where} holds something else than numbers after its word") from None
    if len(vector) != columns or not np.isfinite(vector).all():
        raise HoldfastError(
            f"{where} has {len(vector)} numbers; expected {columns} finite ones, as in the first "
            "line"
        )
    return vector


def _listed_words(file: Path) -> list[str]:
    """The words of an array, in the order of its rows."""
    if file.suffix == ".txt":
        # No other character ends a line, since words may hold such characters.
        return file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    require("parquet", "pyarrow")
    import pyarrow.parquet

    return [str(word) for word in pyarrow.parquet.read_table(file).column(0).to_pylist()]


def _spellings(texts: Sequence[str]) -> set[str]:
    """All words of texts in every way in which they are looked up."""
    found = set[str]()
    for text in texts:
        found.update(WORD.findall(text), PART.findall(text))
    return found | {word.lower() for word in found}


def _places(text: str, place_of: Mapping[str, int]) -> Iterator[int]:
    """The places of the known words of a text."""
    for word in WORD.findall(text):
        parts = [word]
        if word not in place_of and word.lower() not in place_of:
            parts = PART.findall(word)
        for part in parts:
            place = place_of.get(part, place_of.get(part.lower()))
            if place is not None:
                yield place


def _means(texts: Sequence[str], vectors: np.ndarray, place_of: Mapping[str, int]) -> np.ndarray:
    """The mean vector of the known words of each text, (N, D)."""
    means = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
    for row, text in enumerate(texts):
        places = list(_places(text, place_of))
        if places:
            means[row] = vectors[places].mean(0)
    return means
