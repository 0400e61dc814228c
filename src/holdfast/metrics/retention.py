"""Forgetting and intransigence as pure functions of an accuracy matrix.

R[i, j] is the score on task j after training task i, and T is the number of tasks. If a cell that a
function needs was not evaluated, the result is NaN, and never a number that leaves the cell out.

References:
    A. Chaudhry, P. K. Dokania, T. Ajanthan, P. H. S. Torr (2018), Riemannian walk for incremental
    learning: understanding forgetting and intransigence. ECCV.
"""

import math
from collections.abc import Hashable, Mapping

import numpy as np

from holdfast.errors import one_of
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.rows import mean_of, trained_rows
from holdfast.metrics.transfer import task_transfer


def forgetting(m: AccuracyMatrix, since: str = "learned") -> float:
    """Compute the mean drop of earlier tasks from the best score that they have had (F).

    F = 1/(T−1) Σ_{j<T} (max_l R[l, j] − R[T, j]). The last row is not in the maximum, so F is
    negative if the last model is better than all before it.

    Args:
        m: The accuracy matrix.
        since: Which scores are in the maximum: `learned` for l = j..T−1, from the task's training
            on, or `any` for l = 1..T−1.

    Returns:
        F, in units of the score. Above 0 the model has forgotten. NaN for a single task.

    Raises:
        HoldfastError: `since` is unknown.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(forgetting(m), 4)
        0.04

    References:
        A. Chaudhry et al. (2018), Riemannian walk for incremental learning. ECCV.
    """
    return mean_of(np.array(list(task_forgetting(m, since).values())))


def task_forgetting(m: AccuracyMatrix, since: str = "learned") -> dict[Hashable, float]:
    """Compute the drop of each earlier task from the best score that it has had.

    max_l R[l, j] − R[T, j] for each task j but the last.

    Args:
        m: The accuracy matrix.
        since: Which scores are in the maximum: `learned` for l = j..T−1, from the task's training
            on, or `any` for l = 1..T−1.

    Returns:
        For each task but the last, the drop in units of the score. NaN if a row of the maximum was
        not evaluated.

    Raises:
        HoldfastError: `since` is unknown.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> {task: round(drop, 4) for task, drop in task_forgetting(m).items()}
        {0: 0.06, 1: 0.02}
    """
    one_of("since", since, ("learned", "any"))
    r = trained_rows(m)
    drops = {}
    for j, task in enumerate(m.tasks[:-1]):
        # Before it was trained, a task may by chance have had a better score than after.
        first = j if since == "learned" else 0
        # The maximum of an unknown score is unknown, so a NaN stays in the result.
        best = np.max(r[first:-1, j])
        drops[task] = float(best - r[-1, j])
    return drops


def worst_forgetting(m: AccuracyMatrix) -> float:
    """Compute the largest loss of an earlier task since it was trained.

    max_{j<T} (R[j, j] − R[T, j]). A maximum over several noisy scores is biased upwards. Compare it
    with `expected_worst_forgetting`, which is what noise alone would show.

    Args:
        m: The accuracy matrix.

    Returns:
        The loss, in units of the score. It is negative if every task has gained. NaN for a single
        task.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(worst_forgetting(m), 4)
        0.06
    """
    losses = -np.array(list(task_transfer(m).values()))
    if not len(losses):
        return math.nan
    # `np.max` is NaN if one loss is not known.
    return float(np.max(losses))


def intransigence(m: AccuracyMatrix, joint: Mapping[Hashable, float]) -> dict[Hashable, float]:
    """Compute how much worse each task was learnt than by joint training.

    a*_k − R[k, k] for each task k.

    Args:
        m: The accuracy matrix.
        joint: For each task k, a*_k: the score on task k of a model that was trained jointly on the
            tasks 1..k.

    Returns:
        For each task, the difference in units of the score. Above 0 the task was learnt worse. NaN
        if `joint` lacks the task.

    Example:
        >>> scores = [[0.9, 0.6], [0.8, 0.9]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> {task: round(value, 4) for task, value in intransigence(m, {0: 0.95}).items()}
        {0: 0.05, 1: nan}

    References:
        A. Chaudhry et al. (2018), Riemannian walk for incremental learning. ECCV.
    """
    differences = {}
    for task in m.tasks:
        # A task without a joint model is not known, which the mean over tasks then shows.
        joint_score = joint.get(task, math.nan)
        differences[task] = float(joint_score - m.score(task, after=task))
    return differences


def mean_intransigence(m: AccuracyMatrix, joint: Mapping[Hashable, float]) -> float:
    """Compute the mean of `intransigence` over tasks.

    Args:
        m: The accuracy matrix.
        joint: For each task k, the score on it of a model that was trained jointly on tasks 1..k.

    Returns:
        The mean, in units of the score. NaN if `joint` lacks a task.

    Example:
        >>> scores = [[0.9, 0.6], [0.8, 0.9]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(mean_intransigence(m, {0: 0.95, 1: 0.93}), 4)
        0.04
    """
    return mean_of(np.array(list(intransigence(m, joint).values())))
