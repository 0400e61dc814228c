"""Scores of multilabel predictions and of regression, higher is better.

Mean average precision, F1, R² and the root mean squared error belong to a whole set of examples.
Each scorer here returns numbers per example whose mean is the score of the set. A single one of
these numbers is no score: it depends on the other examples.

Targets are NaN where nothing is known. Such entries count nowhere.
"""

import math
from abc import abstractmethod

import torch
from torch import Tensor

from holdfast.errors import HoldfastError


class _WholeSet:
    """Base of scorers that need all examples at once (abstract).

    Attributes:
        score_range: The lowest and the highest score of a set.
        whole_set: Says that the numbers per example are no scores.
    """

    score_range = (0.0, 1.0)
    whole_set = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _MeanOverLabels(_WholeSet):
    """Base of scores that are the mean of a score of each label (abstract).

    Labels that no example of the set has are left out.
    """

    def __call__(self, answers: Tensor, y: Tensor) -> Tensor:
        """Give numbers per example whose mean is the score.

        Args:
            answers: Logits of sigmoids, (N, C); the larger, the more certain is a label.
            y: Targets 0 and 1, (N, K) with K ≥ C, NaN where a label is not known.

        Returns:
            (N,). All are 0 if no label is there.
        """
        total = torch.zeros(len(y), device=answers.device)
        labels = 0
        for outputs, targets, rows in _known_columns(answers, y):
            positive = targets > 0
            if not bool(positive.any()):
                continue
            labels += 1
            total[rows] += self.of_label(outputs, positive)
        return total * (len(y) / max(labels, 1))

    @abstractmethod
    def of_label(self, outputs: Tensor, positive: Tensor) -> Tensor:
        """Give numbers per example, (M,), whose sum is the score of one label.

        Args:
            outputs: The outputs of the label, (M,).
            positive: Which examples have it, (M,).
        """


class MeanAP(_MeanOverLabels):
    """The mean average precision: the mean over labels of the area under precision and recall.

    A label's average precision is Σ (R_n − R_{n−1}) P_n over the thresholds of its outputs, where R
    is recall and P is precision. Examples with equal outputs share a threshold. Labels that no
    example of the set has are left out.

    Example:
        >>> outputs = torch.tensor([[2.0], [1.0], [0.0]])
        >>> score = MeanAP()(outputs, torch.tensor([[1.0], [0.0], [1.0]])).mean()
        >>> round(float(score), 4)  # (1 + 2/3) / 2
        0.8333
    """

    __name__ = "mean_ap"

    def of_label(self, outputs: Tensor, positive: Tensor) -> Tensor:
        return _precision_at(outputs, positive) * positive / positive.sum()


class F1(_MeanOverLabels):
    """The mean over labels of F1 = 2 TP / (2 TP + FP + FN), at a probability of one half.

    Labels that no example of the set has are left out.

    Example:
        >>> outputs = torch.tensor([[2.0], [1.0], [-1.0]])
        >>> round(float(F1()(outputs, torch.tensor([[1.0], [0.0], [1.0]])).mean()), 4)
        0.5
    """

    __name__ = "f1"

    def of_label(self, outputs: Tensor, positive: Tensor) -> Tensor:
        predicted = outputs > 0
        # 2 TP + FP + FN counts every positive and every prediction once.
        return 2 * (positive & predicted) / (positive.sum() + predicted.sum())


class LabelAccuracy:
    """The share of right labels of each example, at a probability of one half.

    It is 1 minus the Hamming loss, and a score of each example. Beware of rare labels: to say that
    none is there is mostly right.

    Attributes:
        score_range: The lowest and the highest score.

    Example:
        >>> LabelAccuracy()(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 0.0]]))
        tensor([0.5000])
    """

    score_range = (0.0, 1.0)
    __name__ = "label_accuracy"

    def __repr__(self) -> str:
        return "LabelAccuracy()"

    def __call__(self, answers: Tensor, y: Tensor) -> Tensor:
        """Score each row.

        Args:
            answers: Logits of sigmoids, (N, C).
            y: Targets 0 and 1, (N, K) with K ≥ C, NaN where a label is not known.

        Returns:
            The share of its known labels that are right, (N,).
        """
        # Columns beyond the outputs are those of tasks that have not come yet.
        targets = y[:, : answers.shape[1]]
        # Outputs that are not in play are -inf, and neither right nor wrong.
        known = ~targets.isnan() & answers.isfinite()
        right = ((answers > 0) == (targets > 0)) & known
        # A row of which nothing is known scores 0, where 0 / 0 would spoil the mean.
        return right.sum(1) / known.sum(1).clamp_min(1)


