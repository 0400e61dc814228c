"""Transfer and forgetting as pure functions of an accuracy matrix (formulas and sources: docs/metrics.md).

Every function takes an `AccuracyMatrix` with T tasks and reads R[i, j], the score on task j after task i. Where a needed cell was not
evaluated the answer is NaN, never a number that leaves it out.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, one_of
from holdfast.metrics.matrix import AccuracyMatrix


def _r(m: AccuracyMatrix) -> np.ndarray:
    """R[1..T, 1..T] as (T, T), counted from 0."""
    return m.to_array(untrained=False)


def _mean(values: np.ndarray) -> float:
    """The mean, NaN for none and for unknown ones."""
    return float(np.mean(values)) if np.size(values) else float("nan")


def _example() -> AccuracyMatrix:
    """The worked example of the docs."""
    rows = [(0, 0, 0.97), (0, 1, 0.94), (0, 2, 0.91), (1, 1, 0.95), (1, 2, 0.93), (2, 2, 0.96)]
    return AccuracyMatrix.from_records(rows)


def average_accuracy(m: AccuracyMatrix) -> float:
    """ACC = mean_j R[T, j] (Lopez-Paz & Ranzato 2017), unweighted over tasks.

    >>> round(average_accuracy(_example()), 4)
    0.9333
    """
    return _mean(_r(m)[-1])


def task_transfer(m: AccuracyMatrix) -> dict[Hashable, float]:
    """R[T, j] − R[j, j] for each task j but the last: what became of each.

    >>> {t: round(v, 4) for t, v in task_transfer(_example()).items()}
    {0: -0.06, 1: -0.02}
    """
    r = _r(m)
    return {t: float(r[-1, j] - r[j, j]) for j, t in enumerate(m.tasks[:-1])}


def segment_transfer(m: AccuracyMatrix) -> dict[tuple[Hashable, str], float]:
    """R[T, j] − R[j, j] for every segment of every task but the last.

    >>> m = AccuracyMatrix(["a", "b"])
    >>> m.record("a", after="a", score=0.9, segment="new customers")
    >>> m.record("a", after="b", score=0.5, segment="new customers")
    >>> segment_transfer(m)
    {('a', 'new customers'): -0.4}
    """
    last = m.tasks[-1]
    return {
        (t, s): m.score(t, after=last, segment=s) - m.score(t, after=t, segment=s)
        for t, names in m.segments.items()
        if t != last
        for s in names
    }


def backward_transfer(m: AccuracyMatrix) -> float:
    """BWT = 1/(T−1) Σ_{j<T} (R[T, j] − R[j, j]) (Lopez-Paz & Ranzato 2017); NaN for one task.

    >>> round(backward_transfer(_example()), 4)
    -0.04
    """
    r = _r(m)
    return _mean((r[-1] - np.diag(r))[:-1])


def forward_transfer(
    m: AccuracyMatrix, baseline: Mapping[Hashable, float] | float | None = None
) -> float:
    """FWT = 1/(T−1) Σ_{j≥2} (R[j−1, j] − b_j) (Lopez-Paz & Ranzato 2017).

    `baseline` b_j: chance level, or the mean of ≥ 5 untrained initialisations, by task or one for all. Without it NaN: the mean of
    R[j−1, j] alone is `zero_shot_accuracy`. NaN too where a task's output did not exist before it was trained.

    >>> forward_transfer(_example())
    nan
    >>> m = AccuracyMatrix.from_array([[.9, .6], [.8, .9]], orientation="after-by-task")
    >>> round(forward_transfer(m, 0.5), 4)
    0.1
    """
    if baseline is None:
        return float("nan")
    r, b = _r(m), [_baseline(baseline, t) for t in m.tasks]
    return _mean(np.array([r[j - 1, j] - b[j] for j in range(1, len(b))]))


def _baseline(baseline: Mapping[Hashable, float] | float, task: Hashable) -> float:
    if isinstance(baseline, Mapping):
        if task not in baseline:
            raise HoldfastError(f"baseline lacks task {task!r}; it has {list(baseline)}")
        return float(baseline[task])
    return float(baseline)


def zero_shot_accuracy(m: AccuracyMatrix) -> float:
    """1/(T−1) Σ_{j≥2} R[j−1, j]: the score on each task just before it is trained.

    >>> zero_shot_accuracy(AccuracyMatrix.from_array([[.9, .6], [.8, .9]], orientation="after-by-task"))
    0.6
    """
    return _mean(np.diag(_r(m), 1))


def learning_speed_transfer(
    steps: Sequence[float],
    learner: Sequence[float],
    fresh: Sequence[float],
    threshold: float | None = None,
) -> dict[str, float]:
    """How much faster a task is learnt than by a fresh model: the other meaning of forward transfer.

    `steps` (S,) when both were evaluated; `learner`, `fresh` (S,) scores. `area`: difference of the areas under the curves, divided by the
    span of steps (so in score units). `steps`: steps that the learner needs to reach `threshold` minus those of the fresh model
    (negative is faster; NaN where one never reaches it).

    >>> learning_speed_transfer([0, 10, 20], [.5, .9, .9], [.1, .5, .9], threshold=0.9)
    {'area': 0.3, 'steps': -10.0}
    """
    s, a, b = (np.asarray(v, dtype=float) for v in (steps, learner, fresh))
    if not s.shape == a.shape == b.shape or s.ndim != 1 or len(s) < 2:
        raise HoldfastError(
            f"expected three sequences of one length of at least 2, got {s.shape}, {a.shape}, {b.shape}"
        )
    if (np.diff(s) <= 0).any():
        raise HoldfastError("steps must increase")
    area = float(np.trapezoid(a - b, s) / (s[-1] - s[0]))

    def reached(curve: np.ndarray) -> float:
        hits = np.flatnonzero(curve >= (np.inf if threshold is None else threshold))
        return float(s[hits[0]]) if len(hits) else float("nan")

    return {"area": round(area, 12), "steps": reached(a) - reached(b)}


def forgetting(m: AccuracyMatrix, since: str = "learned") -> float:
    """F = 1/(T−1) Σ_{j<T} (max_l R[l, j] − R[T, j]) (Chaudhry et al. 2018); can be negative, since the last row is not in the maximum.

    `since="learned"`: l = j..T−1; `"any"`: l = 1..T−1.

    >>> round(forgetting(_example()), 4)
    0.04
    """
    return _mean(np.array(list(task_forgetting(m, since).values())))


def task_forgetting(m: AccuracyMatrix, since: str = "learned") -> dict[Hashable, float]:
    """max_l R[l, j] − R[T, j] for each task j but the last. Rows in between that were not evaluated make it NaN.

    >>> {t: round(v, 4) for t, v in task_forgetting(_example()).items()}
    {0: 0.06, 1: 0.02}
    """
    one_of("since", since, ("learned", "any"))
    r = _r(m)
    first = {j: (j if since == "learned" else 0) for j in range(len(r) - 1)}
    return {m.tasks[j]: float(np.max(r[a:-1, j]) - r[-1, j]) for j, a in first.items()}


def worst_forgetting(m: AccuracyMatrix) -> float:
    """max_{j<T} (R[j, j] − R[T, j]), signed. A maximum over noisy tasks is biased upwards: see `expected_worst_forgetting`.

    >>> round(worst_forgetting(_example()), 4)
    0.06
    """
    lost = -np.array(list(task_transfer(m).values()))
    return float(np.max(lost)) if len(lost) else float("nan")


def intransigence(m: AccuracyMatrix, joint: Mapping[Hashable, float]) -> dict[Hashable, float]:
    """a*_k − R[k, k] for each task k; `joint[k]` is a*_k, the score on task k of a model trained jointly on tasks 1..k. Missing: NaN.

    >>> intransigence(AccuracyMatrix.from_array([[.9]], orientation="after-by-task"), {0: .95})[0].__round__(4)
    0.05
    """
    return {t: float(joint.get(t, float("nan")) - m.score(t, after=t)) for t in m.tasks}


def mean_intransigence(m: AccuracyMatrix, joint: Mapping[Hashable, float]) -> float:
    """The mean of `intransigence` over tasks.

    >>> mean_intransigence(AccuracyMatrix.from_array([[.9]], orientation="after-by-task"), {})
    nan
    """
    return _mean(np.array(list(intransigence(m, joint).values())))


def learning_accuracy(m: AccuracyMatrix) -> float:
    """LA = mean_j R[j, j] (Riemer et al. 2019).

    >>> round(learning_accuracy(_example()), 4)
    0.96
    """
    return _mean(np.diag(_r(m)))


def average_incremental_accuracy(m: AccuracyMatrix) -> float:
    """1/T Σ_i mean_{j≤i} R[i, j].

    >>> round(average_incremental_accuracy(_example()), 4)
    0.9494
    """
    r = _r(m)
    return _mean(np.array([np.mean(r[i, : i + 1]) for i in range(len(r))]))


def backward_transfer_after(m: AccuracyMatrix) -> dict[Hashable, float]:
    """BWT after i (TRACE, Wang et al. 2023): 1/i Σ_{j≤i} (R[i, j] − R[j, j]) for each i. Divides by i, not i − 1.

    >>> {t: round(v, 4) for t, v in backward_transfer_after(_example()).items()}
    {0: 0.0, 1: -0.015, 2: -0.0267}
    """
    r = _r(m)
    return {t: _mean((r[i] - np.diag(r))[: i + 1]) for i, t in enumerate(m.tasks)}


def cumulative_gain(m: AccuracyMatrix) -> float:
    """Σ_j (R[T, j] − R[0, j]); NaN where the untrained model was not evaluated.

    >>> cumulative_gain(_example())
    nan
    """
    full = m.to_array()
    return float(np.sum(full[-1] - full[0]))


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
    """The criteria of Díaz-Rodríguez et al. 2018: A, BWT_D, REM, BWT_plus, FWT_D, MS, SSS, CE; with `weights` their score.

    `model_bytes` after each task (MS), `sample_bytes` of stored examples after each task and `data_bytes` of all data (SSS),
    operations of one pass over each task's data and of its whole training (CE). Those not given are NaN.

    >>> d = diaz_rodriguez(_example(), model_bytes=[10, 20, 20])
    >>> round(d["A"], 4), round(d["BWT_D"], 4), round(d["REM"], 4), round(d["MS"], 4), d["FWT_D"]
    (0.9433, -0.0367, 0.9633, 0.6667, nan)
    """
    r, t = _r(m), len(m.tasks)
    lower, strictly = np.tril_indices(t), np.tril_indices(t, -1)
    pairs = t * (t - 1) / 2
    nan = float("nan")
    bwt = float(np.sum(r[strictly] - np.diag(r)[strictly[1]]) / pairs) if pairs else nan
    out = {
        "A": float(np.sum(r[lower]) / (t * (t + 1) / 2)),
        "BWT_D": bwt,
        "REM": nan if np.isnan(bwt) else 1 - abs(min(bwt, 0.0)),
        "BWT_plus": nan if np.isnan(bwt) else max(bwt, 0.0),
        "FWT_D": float(np.sum(r[np.triu_indices(t, 1)]) / pairs) if pairs else nan,
        "MS": nan,
        "SSS": nan,
        "CE": nan,
    }
    if model_bytes is not None:
        size = _per_task(model_bytes, t, "model_bytes")
        out["MS"] = min(1.0, float(np.mean(size[0] / size)))
    if sample_bytes is not None:
        if not data_bytes:
            raise HoldfastError("sample_bytes needs data_bytes, the bytes of all training data")
        out["SSS"] = 1 - min(
            1.0, float(np.mean(_per_task(sample_bytes, t, "sample_bytes") / data_bytes))
        )
    if pass_operations is not None and training_operations is not None:
        ratio = (
            _per_task(pass_operations, t, "pass_operations")
            * epsilon
            / (1 + _per_task(training_operations, t, "training_operations"))
        )
        out["CE"] = min(1.0, float(np.mean(ratio)))
    if weights is not None:
        wrong = set(weights) - set(out)
        if wrong or abs(sum(weights.values()) - 1) > 1e-9:
            raise HoldfastError(
                f"weights must sum to 1 over some of {sorted(out)}, got {dict(weights)}"
            )
        out["score"] = float(sum(w * out[k] for k, w in weights.items()))
    return out


def diaz_rodriguez_stability(
    runs: Sequence[Mapping[str, float]], weights: Mapping[str, float]
) -> float:
    """1 − Σ w sd(c) over runs (sample standard deviation of each criterion).

    >>> diaz_rodriguez_stability([{"A": 0.5}, {"A": 0.5}], {"A": 1.0})
    1.0
    """
    if len(runs) < 2:
        return float("nan")
    return 1 - float(sum(w * np.std([run[k] for run in runs], ddof=1) for k, w in weights.items()))


def _per_task(values: Sequence[float], t: int, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.shape != (t,):
        raise HoldfastError(
            f"{name} needs one number for each of the {t} tasks, got shape {array.shape}"
        )
    return array


SUMMARY: dict[str, Any] = {
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
    m: AccuracyMatrix, baseline: Mapping[Hashable, float] | float | None = None
) -> dict[str, float]:
    """The usual numbers by name; FWT needs `baseline`.

    >>> {k: round(v, 4) for k, v in summary(_example()).items() if k in ("ACC", "BWT", "FWT", "worst forgetting")}
    {'ACC': 0.9333, 'BWT': -0.04, 'worst forgetting': 0.06, 'FWT': nan}
    """
    return {name: f(m) for name, f in SUMMARY.items()} | {"FWT": forward_transfer(m, baseline)}
