"""The columns that measures need, or a clear error if they are missing."""

import numpy as np

from holdfast.errors import HoldfastError, unknown
from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.measure import Unmeasurable
from holdfast.gate.names import canonical

MOST_LISTED = 12  # classes that a message lists


def truth(answers: Answers, metric: str) -> np.ndarray:
    """Return the position of each label in `answers.names`, shape (N,)."""
    if answers.truth is None:
        raise HoldfastError(
            f"{metric} needs the true values, but the champion's results have no column y_true (or "
            "label); add it"
        )
    return answers.truth


def predictions(answers: Answers, metric: str) -> np.ndarray:
    """Return the position of each prediction in `answers.names`, shape (N,)."""
    if answers.prediction is None:
        raise HoldfastError(
            f"{metric} needs predictions, but one side's results have no column y_pred (or "
            "prediction); add it"
        )
    return answers.prediction


def class_code(answers: Answers, class_name: str, metric: str) -> int:
    """Return the position of a class in `answers.names`.

    Args:
        answers: The answers.
        class_name: The class, or "" for the positive one of two classes.
        metric: The metric that asks, for messages.

    Raises:
        HoldfastError: No label has this name, or there are not two classes.
    """
    if not class_name:
        return _positive(answers, metric)
    for code, name in enumerate(answers.names):
        # A column of floats calls a class 1.0 that the policy calls 1.
        if canonical(name.strip()) == canonical(class_name.strip()):
            return code
    known = list(answers.names)[:MOST_LISTED]
    raise HoldfastError(f"metric {metric}: {unknown('class', class_name, known)}")


def _positive(answers: Answers, metric: str) -> int:
    """Return the position of the positive class, or say how to name one."""
    if answers.positive is None:
        classes = np.unique(truth(answers, metric)).tolist()
        example = answers.names[classes[0]]
        # A small segment may have one class by chance, which is no mistake of the user.
        if len(classes) == 1:
            raise Unmeasurable(f"all of its examples have the class {example}")
        raise HoldfastError(
            f"{metric} needs a positive class, but the labels do not have exactly two values; name "
            f"one as in {metric}@{example}"
        )
    return answers.positive


def ranking_of(answers: Answers, class_name: str, metric: str) -> np.ndarray:
    """Return the score by which examples are ranked for a class, shape (N,).

    It is the column of the class (`proba_<class>`), or for the positive class `y_score`.

    Raises:
        HoldfastError: There is no such column.
    """
    code = class_code(answers, class_name, metric)
    name = answers.names[code]
    by_class = {canonical(key): values for key, values in (answers.by_class or {}).items()}
    # A column that names its class comes before y_score, whose class is inferred.
    if canonical(name) in by_class:
        return by_class[canonical(name)]
    if code == answers.positive and answers.probability is not None:
        return answers.probability
    raise HoldfastError(
        f"{metric} needs a column y_score (for the positive of two classes) or proba_{name} on "
        "both sides; add it"
    )


def probabilities_of_truth(answers: Answers, metric: str) -> np.ndarray:
    """Return the probability that was given to the true class of each example, shape (N,)."""
    true = truth(answers, metric)
    if answers.positive is not None:
        positive = _checked_probability(answers, metric)
        return np.where(true == answers.positive, positive, 1 - positive)
    table, _ = _probability_table(answers, metric)
    chosen: np.ndarray = table[np.arange(answers.count), true]
    return chosen


def squared_misses(answers: Answers, metric: str) -> np.ndarray:
    """Return the squared differences between probabilities and what happened, shape (N,)."""
    true = truth(answers, metric)
    if answers.positive is not None:
        positive = _checked_probability(answers, metric)
        miss: np.ndarray = (positive - (true == answers.positive)) ** 2
        return miss
    table, codes = _probability_table(answers, metric)
    happened = np.zeros_like(table)
    happened[np.arange(answers.count), true] = 1
    misses: np.ndarray = ((table - happened) ** 2)[:, codes].sum(1)
    return misses


def _checked_probability(answers: Answers, metric: str) -> np.ndarray:
    """Return the probability of the positive class, which must lie in [0, 1]."""
    probability = ranking_of(answers, "", metric)
    if float(probability.min()) < 0 or float(probability.max()) > 1:
        raise HoldfastError(
            f"{metric} needs probabilities in [0, 1], but y_score goes from "
            f"{probability.min():g} to {probability.max():g}; give probabilities, or choose auc or "
            "ap, which only use the ranking"
        )
    return probability


def _probability_table(answers: Answers, metric: str) -> tuple[np.ndarray, list[int]]:
    """Return the probability of every class, shape (N, names), and the classes with a column.

    Raises:
        HoldfastError: A class that occurs has no column of probabilities.
    """
    true = truth(answers, metric)
    table = np.zeros((answers.count, len(answers.names)))
    by_class = {canonical(key): values for key, values in (answers.by_class or {}).items()}
    codes: list[int] = []
    for code, name in enumerate(answers.names):
        values = by_class.get(canonical(name))
        if values is not None:
            table[:, code] = values
            codes.append(code)
        # A name that only predictions or other tasks use needs no column.
        elif bool((true == code).any()):
            raise HoldfastError(
                f"{metric} needs the probability of every class, but there is no column "
                f"proba_{name}; add it on both sides"
            )
    return table, codes


def true_and_predicted_numbers(answers: Answers, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions as numbers, each of shape (N,).

    Raises:
        HoldfastError: One of them is not a finite number.
    """
    true = truth(answers, metric)
    predicted = predictions(answers, metric)
    numbers = np.empty(len(answers.names))
    # The names are those of all tasks, and those of other tasks need not be numbers.
    used = np.zeros(len(answers.names), dtype=bool)
    used[true] = True
    used[predicted] = True
    for code in np.flatnonzero(used).tolist():
        try:
            numbers[code] = float(answers.names[code])
        except ValueError:
            numbers[code] = np.nan
        if not np.isfinite(numbers[code]):
            raise HoldfastError(
                f"{metric} needs numbers in y_true and y_pred, but one is {answers.names[code]!r}"
            )
    return numbers[true], numbers[predicted]


def refuse_few(count: int, least: int, what: str) -> None:
    """Stop if there are too few examples of a kind for the measure to be judged.

    Raises:
        Unmeasurable: There are.
    """
    if count < least:
        raise Unmeasurable(
            f"it has {count:,} {what}, but at least {least} are needed for a test whose level holds"
        )