class R2(_WholeSet):
    """R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)², the mean over targets, at least −1.

    1 is perfect, and 0 is what the mean of the set would score. A lower score than −1 is given as
    −1, so that scores have a range. Targets that are constant in the set are left out.

    Example:
        >>> answers = torch.tensor([[1.0], [2.0], [3.0]])
        >>> round(float(R2()(answers, torch.tensor([[1.0], [2.0], [4.0]])).mean()), 4)
        0.7857
    """

    score_range = (-1.0, 1.0)
    __name__ = "r2"

    def __call__(self, answers: Tensor, y: Tensor) -> Tensor:
        """Give numbers per example whose mean is the score.

        Args:
            answers: Predictions, (N, C).
            y: Targets, (N, K) with K ≥ C, NaN where a target is not known.

        Returns:
            (N,). All are 0 if every target is constant.
        """
        lost = torch.zeros(len(y), dtype=torch.double, device=answers.device)
        columns = 0
        for outputs, targets, rows in _known_columns(answers, y):
            # Single precision loses small differences between the squares of large targets.
            exact = targets.double()
            spread = (exact - exact.mean()).square().sum()
            # A constant target would divide by 0.
            if not float(spread) > 0:
                continue
            columns += 1
            lost[rows] += (outputs.double() - exact).square() / spread
        if not columns:
            return lost
        scores = 1 - lost * (len(y) / columns)
        return _at_least(-1.0, scores)


class NegativeRMSE(_WholeSet):
    """Minus the root mean squared error, the mean over targets, in the unit of the targets.

    Args:
        largest: The largest error that counts, above 0. A larger one is given as this one, so that
            scores have a range: −largest to 0. Take for example the range of the targets.

    Raises:
        HoldfastError: `largest` is not a finite number above 0.

    Example:
        >>> answers = torch.tensor([[1.0], [2.0]])
        >>> score = NegativeRMSE(10.0)(answers, torch.tensor([[4.0], [6.0]])).mean()
        >>> round(float(score), 4)
        -3.5355
    """

    __name__ = "negative_rmse"

    def __init__(self, largest: float) -> None:
        self.largest = float(largest)
        if not (math.isfinite(self.largest) and self.largest > 0):
            raise HoldfastError(f"largest must be a finite number above 0, got {largest}")
        self.score_range = (-self.largest, 0.0)

    def __repr__(self) -> str:
        return f"NegativeRMSE({self.largest:g})"

    def __call__(self, answers: Tensor, y: Tensor) -> Tensor:
        """Give numbers per example whose mean is the score.

        Args:
            answers: Predictions, (N, C).
            y: Targets, (N, K) with K ≥ C, NaN where a target is not known.

        Returns:
            (N,).
        """
        scores = torch.zeros(len(y), dtype=torch.double, device=answers.device)
        columns = 0
        for outputs, targets, rows in _known_columns(answers, y):
            columns += 1
            squares = (outputs.double() - targets.double()).square()
            # The mean of squares / √mean is √mean, with 0 / 0 where there is no error.
            scores[rows] -= squares / (squares.mean().sqrt() * len(squares)).clamp_min(1e-300)
        # Turns the mean over examples into the mean over targets.
        scores = scores * (len(y) / max(columns, 1))
        return _at_least(-self.largest, scores)


def _at_least(lowest: float, scores: Tensor) -> Tensor:
    """Numbers per example whose mean is that of `scores`, or `lowest` if that is more."""
    if float(scores.mean()) < lowest:
        return torch.full_like(scores, lowest)
    return scores


def _known_columns(answers: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each output with known targets: its outputs, its targets, and the rows that have them."""
    columns = []
    for number in range(min(answers.shape[1], y.shape[1])):
        known = ~y[:, number].isnan() & answers[:, number].isfinite()
        rows = known.nonzero().flatten()
        if len(rows):
            columns.append((answers[rows, number], y[rows, number], rows))
    return columns


def _precision_at(outputs: Tensor, positive: Tensor) -> Tensor:
    """The precision at the threshold of each example: of all with an output at least as large."""
    order = outputs.argsort(descending=True)
    # The last place among equal outputs, because a threshold takes all of them or none.
    _, inverse, counts = outputs[order].unique_consecutive(return_inverse=True, return_counts=True)
    last = counts.cumsum(0)[inverse] - 1
    found = positive[order].cumsum(0)[last]
    precision = torch.zeros(len(outputs), device=outputs.device)
    precision[order] = found / (last + 1)
    return precision
