"""What one model answered on some examples, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Answers:
    """What one model answered on N examples. Everything that its results lack is None.

    Attributes:
        count: Number of examples N.
        names: The classes, or the distinct values, of labels and predictions, as text.
        truth: Position in `names` of the label of each example, shape (N,).
        prediction: Position in `names` of the prediction for each example, shape (N,).
        probability: Probability of the positive class, or any score that ranks examples, (N,).
        by_class: Probabilities of single classes by their name, each of shape (N,).
        columns: Numbers by the name of their column, each of shape (N,); "score" is one of them.
        weight: Weight of each example, of at least 0, shape (N,).
        positive: Position in `names` of the positive class of a task with two classes, or None.
    """

    count: int
    names: Sequence[str] = ()
    truth: np.ndarray | None = None
    prediction: np.ndarray | None = None
    probability: np.ndarray | None = None
    by_class: Mapping[str, np.ndarray] | None = None
    columns: Mapping[str, np.ndarray] | None = None
    weight: np.ndarray | None = None
    positive: int | None = None

    def at(self, rows: np.ndarray) -> "Answers":
        """Return the answers on some of the examples.

        Args:
            rows: Their positions, or a mask.
        """
        by_class = self.by_class or {}
        columns = self.columns or {}
        count = len(rows)
        # A mask is as long as all examples together, so its length is not the number chosen.
        if rows.dtype == bool:
            count = int(rows.sum())
        return replace(
            self,
            count=count,
            truth=_at(self.truth, rows),
            prediction=_at(self.prediction, rows),
            probability=_at(self.probability, rows),
            by_class={name: values[rows] for name, values in by_class.items()},
            columns={name: values[rows] for name, values in columns.items()},
            weight=_at(self.weight, rows),
        )

    @property
    def weights(self) -> np.ndarray:
        """The weights with mean 1, shape (N,). Without weights, every example counts alike."""
        if self.weight is None:
            return np.ones(self.count)
        if not float(self.weight.sum()) > 0:  # no example counts
            return np.zeros(self.count)
        # With mean 1, weighted sums are divided by the number of examples, as plain ones are.
        scaled: np.ndarray = self.weight * (self.count / self.weight.sum())
        return scaled


def _at(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Return some values, or None if there are none at all."""
    if values is None:
        return None
    chosen: np.ndarray = values[rows]
    return chosen
