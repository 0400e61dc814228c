"""Intervals, labelled with what varies in them: over seeds (Student's t), or over test examples (paired, by cluster where given)."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.matrix import AccuracyMatrix


@dataclass(frozen=True)
class Interval:
    """An estimate with bounds; `varies` says over what (seeds, examples, clusters), `n` how many of them."""

    estimate: float
    low: float
    high: float
    confidence: float
    varies: str
    n: int

    def __format__(self, spec: str) -> str:
        """Estimate ± half width, in the given format.

        >>> f"{Interval(0.5, 0.4, 0.6, 0.95, 'seeds', 5):.2f}"
        '0.50 ± 0.10'
        """
        half = (self.high - self.low) / 2
        return format(self.estimate, spec) + (f" ± {format(half, spec)}" if np.isfinite(half) else "")


def seed_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Mean over seeds with a t interval; the bounds are NaN for one seed, everything is NaN where a value is unknown.

    >>> f"{seed_interval([0.9, 0.92, 0.94]):.3f}"
    '0.920 ± 0.050'
    """
    v = np.asarray(list(values), dtype=float)
    _check_confidence(confidence)
    if not len(v):
        raise HoldfastError("an interval over seeds needs at least one value, got none")
    mean = float(np.mean(v))
    if len(v) == 1 or np.isnan(mean):
        return Interval(mean, float("nan"), float("nan"), confidence, "seeds", len(v))
    half = float(_t(confidence, len(v) - 1) * np.std(v, ddof=1) / np.sqrt(len(v)))
    return Interval(mean, mean - half, mean + half, confidence, "seeds", len(v))


