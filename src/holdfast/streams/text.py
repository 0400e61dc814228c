"""Texts as vectors of fixed length: hashed pieces of words, fitted on nothing, or TF-IDF fitted on all tasks."""

from collections.abc import Sequence

import numpy as np

from holdfast.errors import HoldfastError, MissingExtra, one_of

FEATURES = ("hashed", "tfidf-all-tasks")
HASHED_COLUMNS = 2048
TFIDF_WORDS = 2000


def text_features(
    train: Sequence[str], test: Sequence[str], features: str = "hashed"
) -> tuple[np.ndarray, np.ndarray]:
    """Texts → fixed features, each row of length 1 (or all zeros if nothing of a text is known).

    Args:
        train: Training texts of all tasks.
        test: Test texts of all tasks.
        features: `hashed` (default): pieces of three to five characters within words, counted in 2,048
            hashed columns. Nothing is fitted, so a model can be trained before the texts of later tasks
            exist. `tfidf-all-tasks`: TF-IDF of the 2,000 most frequent words and pairs of words, fitted on
            the training texts of all tasks. These features know the words of tasks that have not come yet,
            which no deployed model does, so results made with them are labelled.

    Returns:
        Training features (N, columns) and test features (M, columns), float32.

    Raises:
        MissingExtra: scikit-learn is not installed.
        HoldfastError: A text is missing.

    Example:
        >>> a, b = text_features(["pay my bill", "book a flight"], ["pay bills"])
        >>> a.shape, bool(a[0] @ b[0] > a[1] @ b[0])
        ((2, 2048), True)
    """
    one_of("features", features, FEATURES)
    for what, texts in (("training", train), ("test", test)):
        missing = next((k for k, v in enumerate(texts) if not isinstance(v, str)), None)
        if missing is not None:
            raise HoldfastError(
                f"{what} text {missing} is missing or is no text; expected one text per example"
            )
    try:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
    except ImportError:
        raise MissingExtra("scikit-learn", "text") from None
    if features == "hashed":
        pieces = HashingVectorizer(
            n_features=HASHED_COLUMNS, analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32
        )
        return pieces.transform(train).toarray(), pieces.transform(test).toarray()
    words = TfidfVectorizer(
        max_features=TFIDF_WORDS, ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32
    )
    return words.fit_transform(train).toarray(), words.transform(test).toarray()
