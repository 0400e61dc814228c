"""Texts as vectors of fixed length: hashed pieces of words, or TF-IDF fitted on all tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from holdfast.errors import HoldfastError, MissingExtra, one_of

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

FEATURES = ("hashed", "tfidf-all-tasks")
HASHED_COLUMNS = 2048
TFIDF_WORDS = 2000


def text_features(
    train: Sequence[object], test: Sequence[object], features: str = "hashed"
) -> tuple[np.ndarray, np.ndarray]:
    """Turn texts into features; each row has length 1, or is zero if nothing of a text is known.

    Args:
        train: The training texts of all tasks.
        test: The test texts of all tasks.
        features: "hashed" (default) counts pieces of three to five characters within words in
            2,048 hashed columns. Nothing is fitted, so a model can be trained before the texts of
            later tasks exist. "tfidf-all-tasks" is TF-IDF of the 2,000 most frequent words and
            pairs of words, fitted on the training texts of all tasks. It knows the words of tasks
            that have not come yet, which no deployed model does, so results name it.

    Returns:
        Training features (N, columns) and test features (M, columns), float32.

    Raises:
        MissingExtra: scikit-learn is not installed.
        HoldfastError: A text is missing, or is something else than text.

    Example:
        >>> a, b = text_features(["pay my bill", "book a flight"], ["pay bills"])
        >>> a.shape, bool(a[0] @ b[0] > a[1] @ b[0])
        ((2, 2048), True)
    """
    one_of("features", features, FEATURES)
    refuse_missing(train, "training text")
    refuse_missing(test, "test text")
    if features == "hashed":
        return hashed(train), hashed(test)
    words, features_of_train = _fitted(train)
    return features_of_train, words.transform(test).toarray()


def hashed(texts: Sequence[object]) -> np.ndarray:
    """Count hashed pieces of the words of texts.

    Args:
        texts: The texts.

    Returns:
        (N, 2048), float32, with rows of length 1.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import HashingVectorizer
    except ImportError:
        raise MissingExtra("scikit-learn", "text") from None
    # Hashing has no vocabulary, so nothing of later tasks can enter the features.
    pieces = HashingVectorizer(
        n_features=HASHED_COLUMNS, analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32
    )
    counted: np.ndarray = pieces.transform(texts).toarray()
    return counted


class Words(NamedTuple):
    """TF-IDF that was fitted: what it counts, and the weight of each.

    Attributes:
        known: Words and pairs of words, in the order of the features.
        weights: Their inverse document frequencies.
    """

    known: list[str]
    weights: list[float]


def fit_words(texts: Sequence[object]) -> Words:
    """Fit TF-IDF of the 2,000 most frequent words and pairs of words.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    vectorizer, _ = _fitted(texts)
    places: dict[str, int] = vectorizer.vocabulary_
    # The vocabulary has the column of each word, but not in the order of the columns.
    known = sorted(places, key=places.__getitem__)
    return Words(known, [float(weight) for weight in vectorizer.idf_])


def weigh_words(words: Words, texts: Sequence[object]) -> np.ndarray:
    """Apply TF-IDF that was fitted, perhaps in another process.

    Args:
        words: What was fitted.
        texts: The texts.

    Returns:
        (N, words), float32. The rows are the same to the bit as those of the vectorizer that was
        fitted.

    Example:
        >>> words = fit_words(["pay my bill", "pay now"])
        >>> weigh_words(words, ["pay", "fly"]).sum(1).tolist()
        [1.0, 0.0]
    """
    vectorizer = _vectorizer(words.known)
    # In the type in which it was fitted, so that rows are the same to the bit.
    vectorizer.idf_ = np.array(words.weights, dtype=np.float32)
    features: np.ndarray = vectorizer.transform(texts).toarray()
    return features


def _fitted(texts: Sequence[object]) -> "tuple[TfidfVectorizer, np.ndarray]":
    """Fit TF-IDF, and return it with the features of the texts."""
    vectorizer = _vectorizer(None)
    return vectorizer, vectorizer.fit_transform(texts).toarray()


def _vectorizer(known: list[str] | None) -> "TfidfVectorizer":
    """Make TF-IDF over words that are known, or over those that it will be fitted on."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise MissingExtra("scikit-learn", "text") from None
    # A known vocabulary is complete, and no limit may cut it.
    most = TFIDF_WORDS if known is None else None
    return TfidfVectorizer(
        vocabulary=known,
        max_features=most,
        ngram_range=(1, 2),
        sublinear_tf=True,
        dtype=np.float32,
    )


def refuse_missing(texts: Sequence[object], what: str) -> list[str]:
    """Refuse an example without a text.

    Args:
        texts: The texts.
        what: What the message calls a text.

    Returns:
        The texts, all of which are there.

    Raises:
        HoldfastError: A text is missing, or is something else than text.
    """
    words = []
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise HoldfastError(
                f"{what} {number} is {text!r}, but every example needs a text; leave out the "
                "examples that have none"
            )
        words.append(text)
    return words
