"""What every measure offers: the value of a task's score, and what each example adds to it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from holdfast.gate.measures.answers import Answers


class Unmeasurable(Exception):
    """A measure has no value on some examples, for example because a class does not occur."""


@dataclass(frozen=True)
class Estimate:
    """The value of a measure, and the influence of each example on it.

    Attributes:
        value: The value T.
        influence: How T changes if an example gets more weight, shape (N,). Its weighted mean is 0.
        lowest: The smallest influence that any single example could have.
        highest: The largest one.
    """

    value: float
    influence: np.ndarray
    lowest: float
    highest: float


@dataclass(frozen=True)
class Values:
    """The value of a measure as a mean over examples.

    Attributes:
        value: The value of the measure.
        rows: What each example adds, shape (N,). Their mean is `value`.
        lowest: The smallest value that a row could have.
        highest: The largest one.
    """

    value: float
    rows: np.ndarray
    lowest: float
    highest: float


class Measure(ABC):
    """What the score of a task is.

    Attributes:
        name: The name in policies and verdicts.
        higher_is_better: Whether a larger value is a better one.
        low: Smallest possible value, or None if there is none.
        high: Largest possible value, or None if there is none.
        open_ended: Whether one example may cost any amount. The range of a row is then that of the
            rows at hand, and more is asked of the sample.
        by_class: Whether the recall of each class says something beside this measure.
        by_example: Whether the value is a mean of scores of single examples.
    """

    name: str
    higher_is_better: bool = True
    low: float | None = 0.0
    high: float | None = 1.0
    open_ended: bool = False
    by_class: bool = False
    by_example: bool = False

    @property
    def is_share(self) -> bool:
        """Whether values lie in [0, 1], so that changes are given in points."""
        return (self.low, self.high) == (0.0, 1.0)

    def selected(self, answers: Answers) -> np.ndarray | None:
        """Choose the examples that count, or return None if all of them do.

        Args:
            answers: The answers of the champion, whose labels decide.
        """
        return None

    @abstractmethod
    def estimate(self, answers: Answers) -> Estimate:
        """Compute the value on some examples, and the influence of each of them.

        Raises:
            Unmeasurable: The measure has no value on these examples.
            HoldfastError: The results lack a column that the measure needs.
        """

    def values(self, answers: Answers) -> Values:
        """Compute what each example adds to the value; see `estimate`.

        An example with a large weight adds its influence as often as its weight says.
        """
        if not answers.count or not float(answers.weights.sum()) > 0:
            raise Unmeasurable("no example has a weight above 0")
        estimate = self.estimate(answers)
        weights = answers.weights
        # The example with the largest weight could have had the worst answer of all.
        heaviest = float(weights.max())
        return Values(
            value=estimate.value,
            rows=estimate.value + weights * estimate.influence,
            lowest=estimate.value + heaviest * estimate.lowest,
            highest=estimate.value + heaviest * estimate.highest,
        )
