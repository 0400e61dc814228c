"""Helpers that the metrics of the matrix share."""

import math

import numpy as np

from holdfast.metrics.matrix import AccuracyMatrix


def trained_rows(m: AccuracyMatrix) -> np.ndarray:
    """Return R[1..T, 1..T], shape (T, T), which is without the untrained model.

    Row and column 0 of the array are R[1, ...] and R[..., 1] of the formulas.
    """
    return m.to_array(untrained=False)


def mean_of(values: np.ndarray) -> float:
    """Return the mean. It is NaN if there is no value or if one is not known."""
    # `np.mean` warns about an empty array before it returns NaN.
    if not np.size(values):
        return math.nan
    return float(np.mean(values))
