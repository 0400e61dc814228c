"""Mean scores as pure functions of an accuracy matrix.

R[i, j] is the score on task j after training task i, and T is the number of tasks. If a cell that a
function needs was not evaluated, the result is NaN, and never a number that leaves the cell out.
"""

import numpy as np

from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.rows import mean_of, trained_rows


def average_accuracy(m: AccuracyMatrix) -> float:
    """Compute the mean score over tasks at the end (ACC).

    ACC = 1/T Σ_j R[T, j]. Each task counts the same, however many examples it has.

    Args:
        m: The accuracy matrix.

    Returns:
        ACC, in units of the score.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(average_accuracy(m), 4)
        0.9333

    References:
        D. Lopez-Paz, M. Ranzato (2017), Gradient episodic memory for continual learning. NeurIPS.
    """
    # The last row is the final model on each task.
    return mean_of(trained_rows(m)[-1])


def learning_accuracy(m: AccuracyMatrix) -> float:
    """Compute the mean score of tasks just after they were trained (LA).

    LA = 1/T Σ_j R[j, j]. It tells how well a model learns, while forgetting tells how well it
    remembers.

    Args:
        m: The accuracy matrix.

    Returns:
        LA, in units of the score.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(learning_accuracy(m), 4)
        0.96

    References:
        M. Riemer et al. (2019), Learning to learn without forgetting by maximizing transfer and
        minimizing interference. ICLR.
    """
    # The diagonal is each task just after its own training.
    return mean_of(np.diag(trained_rows(m)))


def average_incremental_accuracy(m: AccuracyMatrix) -> float:
    """Compute the mean over training of the mean score on the tasks so far.

    1/T Σ_i (1/i Σ_{j≤i} R[i, j])

    Args:
        m: The accuracy matrix.

    Returns:
        The mean, in units of the score.

    Example:
        >>> scores = [[0.97, 0.5, 0.4], [0.94, 0.95, 0.6], [0.91, 0.93, 0.96]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> round(average_incremental_accuracy(m), 4)
        0.9494

    References:
        S.-A. Rebuffi et al. (2017), iCaRL: incremental classifier and representation learning.
        CVPR.
    """
    r = trained_rows(m)
    # Row i counts the tasks up to i alone: those after it have not been trained yet.
    so_far = [np.mean(r[i, : i + 1]) for i in range(len(r))]
    return mean_of(np.array(so_far))
