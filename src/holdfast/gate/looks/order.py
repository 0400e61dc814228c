"""Whether the first examples of a test set are like the others, as looks need them to be."""

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.looks.progress import Progress
from holdfast.gate.names import apart

FEW_UNITS = 30  # examples or clusters in each part, below which nothing is compared
STRANGE = 6.0  # standard errors by which random parts hardly ever differ


def refuse_sorted(progress: Progress, at_hand: np.ndarray) -> None:
    """Stop if the champion's first examples differ too much from the others.

    The first half of a test set that is sorted by class, date or difficulty tells nothing about the
    whole. The champion's own scores and the shares of its segments and labels are compared, because
    they do not depend on the candidate.

    Args:
        progress: The champion's rows.
        at_hand: Whether each row belongs to the first examples, shape (R,).

    Raises:
        HoldfastError: The rows of a task are in no random order.
    """
    order = np.argsort(progress.task, kind="stable")
    for task, rows in zip(
        progress.names, np.split(order, np.cumsum(progress.planned)[:-1]), strict=True
    ):
        # One row of each cluster stands for it, because the others say the same again.
        _, position = np.unique(progress.cluster[rows], return_index=True)
        units = rows[position]
        is_first = at_hand[units]
        if min(is_first.sum(), (~is_first).sum()) < FEW_UNITS:
            continue
        what = _strange(progress, units, is_first)
        if what:
            raise HoldfastError(
                f"task {apart(task)}: in the champion's results, {what} of the first "
                f"{int(at_hand[rows].sum()):,} examples differ from those of the others, so the "
                "rows are in no random order and the first ones tell nothing about the whole; "
                "shuffle the champion's rows once, before the first look"
            )


def _strange(progress: Progress, units: np.ndarray, is_first: np.ndarray) -> str:
    """Return what differs between the first units and the others, or "" if nothing does."""
    if "score" in progress.rows:
        scores = progress.rows["score"].to_numpy(dtype=float)[units]
        first = scores[is_first]
        others = scores[~is_first]
        # Equal scores have no spread, so the error is never below that of one score in each part.
        least = 0.5 / np.array([len(first), len(others)])
        errors = np.hypot(_error(first), _error(others)) + float(np.hypot(*least))
        if abs(float(first.mean() - others.mean())) > STRANGE * errors:
            return "the scores"
    for column in ("segment", "label"):
        if column in progress.rows:
            values = progress.rows[column].to_numpy()[units]
            if _excess(values, is_first) > STRANGE:
                return f"the values of {column}"
    return ""


def _error(scores: np.ndarray) -> float:
    """Return the standard error of a mean."""
    return float(scores.std(ddof=1)) / float(np.sqrt(len(scores)))


def _excess(values: np.ndarray, is_first: np.ndarray) -> float:
    """Compute how many deviations Pearson's chi-squared statistic is above its mean.

    The table has two rows, the first units and the others, and one column for each value. If the
    order is random, the statistic has the mean d and a variance of about 2·d, where d is the number
    of values less one.
    """
    _, code = np.unique(values, return_inverse=True)
    total = np.bincount(code).astype(float)
    observed = np.bincount(code, is_first)
    share = float(is_first.mean())
    # In a table of two rows, both differences of a column are equal in size.
    chi_squared = float(((observed - share * total) ** 2 / total).sum()) / (share * (1 - share))
    freedom = len(total) - 1
    if freedom == 0:
        return 0.0
    # With few values the distribution is skewed, so a square root is taken (Fisher).
    return float(np.sqrt(2 * chi_squared) - np.sqrt(2 * freedom - 1))
