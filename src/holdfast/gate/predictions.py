"""Labels, predictions and probabilities: which answers are right, and areas under ROC curves."""

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.gate.names import canonical

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = {"true": "1", "false": "0"}
POSITIVE = ("1", "true", "True")  # labels that name the positive class


def agreement(label: "pd.Series[Any]", prediction: "pd.Series[Any]") -> np.ndarray:
    """Whether each prediction is the label, compared as text.

    Whole numbers are equal in every form (1, 1.0, "1"). True and False are equal to 1 and 0 if
    there are no other values.

    Args:
        label: The true label of each example, shape (N,).
        prediction: The predicted label of each example, shape (N,).

    Returns:
        True for each example whose prediction is right, shape (N,).

    Example:
        >>> import pandas as pd
        >>> agreement(pd.Series(["1", "2", "b"]), pd.Series(["1.0", "3", "b"])).tolist()
        [True, False, True]
    """
    import pandas as pd

    codes, values = pd.factorize(pd.concat([label, prediction], ignore_index=True))
    texts = [canonical(str(v).strip()) for v in values]
    truths = [TRUTHS.get(t.lower(), t) for t in texts]
    same, _ = pd.factorize(np.array(truths if set(truths) <= {"0", "1"} else texts, dtype=object))
    found = same[codes]
    return found[: len(label)] == found[len(label) :]


def area(positive: np.ndarray, probability: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive example ranks above a negative one.

    Args:
        positive: Whether each example belongs to the positive class, shape (N,). Both classes must
            occur.
        probability: The probability that a model gave to the positive class, shape (N,).

    Returns:
        The area in [0, 1]. A tie between a positive and a negative example counts half.

    References:
        Hanley & McNeil (1982), The meaning and use of the area under a ROC curve.

    Example:
        >>> area(np.array([False, True, True]), np.array([0.2, 0.2, 0.9]))
        0.75
    """
    from scipy.stats import rankdata

    count = int(positive.sum())
    above = rankdata(probability)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))


def positive_class(classes: list[str], counts: list[int]) -> int:
    """Which of two classes is the positive one: that named 1 or true, else the rarer one.

    >>> positive_class(["0", "1"], [5, 90]), positive_class(["ham", "spam"], [50, 10])
    (1, 1)
    """
    named = [k for k, name in enumerate(classes) if name in POSITIVE]
    return named[0] if len(named) == 1 else int(np.argmin(counts))
