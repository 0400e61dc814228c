"""Areas under the ROC curve and under the precision-recall curve."""

from dataclasses import dataclass

import numpy as np

from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.columns import class_code, ranking_of, refuse_few, truth
from holdfast.gate.measures.confusion import sklearn_metrics
from holdfast.gate.measures.measure import Estimate, Measure

LEAST_OF_A_CLASS = 10  # positive and negative examples that an area needs


@dataclass(frozen=True)
class _Ranked:
    """Examples by their score.

    Attributes:
        place: Position of each example's score among the distinct ones, rising, shape (N,).
        positive: Weight of the positive examples at each distinct score, shape (S,).
        negative: The same of the negative ones, shape (S,).
    """

    place: np.ndarray
    positive: np.ndarray
    negative: np.ndarray


class OfRanking(Measure):
    """A measure of how well a score ranks the examples of one class before all others.

    Args:
        class_name: The class, or "" for the positive one of two classes.
    """

    kind: str

    def __init__(self, class_name: str = "") -> None:
        self.class_name = class_name
        self.name = self.kind
        if class_name:
            self.name = f"{self.kind}@{class_name}"

    def is_positive(self, answers: Answers) -> np.ndarray:
        """Return whether each example has the class, shape (N,)."""
        positive: np.ndarray = truth(answers, self.name) == class_code(
            answers, self.class_name, self.name
        )
        count = int(positive.sum())
        refuse_few(count, LEAST_OF_A_CLASS, "positive examples")
        refuse_few(answers.count - count, LEAST_OF_A_CLASS, "negative examples")
        return positive


class RocArea(OfRanking):
    """The area under the ROC curve: the chance that a positive example outranks a negative one.

    The placement V of a positive example is the share of negative ones below it, and that of a
    negative one the share of positive ones above it; ties count half. With the share π of its
    class, the influence of an example is (V - T) / π (DeLong et al. 1988).
    """

    kind = "auc"

    def estimate(self, answers: Answers) -> Estimate:
        """Compute the area and influences; see `Measure`."""
        positive = self.is_positive(answers)
        score = ranking_of(answers, self.class_name, self.name)
        weights = answers.weights
        value = float(sklearn_metrics().roc_auc_score(positive, score, sample_weight=weights))
        ranked = _ranked(positive, score, weights)

        # The weight of what lies below each score, of which a tie counts half.
        negatives = ranked.negative.sum()
        positives = ranked.positive.sum()
        negative_below = np.cumsum(ranked.negative) - ranked.negative / 2
        positive_above = positives - np.cumsum(ranked.positive) + ranked.positive / 2
        placement = np.where(
            positive,
            negative_below[ranked.place] / negatives,
            positive_above[ranked.place] / positives,
        )
        share = np.where(positive, positives, negatives) / answers.count
        # Among few examples each one moves the area more, so the rarer class has the extremes.
        rarer = min(positives, negatives) / answers.count
        influence = (placement - value) / share
        return Estimate(value, influence, -value / rarer, (1 - value) / rarer)


class AveragePrecision(OfRanking):
    """Average precision: the mean over positive examples of the precision at their score.

    With A(s) and B(s), the shares of positive and of all examples at or above a score s, it is
    T = E[y A(s)/B(s)] / π. An example also changes A and B at all lower scores, so that its
    influence has a sum over the positive examples j at or below it:

        (y A/B - T y + Σ_j (y / B_j - A_j / B_j²) / N) / π
    """

    kind = "ap"

    def estimate(self, answers: Answers) -> Estimate:
        """Compute average precision and influences; see `Measure`."""
        positive = self.is_positive(answers)
        score = ranking_of(answers, self.class_name, self.name)
        weights = answers.weights
        value = float(
            sklearn_metrics().average_precision_score(positive, score, sample_weight=weights)
        )
        ranked = _ranked(positive, score, weights)
        share = float(ranked.positive.sum()) / answers.count

        # Shares at or above each distinct score, and the precision there.
        a = np.cumsum(ranked.positive[::-1])[::-1] / answers.count
        b = np.cumsum((ranked.positive + ranked.negative)[::-1])[::-1] / answers.count
        # If the examples at the top have the weight 0, nothing lies at or above their scores.
        b = np.maximum(b, np.finfo(float).tiny)
        precision = a / b

        # What an example changes at the positive examples at or below its own score.
        at_positives = ranked.positive / answers.count
        gain = np.cumsum(at_positives / b)
        cost = np.cumsum(at_positives * precision / b)
        own = precision[ranked.place] - value
        influence = np.where(positive, own + gain[ranked.place], 0.0) - cost[ranked.place]
        # The worst example is a negative one above all others, or a positive one below them.
        lowest = min(-float(cost[-1]), float(precision[0]) - value)
        highest = 1 - value + float((gain - cost).max())
        return Estimate(value, influence / share, lowest / share, highest / share)


def _ranked(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> _Ranked:
    """Sort examples by their score."""
    distinct, place = np.unique(score, return_inverse=True)
    count = len(distinct)
    return _Ranked(
        place=place,
        positive=np.bincount(place, positive * weights, count),
        negative=np.bincount(place, ~positive * weights, count),
    )
