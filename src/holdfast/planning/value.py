"""The value of an order of tasks, and when two values are the same."""

from collections.abc import Sequence

import numpy as np

CLOSE = 1e-9  # two orders tie if their values differ by less than this share of all transfer


def order_value(c: np.ndarray, order: Sequence[int] | np.ndarray) -> float:
    """Compute the predicted value of an order.

    The value is Σ C[k, i] over all pairs of tasks with k before i. Such a sum ranks orders and is
    no score: it can leave [0, 1].

    Args:
        c: C[k, i] is what it is worth that k comes before i, shape (K, K).
        order: Numbers of the tasks, first to last.

    Returns:
        The value.

    Example:
        >>> order_value(np.array([[0.0, 0.1], [-0.3, 0.0]]), [0, 1])
        0.1
    """
    tasks = np.asarray(order)
    in_order = c[np.ix_(tasks, tasks)]
    # Above the diagonal are the pairs in which the row's task comes first.
    return float(np.triu(in_order, 1).sum())


def tie_width(c: np.ndarray) -> float:
    """Return the difference up to which two values are equal but for rounding.

    Args:
        c: The values of all pairs, shape (K, K).
    """
    # The smallest number keeps the width above 0 if all values are 0.
    return CLOSE * max(float(np.abs(c).sum()), 1e-300)
