"""Transfer between tasks as pure functions of an accuracy matrix.

R[i, j] is the score on task j after training task i, and T is the number of tasks; row 0 is the
untrained model. If a cell that a function needs was not evaluated, the result is NaN, and never a
number that leaves the cell out. docs/metrics.md lists all formulas.
"""

import math
from collections.abc import Hashable, Mapping

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.rows import mean_of, trained_rows


def task_transfer(m: AccuracyMatrix) -> dict[Hashable, float]:
    """Compute how much each task has gained or lost since it was trained.

    R[T, j] − R[j, j] for each task j but the last. Look at these beside their mean, in which a loss
    and a gain cancel.

    Args:
        m: The accuracy matrix.

    Returns:
        For each task but the last, the change in units of the score. A loss is below 0.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> {task: round(change, 4) for task, change in task_transfer(m).items()}
        {0: -0.06, 1: -0.02}
    """
    r = trained_rows(m)
    # The last task is left out: it has only just been trained.
    changes = (r[-1] - np.diag(r))[:-1]
    return dict(zip(m.tasks[:-1], changes.tolist(), strict=True))


def segment_transfer(m: AccuracyMatrix) -> dict[tuple[Hashable, str], float]:
    """Compute how much each segment of each task has gained or lost since the task was trained.

    R[T, j] − R[j, j] of every segment of every task j but the last.

    Args:
        m: The accuracy matrix.

    Returns:
        For each (task, segment), the change in units of the score. A loss is below 0.

    Example:
        >>> m = AccuracyMatrix(["a", "b"])
        >>> m.record("a", after="a", score=0.9, segment="new customers")
        >>> m.record("a", after="b", score=0.5, segment="new customers")
        >>> segment_transfer(m)
        {('a', 'new customers'): -0.4}
    """
    last = m.tasks[-1]
    changes = {}
    for task, segments in m.segments.items():
        # The last task has only just been trained.
        if task == last:
            continue
        for segment in segments:
            at_end = m.score(task, after=last, segment=segment)
            when_trained = m.score(task, after=task, segment=segment)
            changes[task, segment] = at_end - when_trained
    return changes


def backward_transfer(m: AccuracyMatrix) -> float:
    """Compute the mean change of earlier tasks since they were trained (BWT).

    BWT = 1/(T−1) Σ_{j<T} (R[T, j] − R[j, j]). Below 0, the model has forgotten on average.

    Args:
        m: The accuracy matrix.

    Returns:
        BWT, in units of the score. NaN for a single task.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(backward_transfer(m), 4)
        -0.04

    References:
        D. Lopez-Paz, M. Ranzato (2017), Gradient episodic memory for continual learning. NeurIPS.
    """
    r = trained_rows(m)
    # The term of the last task is always 0, so it is left out of the mean.
    return mean_of((r[-1] - np.diag(r))[:-1])


def backward_transfer_after(m: AccuracyMatrix) -> dict[Hashable, float]:
    """Compute backward transfer after each task in the way of TRACE.

    1/i Σ_{j≤i} (R[i, j] − R[j, j]) for each i. It divides by i and not by i − 1, because the last
    term, which is 0, counts as well.

    Args:
        m: The accuracy matrix.

    Returns:
        For each task i, the transfer after it, in units of the score.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> {task: round(bwt, 4) for task, bwt in backward_transfer_after(m).items()}
        {0: 0.0, 1: -0.015, 2: -0.0267}

    References:
        X. Wang et al. (2023), TRACE: a comprehensive benchmark for continual learning in large
        language models.
    """
    r = trained_rows(m)
    transfer = {}
    for i, task in enumerate(m.tasks):
        changes = r[i] - np.diag(r)
        transfer[task] = mean_of(changes[: i + 1])
    return transfer


def forward_transfer(
    m: AccuracyMatrix,
    baseline: Mapping[Hashable, float] | float | None = None,
) -> float:
    """Compute how much earlier tasks help with a task before it is trained (FWT).

    FWT = 1/(T−1) Σ_{j≥2} (R[j−1, j] − b_j). The mean of R[j−1, j] alone is `zero_shot_accuracy`.

    Args:
        m: The accuracy matrix.
        baseline: The score b_j of a model that has learnt nothing, for all tasks or by task. Use
            the level of chance, or the mean of at least 5 untrained models. By default it is not
            known, and neither is FWT.

    Returns:
        FWT, in units of the score. NaN without a baseline, for a single task, and if a task had no
        output before it was trained.

    Raises:
        HoldfastError: The baseline lacks a task.

    Example:
        >>> scores = [[0.9, 0.6], [0.8, 0.9]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(forward_transfer(m, 0.5), 4)
        0.1
        >>> forward_transfer(m)
        nan

    References:
        D. Lopez-Paz, M. Ranzato (2017), Gradient episodic memory for continual learning. NeurIPS.
    """
    # Without b_j the sum would be a mean score, which is `zero_shot_accuracy` and no transfer.
    if baseline is None:
        return math.nan
    # The first task has no model before it, so neither its score nor its baseline counts.
    b = np.array([_baseline_of(task, baseline) for task in m.tasks])
    return mean_of(np.diag(trained_rows(m), 1) - b[1:])


def _baseline_of(task: Hashable, baseline: Mapping[Hashable, float] | float) -> float:
    """Return the baseline of one task."""
    if not isinstance(baseline, Mapping):
        return float(baseline)
    if task not in baseline:
        raise HoldfastError(
            f"the baseline lacks task {task!r}; it has {list(baseline)}; give one for each task"
        )
    return float(baseline[task])


def zero_shot_accuracy(m: AccuracyMatrix) -> float:
    """Compute the mean score of tasks just before they are trained.

    1/(T−1) Σ_{j≥2} R[j−1, j]

    Args:
        m: The accuracy matrix.

    Returns:
        The mean, in units of the score. NaN for a single task.

    Example:
        >>> scores = [[0.9, 0.6], [0.8, 0.9]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> zero_shot_accuracy(m)
        0.6
    """
    # These scores are the first diagonal above the main one.
    return mean_of(np.diag(trained_rows(m), 1))


def cumulative_gain(m: AccuracyMatrix) -> float:
    """Compute the sum of what all tasks have gained over the untrained model.

    Σ_j (R[T, j] − R[0, j])

    Args:
        m: The accuracy matrix, with the untrained model.

    Returns:
        The sum, in units of the score. NaN if the untrained model was not evaluated.

    Example:
        >>> scores = [[0.1, 0.1], [0.9, 0.1], [0.8, 0.9]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task", untrained=True)
        >>> round(cumulative_gain(m), 4)
        1.5
    """
    # Here row 0 is the untrained model, as in the formula.
    r = m.to_array()
    return float(np.sum(r[-1] - r[0]))
