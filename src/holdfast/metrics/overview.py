"""The usual numbers of an accuracy matrix by name, as tables and reports show them."""

from collections.abc import Callable, Hashable, Mapping

from holdfast.metrics.accuracy import (
    average_accuracy,
    average_incremental_accuracy,
    learning_accuracy,
)
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.retention import forgetting, worst_forgetting
from holdfast.metrics.transfer import (
    backward_transfer,
    cumulative_gain,
    forward_transfer,
    zero_shot_accuracy,
)

# The metrics that need nothing but the matrix, in the order in which they are shown.
SUMMARY: dict[str, Callable[[AccuracyMatrix], float]] = {
    "ACC": average_accuracy,
    "BWT": backward_transfer,
    "forgetting": forgetting,
    "worst forgetting": worst_forgetting,
    "learning accuracy": learning_accuracy,
    "average incremental accuracy": average_incremental_accuracy,
    "cumulative gain": cumulative_gain,
    "zero-shot accuracy": zero_shot_accuracy,
}


def summary(
    m: AccuracyMatrix,
    baseline: Mapping[Hashable, float] | float | None = None,
) -> dict[str, float]:
    """Compute the usual numbers of a matrix at once.

    Args:
        m: The accuracy matrix.
        baseline: The score of a model that has learnt nothing, for all tasks or by task. Only FWT
            needs it; see `forward_transfer`.

    Returns:
        The metrics by name. A metric is NaN if a cell that it needs was not evaluated.

    Raises:
        HoldfastError: The baseline lacks a task.

    Example:
        >>> scores = [[0.9, 0.6], [0.8, 0.9]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> numbers = summary(m, baseline=0.5)
        >>> {name: round(numbers[name], 4) for name in ("ACC", "BWT", "FWT")}
        {'ACC': 0.85, 'BWT': -0.1, 'FWT': 0.1}
    """
    numbers = {name: metric(m) for name, metric in SUMMARY.items()}
    # FWT comes last, because it is NaN unless there is a baseline.
    numbers["FWT"] = forward_transfer(m, baseline)
    return numbers