def paired_seed_interval(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean of a − b over the same seeds, with a t interval.

    >>> paired_seed_interval([.9, .8, .7], [.8, .7, .6]).estimate.__round__(6)
    0.1
    """
    if len(a) != len(b):
        raise HoldfastError(f"paired values need equal lengths, got {len(a)} and {len(b)}")
    return seed_interval(np.asarray(a, dtype=float) - np.asarray(b, dtype=float), confidence)


def wilson_interval(score: float, examples: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a share of right answers among independent examples.

    >>> i = wilson_interval(1.0, 100)
    >>> round(i.low, 3), i.high
    (0.963, 1.0)
    """
    _check_confidence(confidence)
    if examples < 1 or not 0 <= score <= 1:
        raise HoldfastError(f"expected a score in [0, 1] over at least 1 example, got {score} over {examples}")
    from scipy.stats import norm

    z = float(norm.ppf((1 + confidence) / 2))
    middle = (score + z * z / (2 * examples)) / (1 + z * z / examples)
    half = z / (1 + z * z / examples) * np.sqrt(score * (1 - score) / examples + z * z / (4 * examples**2))
    return Interval(score, float(max(0.0, middle - half)), float(min(1.0, middle + half)), confidence, "examples", examples)


def transfer_interval(m: AccuracyMatrix, task: Hashable, confidence: float = 0.95) -> Interval:
    """R[T, j] − R[j, j] with an interval over test examples.

    With the results of each example: t interval of the paired differences, of cluster totals where clusters are known. With counts alone
    and 0/1 scores: a normal interval for two independent shares, wider than the truth where both saw the same examples.

    >>> m = AccuracyMatrix(["a", "b"])
    >>> m.record("a", after="a", results=[1, 1, 1, 1, 0, 1]); m.record("a", after="b", results=[1, 0, 1, 1, 0, 0])
    >>> f"{transfer_interval(m, 'a'):.2f}"
    '-0.33 ± 0.54'
    """
    _check_confidence(confidence)
    kept, last = m.results(task), m.tasks[-1]
    if task in kept and last in kept:
        return _mean_interval(kept[last] - kept[task], m.clusters.get(task), confidence)
    before, after = m.cells.get((task, task, None)), m.cells.get((task, last, None))
    if before is None or after is None or not before.examples or not after.examples or m.score_range != (0.0, 1.0):
        estimate = m.score(task, after=last) - m.score(task, after=task)
        return Interval(estimate, float("nan"), float("nan"), confidence, "examples", 0)
    from scipy.stats import norm

    p, q = before.score, after.score
    half = float(norm.ppf((1 + confidence) / 2)) * np.sqrt(p * (1 - p) / before.examples + q * (1 - q) / after.examples)
    return Interval(q - p, q - p - half, q - p + half, confidence, "examples (unpaired)", after.examples)


def _mean_interval(d: np.ndarray, clusters: np.ndarray | None, confidence: float) -> Interval:
    mean = float(d.mean())
    if clusters is None:
        n, error = len(d), float(np.std(d, ddof=1) / np.sqrt(len(d))) if len(d) > 1 else float("nan")
        varies = "examples"
    else:  # linearised ratio estimator: residual totals of each cluster
        _, index = np.unique(clusters, return_inverse=True)
        n, varies = int(index.max()) + 1, "clusters"
        totals = np.bincount(index, d - mean)
        error = float(np.sqrt(n / (n - 1) * np.sum(totals**2)) / len(d)) if n > 1 else float("nan")
    half = _t(confidence, n - 1) * error if n > 1 else float("nan")
    return Interval(mean, mean - half, mean + half, confidence, varies, n)


def example_interval(
    m: AccuracyMatrix, metric: Callable[[AccuracyMatrix], float], *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Any metric of the matrix with a bootstrap interval over test examples: each task's examples (or clusters) are drawn anew.

    Every row of a task keeps the same draw, so models that saw the same examples stay paired; clusters that span tasks are drawn
    together. Percentile bounds: for display, not for decisions at few losses. Needs per-example results in every cell.
    """
    _check_confidence(confidence)
    lacking = [(t, a) for (t, a, s), c in m.cells.items() if s is None and c.results is None]
    if lacking or not m.cells:
        raise HoldfastError(
            f"an interval over examples needs the results of each example; task {lacking[0][0] if lacking else '-'!r} has a bare score"
        )
    rng = np.random.default_rng(seed)
    kept = {t: m.results(t) for t in m.tasks if m.results(t)}
    labels = {t: m.clusters.get(t) for t in kept}
    shared = sorted({str(c) for v in labels.values() if v is not None for c in v})
    place = {c: k for k, c in enumerate(shared)}
    values = []
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(0, len(shared), len(shared)), minlength=len(shared)) if shared else None
        fake = AccuracyMatrix(m.tasks, score_range=m.score_range)
        for t, rows in kept.items():
            n = len(next(iter(rows.values())))
            mine = labels[t]
            if mine is None or drawn is None:
                w = np.bincount(rng.integers(0, n, n), minlength=n).astype(float)
            else:
                w = drawn[[place[str(c)] for c in mine]].astype(float)
            total = w.sum()
            for after, result in rows.items():
                if total:
                    score = float(np.clip(w @ result / total, *m.score_range))
                    fake.record(t, after=after, score=score)
        values.append(metric(fake))
    alpha = (1 - confidence) / 2
    low, high = np.quantile(np.array(values), [alpha, 1 - alpha])
    return Interval(
        metric(m),
        float(low),
        float(high),
        confidence,
        "clusters" if shared else "examples",
        len(shared) or sum(len(next(iter(rows.values()))) for rows in kept.values()),
    )


def expected_worst_forgetting(m: AccuracyMatrix) -> float:
    """What `worst_forgetting` would be on average if no task had changed: the mean of the largest of T − 1 zero-mean normal differences.

    Their standard errors come from the paired results where kept, else from two independent shares (0/1 scores). NaN without counts.

    >>> m = AccuracyMatrix.from_array(np.full((50, 50), .95), orientation="after-by-task", examples=200)
    >>> round(expected_worst_forgetting(m), 2)
    0.05
    """
    from scipy.stats import norm

    errors = []
    for t in m.tasks[:-1]:
        i = transfer_interval(m, t, 0.95)
        width = _t(0.95, i.n - 1) if i.varies in ("examples", "clusters") and i.n > 1 else float(norm.ppf(0.975))
        errors.append((i.high - i.low) / 2 / width)
    e = np.asarray(errors)
    if not len(e) or np.isnan(e).any():
        return float("nan")
    e = e[e > 0]
    if not len(e):
        return 0.0
    x = np.linspace(0, 8 * e.max(), 4001)

    def below(at: np.ndarray) -> np.ndarray:
        """P(the largest ≤ at); a task without noise is exactly 0."""
        return np.prod(norm.cdf(at[:, None] / e), 1) * (at >= 0 if len(e) < len(errors) else 1)

    return max(0.0, float(np.trapezoid(1 - below(x), x) - np.trapezoid(below(-x) * (x > 0), x)))


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise HoldfastError(f"confidence must lie in (0, 1), got {confidence}; 0.95 is usual")


def _t(confidence: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, freedom))
