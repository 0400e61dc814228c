"""The criteria of Díaz-Rodríguez et al.: accuracy, transfer, and the cost of a continual learner.

R[i, j] is the score on task j after training task i, and T is the number of tasks. If a cell that a
criterion needs was not evaluated, the criterion is NaN.

References:
    N. Díaz-Rodríguez, V. Lomonaco, D. Filliat, D. Maltoni (2018), Don't forget, there is more than
    forgetting: new metrics for continual learning. NeurIPS workshop on continual learning.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.rows import trained_rows


def diaz_rodriguez(
    m: AccuracyMatrix,
    *,
    model_bytes: Sequence[float] | None = None,
    sample_bytes: Sequence[float] | None = None,
    data_bytes: float | None = None,
    pass_operations: Sequence[float] | None = None,
    training_operations: Sequence[float] | None = None,
    epsilon: float = 1.0,
    weights: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Compute the criteria of Díaz-Rodríguez et al. (2018) and their weighted score.

    Over all pairs of tasks, A is the mean of R[i, j] for j ≤ i, BWT_D the mean of R[i, j] − R[j, j]
    for j < i, and FWT_D the mean of R[i, j] for j > i. REM = 1 − |min(BWT_D, 0)| and BWT_plus =
    max(BWT_D, 0). The costs are MS (size of the model), SSS (stored samples) and CE (computation).

    Args:
        m: The accuracy matrix.
        model_bytes: Size of the model after each task, for MS.
        sample_bytes: Size of the stored examples after each task, for SSS.
        data_bytes: Size of all training data, for SSS.
        pass_operations: Operations of one pass over each task's data, for CE.
        training_operations: Operations of the whole training of each task, for CE.
        epsilon: Scaling factor of CE. A larger one keeps CE away from 0 if training takes many
            passes over the data.
        weights: The weight of each criterion in the score. They must sum to 1.

    Returns:
        A, BWT_D, REM, BWT_plus, FWT_D, MS, SSS and CE, and `score` if there are weights. Each is 1
        at best. A criterion whose arguments are missing is NaN.

    Raises:
        HoldfastError: An argument has not one number per task, or the weights do not sum to 1.

    Example:
        >>> scores = [[0.9, 0.5], [0.7, 0.8]]
        >>> m = AccuracyMatrix.from_array(scores, orientation="after-by-task")
        >>> d = diaz_rodriguez(m, model_bytes=[10, 20])
        >>> round(d["A"], 4), round(d["BWT_D"], 4), round(d["REM"], 4), d["MS"], d["CE"]
        (0.8, -0.2, 0.8, 0.75, nan)
    """
    tasks = len(m.tasks)
    out = _of_scores(trained_rows(m))
    out["MS"] = _model_size(model_bytes, tasks)
    out["SSS"] = _sample_storage(sample_bytes, data_bytes, tasks)
    out["CE"] = _computation(pass_operations, training_operations, epsilon, tasks)
    if weights is not None:
        out["score"] = _weighted(out, weights)
    return out


def _of_scores(r: np.ndarray) -> dict[str, float]:
    """Compute the criteria that need only R[1..T, 1..T], (T, T)."""
    tasks = len(r)
    pairs = tasks * (tasks - 1) / 2
    lower = np.tril_indices(tasks)
    strictly_lower = np.tril_indices(tasks, -1)
    average = float(np.sum(r[lower]) / (tasks * (tasks + 1) / 2))
    # Indices of the lower triangle run over (i, j) with j < i, so [1] is the column j.
    # A single task has no pair, so it has no transfer.
    backward = math.nan
    forward = math.nan
    if pairs:
        learnt = np.diag(r)[strictly_lower[1]]
        backward = float(np.sum(r[strictly_lower] - learnt) / pairs)
        forward = float(np.sum(r[np.triu_indices(tasks, 1)]) / pairs)
    remembering = math.nan
    gain = math.nan
    # `min` and `max` of a NaN and 0.0 would depend on their order.
    if not math.isnan(backward):
        remembering = 1 - abs(min(backward, 0.0))
        gain = max(backward, 0.0)
    return {
        "A": average,
        "BWT_D": backward,
        "REM": remembering,
        "BWT_plus": gain,
        "FWT_D": forward,
    }


def _model_size(model_bytes: Sequence[float] | None, tasks: int) -> float:
    """Compute MS = min(1, mean of size after the first task / size after task i)."""
    if model_bytes is None:
        return math.nan
    # A model that does not grow has 1, and one that doubles with each task tends to 0.
    size = _per_task(model_bytes, tasks, "model_bytes")
    return min(1.0, float(np.mean(size[0] / size)))


def _sample_storage(
    sample_bytes: Sequence[float] | None,
    data_bytes: float | None,
    tasks: int,
) -> float:
    """Compute SSS = 1 − min(1, mean of stored bytes / bytes of all data)."""
    if sample_bytes is None:
        return math.nan
    # Zero bytes of data would be divided by.
    if not data_bytes:
        raise HoldfastError(
            "sample_bytes needs data_bytes, the bytes of all training data; give both"
        )
    stored = _per_task(sample_bytes, tasks, "sample_bytes")
    return 1 - min(1.0, float(np.mean(stored / data_bytes)))


def _computation(
    pass_operations: Sequence[float] | None,
    training_operations: Sequence[float] | None,
    epsilon: float,
    tasks: int,
) -> float:
    """Compute CE = min(1, mean of ε · operations of a pass / (1 + operations of the training))."""
    if pass_operations is None or training_operations is None:
        return math.nan
    passes = _per_task(pass_operations, tasks, "pass_operations")
    trainings = _per_task(training_operations, tasks, "training_operations")
    # The 1 keeps a task without any training operation from dividing by 0.
    return min(1.0, float(np.mean(passes * epsilon / (1 + trainings))))


def _weighted(criteria: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Compute the weighted sum of criteria."""
    # The tolerance allows for weights such as three times 1/3.
    has_unknown = not set(weights) <= set(criteria)
    if has_unknown or abs(sum(weights.values()) - 1) > 1e-9:
        raise HoldfastError(
            f"weights must sum to 1 over some of {sorted(criteria)}, got {dict(weights)}"
        )
    return float(sum(weight * criteria[name] for name, weight in weights.items()))


def _per_task(values: Sequence[float], tasks: int, name: str) -> np.ndarray:
    """Check that there is one number per task, and return them as an array, (T,)."""
    array = np.asarray(values, dtype=float)
    if array.shape != (tasks,):
        raise HoldfastError(
            f"{name} needs one number for each of the {tasks} tasks, got shape {array.shape}"
        )
    return array


def diaz_rodriguez_stability(
    runs: Sequence[Mapping[str, float]],
    weights: Mapping[str, float],
) -> float:
    """Compute how little the criteria of Díaz-Rodríguez et al. vary between runs.

    1 − Σ_c w_c sd(c), with the sample standard deviation of each criterion c over runs.

    Args:
        runs: The result of `diaz_rodriguez` for each run.
        weights: The weight of each criterion.

    Returns:
        The stability; 1 if the runs do not differ. NaN for fewer than two runs.

    Example:
        >>> diaz_rodriguez_stability([{"A": 0.5}, {"A": 0.5}], {"A": 1.0})
        1.0
    """
    if len(runs) < 2:
        return math.nan
    spreads = []
    for name, weight in weights.items():
        values = [run[name] for run in runs]
        spreads.append(weight * np.std(values, ddof=1))
    return 1 - float(sum(spreads))
