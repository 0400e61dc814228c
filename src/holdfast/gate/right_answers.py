"""Which predictions are right: labels and predictions, compared as text."""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.gate.names import canonical

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = {"true": "1", "false": "0"}


def agreement(label: "pd.Series[str]", prediction: "pd.Series[str]") -> np.ndarray:
    """Compare each prediction with its label as text.

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
    texts = [canonical(str(value).strip()) for value in values]
    truths = [TRUTHS.get(text.lower(), text) for text in texts]
    # "true" means 1 only in a column of truth values. Beside other classes it is a name.
    if set(truths) <= {"0", "1"}:
        texts = truths

    # Different values may now have the same text, so the codes are mapped to those of the texts.
    code_of_text, _ = pd.factorize(np.array(texts, dtype=object))
    classes = code_of_text[codes]
    right: np.ndarray = classes[: len(label)] == classes[len(label) :]
    return right
