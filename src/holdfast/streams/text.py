"""Texts as vectors of fixed length: hashed pieces of words, or TF-IDF fitted on all tasks."""

from collections.abc import Sequence

import numpy as np

from holdfast.errors import HoldfastError, MissingExtra, one_of

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
    _refuse_missing(train, "training")
    _refuse_missing(test, "test")
    try:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
    except ImportError:
        raise MissingExtra("scikit-learn", "text") from None
    if features == "hashed":
        # Hashing has no vocabulary, so nothing of later tasks can enter the features.
        pieces = HashingVectorizer(
            n_features=HASHED_COLUMNS, analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32
        )
        return pieces.transform(train).toarray(), pieces.transform(test).toarray()
    # The vocabulary and the weights come from the training texts of all tasks.
    words = TfidfVectorizer(
        max_features=TFIDF_WORDS, ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32
    )
    return words.fit_transform(train).toarray(), words.transform(test).toarray()


def _refuse_missing(texts: Sequence[object], side: str) -> None:
    """Refuse an example without a text."""
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise HoldfastError(
                f"{side} text {number} is {text!r}, but every example needs a text; leave out the "
                "examples that have none"
            )
