"""Measures that are means of scores per example."""

from abc import abstractmethod

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.columns import (
    class_code,
    predictions,
    probabilities_of_truth,
    squared_misses,
    true_and_predicted_numbers,
    truth,
)
from holdfast.gate.measures.measure import Estimate, Measure, Unmeasurable, Values

LEAST_PROBABILITY = float(np.finfo(float).eps)  # as scikit-learn clips it, so that no loss is ∞


class Average(Measure):
    """A mean of scores per example."""

    by_example = True

    @abstractmethod
    def per_example(self, answers: Answers) -> np.ndarray:
        """Compute the score of each example, shape (N,)."""

    def values(self, answers: Answers) -> Values:
        """Return the scores themselves if no example has more weight than another; see `Measure`.

        Adding their mean to their difference from it would round them, and equal scores are equal
        only to the last bit.
        """
        if answers.weight is not None or not answers.count:
            return super().values(answers)
        scores = self.per_example(answers)
        low, high = self._ends(answers, scores)
        return Values(float(scores.mean()), scores, low, high)

    def estimate(self, answers: Answers) -> Estimate:
        """Compute the mean, and by how much each example differs from it; see `Measure`."""
        scores = self.per_example(answers)
        mean = float(scores @ answers.weights) / answers.count
        low, high = self._ends(answers, scores)
        return Estimate(mean, scores - mean, low - mean, high - mean)

    def _ends(self, answers: Answers, scores: np.ndarray) -> tuple[float, float]:
        """Return the limits, or the smallest and largest score at hand where there is no limit."""
        low, high = self.limits(answers)
        if low is None:
            low = float(scores.min())
        if high is None:
            high = float(scores.max())
        return low, high

    def limits(self, answers: Answers) -> tuple[float | None, float | None]:
        """Return the smallest and the largest possible score of an example."""
        return self.low, self.high


class Score(Average):
    """The column `score`: in [0, 1] unless a range is declared.

    Args:
        name: What the score is called in the verdict.
        low: Smallest possible score, or None if there is none.
        high: Largest possible score, or None if there is none.
        higher_is_better: Whether a larger score is a better one.
    """

    by_class = True
    column = "score"

    def __init__(
        self,
        name: str = "score",
        low: float | None = 0.0,
        high: float | None = 1.0,
        higher_is_better: bool = True,
    ) -> None:
        self.name = name
        self.low = low
        self.high = high
        self.higher_is_better = higher_is_better
        self.open_ended = low is None or high is None

    def per_example(self, answers: Answers) -> np.ndarray:
        """Return the column, and refuse scores outside the declared range; see `Average`."""
        scores = (answers.columns or {}).get(self.column)
        if scores is None:
            raise self._missing_column()
        # NaN is never beyond a limit, so it is looked for before the range is checked.
        missing = int(np.isnan(scores).sum())
        if missing:
            raise Unmeasurable(f"{missing:,} examples have no {self.column}")
        for limit, is_beyond in (
            (self.low, self.low is not None and scores.min() < self.low),
            (self.high, self.high is not None and scores.max() > self.high),
        ):
            if is_beyond:
                raise HoldfastError(
                    f"{self.name} lies between {scores.min():g} and {scores.max():g}, but the "
                    f"declared range ends at {limit:g}; correct the scores, or the range in the "
                    "policy"
                )
        return scores

    def _missing_column(self) -> HoldfastError:
        """Make the error for results without the column."""
        return HoldfastError(
            "the results have no column score, and no labels with predictions in its place; name a "
            "metric for the columns that they have, such as --metric auc"
        )


class Column(Score):
    """Any numeric column of the results.

    Args:
        column: Name of the column.
        low: Smallest possible value, or None if there is none.
        high: Largest possible value, or None if there is none.
        higher_is_better: Whether a larger value is a better one.
    """

    # What a column of your own says about a single class is unknown.
    by_class = False

    def __init__(
        self, column: str, low: float | None, high: float | None, higher_is_better: bool
    ) -> None:
        super().__init__(column, low, high, higher_is_better)
        self.column = column

    def _missing_column(self) -> HoldfastError:
        """Make the error for results without the column."""
        return HoldfastError(
            f"{self.column!r} is neither a known metric nor a column of numbers in the results of "
            "both sides; correct the name of the metric, or add the column"
        )


class Accuracy(Average):
    """The share of right predictions."""

    name = "accuracy"
    by_class = True

    def per_example(self, answers: Answers) -> np.ndarray:
        """Return 1 for a right prediction and 0 for a wrong one; see `Average`."""
        right: np.ndarray = truth(answers, self.name) == predictions(answers, self.name)
        return right.astype(float)


class Recall(Average):
    """The share of the examples of one class that are recognised.

    It is the accuracy on these examples alone, so no other example counts.

    Args:
        class_name: The class, or "" for the positive one of two classes.
    """

    def __init__(self, class_name: str = "") -> None:
        self.class_name = class_name
        self.name = "recall"
        if class_name:
            self.name = f"recall@{class_name}"

    def selected(self, answers: Answers) -> np.ndarray:
        """Choose the examples of the class; see `Measure`."""
        of_class: np.ndarray = truth(answers, self.name) == class_code(
            answers, self.class_name, self.name
        )
        return of_class

    def per_example(self, answers: Answers) -> np.ndarray:
        """Return 1 for a right prediction and 0 for a wrong one; see `Average`."""
        right: np.ndarray = truth(answers, self.name) == predictions(answers, self.name)
        return right.astype(float)


class Brier(Average):
    """Brier's score: the mean squared difference between probabilities and what happened.

    With two classes it is (p - y)² of the positive class, in [0, 1]. With more, it is the sum over
    the classes, in [0, 2].

    References:
        G. W. Brier (1950), Verification of forecasts expressed in terms of probability. Monthly
        Weather Review 78(1).
    """

    name = "brier"
    higher_is_better = False
    high = 2.0

    def per_example(self, answers: Answers) -> np.ndarray:
        """Compute the squared differences; see `Average`."""
        return squared_misses(answers, self.name)

    def limits(self, answers: Answers) -> tuple[float | None, float | None]:
        """Return the limits, which are closer for two classes; see `Average`."""
        if answers.positive is not None:
            return 0.0, 1.0
        return self.low, self.high


class LogLoss(Average):
    """The mean of -log p of the true class, in nats. One example may cost any amount."""

    name = "log_loss"
    higher_is_better = False
    high = None
    open_ended = True

    def per_example(self, answers: Answers) -> np.ndarray:
        """Compute the losses; see `Average`."""
        probability = probabilities_of_truth(answers, self.name)
        losses: np.ndarray = -np.log(np.clip(probability, LEAST_PROBABILITY, 1.0))
        return losses


class MeanAbsoluteError(Average):
    """The mean absolute difference between numbers and predictions."""

    name = "mae"
    higher_is_better = False
    high = None
    open_ended = True

    def per_example(self, answers: Answers) -> np.ndarray:
        """Compute the absolute differences; see `Average`."""
        true, predicted = true_and_predicted_numbers(answers, self.name)
        differences: np.ndarray = np.abs(true - predicted)
        return differences
