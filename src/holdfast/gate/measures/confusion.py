"""Measures of right and wrong classes: precision, F1, balanced accuracy.

Each is a ratio of counts, so its influence follows from the chain rule. For one class, let y and ŷ
say whether an example has the class and is predicted to have it, p and q be the shares of both, and
a the share of examples with both.
"""

from abc import abstractmethod
from typing import Any

import numpy as np

from holdfast.errors import require
from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.columns import class_code, predictions, refuse_few, truth
from holdfast.gate.measures.measure import Estimate, Measure, Unmeasurable

# Below this many examples of a class, a ratio of counts is too crooked for its linear form.
LEAST_OF_A_CLASS = 10


def sklearn_metrics() -> Any:
    """Import the metrics of scikit-learn.

    Raises:
        MissingExtra: It is not installed.
    """
    # The plain installation of the gate has no scikit-learn, and accuracy does without it.
    require("metrics", "sklearn")
    import sklearn.metrics

    return sklearn.metrics


class OfOneClass(Measure):
    """A measure of one class.

    Args:
        class_name: The class, or "" for the positive one of two classes.
    """

    kind: str

    def __init__(self, class_name: str = "") -> None:
        self.class_name = class_name
        self.name = self.kind
        if class_name:
            self.name = f"{self.kind}@{class_name}"

    def of_class(self, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
        """Return whether each example has the class, and whether it is predicted, each (N,)."""
        code = class_code(answers, self.class_name, self.name)
        has = truth(answers, self.name) == code
        refuse_few(int(has.sum()), LEAST_OF_A_CLASS, f"examples of class {answers.names[code]}")
        return has, predictions(answers, self.name) == code


class Precision(OfOneClass):
    """The share of the examples predicted to have a class that have it: T = a / q.

    The influence of an example is (yŷ - Tŷ) / q.
    """

    kind = "precision"

    def estimate(self, answers: Answers) -> Estimate:
        """Compute precision and influences; see `Measure`."""
        has, predicted = self.of_class(answers)
        # Precision divides by the predictions of a class, which may be fewer than its examples.
        refuse_few(int(predicted.sum()), LEAST_OF_A_CLASS, "predictions of the class")
        weights = answers.weights
        value = float(sklearn_metrics().precision_score(has, predicted, sample_weight=weights))
        share = float((predicted * weights).mean())
        influence = (has * predicted - value * predicted) / share
        return Estimate(value, influence, -value / share, (1 - value) / share)


class F1(OfOneClass):
    """The harmonic mean of precision and recall: T = 2a / (p + q).

    The influence of an example is (2yŷ - T(y + ŷ)) / (p + q).
    """

    kind = "f1"

    def estimate(self, answers: Answers) -> Estimate:
        """Compute F1 and influences; see `Measure`."""
        has, predicted = self.of_class(answers)
        value = float(sklearn_metrics().f1_score(has, predicted, sample_weight=answers.weights))
        influence, lowest, highest = f1_influence(has, predicted, value, answers.weights)
        return Estimate(value, influence, lowest, highest)


def f1_influence(
    has: np.ndarray, predicted: np.ndarray, value: float, weights: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Compute the influences on F1 of one class, and the smallest and largest possible one.

    Args:
        has: Whether each example has the class, shape (N,).
        predicted: Whether it is predicted to have it, shape (N,).
        value: F1.
        weights: Weights with mean 1, shape (N,).
    """
    both = float((has * weights).mean() + (predicted * weights).mean())
    # NumPy adds two booleans as a logical or, so one of them is made a number first.
    influence = (2.0 * (has & predicted) - value * (has * 1.0 + predicted)) / both
    return influence, -value / both, (2 - 2 * value) / both


class OfAllClasses(Measure):
    """A mean over the classes that occur among the labels, which all count alike."""

    def classes(self, answers: Answers) -> list[int]:
        """Return the classes, each of which must have enough examples."""
        true = truth(answers, self.name)
        codes, counts = np.unique(true, return_counts=True)
        rarest = int(counts.argmin())
        name = answers.names[int(codes[rarest])]
        refuse_few(int(counts[rarest]), LEAST_OF_A_CLASS, f"examples of class {name}")
        if len(codes) < 2:
            raise Unmeasurable(f"all of its examples have the class {name}")
        return [int(code) for code in codes]

    @abstractmethod
    def estimate(self, answers: Answers) -> Estimate:
        """Compute value and influences; see `Measure`."""


class MacroF1(OfAllClasses):
    """The mean of F1 over the classes of the labels."""

    name = "f1_macro"

    def estimate(self, answers: Answers) -> Estimate:
        """Compute macro F1 and influences; see `Measure`."""
        classes = self.classes(answers)
        true = truth(answers, self.name)
        predicted = predictions(answers, self.name)
        weights = answers.weights
        # Without `labels`, a class that is only predicted would take part with an F1 of 0.
        by_class = sklearn_metrics().f1_score(
            true, predicted, labels=classes, average=None, sample_weight=weights, zero_division=0
        )
        total = np.zeros(answers.count)
        lows: list[float] = []
        highs: list[float] = []
        for code, value in zip(classes, by_class.tolist(), strict=True):
            influence, low, high = f1_influence(true == code, predicted == code, value, weights)
            total += influence
            lows.append(low)
            highs.append(high)
        # One example concerns two classes at most: its own, and the one that is predicted.
        count = len(classes)
        return Estimate(
            float(by_class.mean()),
            total / count,
            sum(sorted(lows)[:2]) / count,
            # Only a right answer has an influence above 0, and it concerns one class.
            max(highs) / count,
        )


class BalancedAccuracy(OfAllClasses):
    """The mean of recall over the classes of the labels.

    The influence of an example of class k is (r - R_k) / (K · p_k), where r says whether it is
    right and R_k is the recall of its class.
    """

    name = "balanced_accuracy"

    def estimate(self, answers: Answers) -> Estimate:
        """Compute balanced accuracy and influences; see `Measure`."""
        classes = self.classes(answers)
        true = truth(answers, self.name)
        right = true == predictions(answers, self.name)
        weights = answers.weights
        influence = np.zeros(answers.count)
        lows: list[float] = []
        highs: list[float] = []
        for code in classes:
            of_class = true == code
            share = float((of_class * weights).mean()) * len(classes)
            if not share > 0:
                raise Unmeasurable(f"class {answers.names[code]} has no weight")
            recall = float((of_class * right) @ weights) / float(of_class @ weights)
            influence[of_class] = (right[of_class] - recall) / share
            lows.append(-recall / share)
            highs.append((1 - recall) / share)
        # This is balanced_accuracy_score, which would warn of classes that are only predicted.
        value = sklearn_metrics().recall_score(
            true,
            predictions(answers, self.name),
            labels=classes,
            average="macro",
            sample_weight=weights,
        )
        return Estimate(float(value), influence, min(lows), max(highs))
