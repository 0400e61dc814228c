"""Tests of a drop against a margin δ: is the candidate not worse by δ or more, and is it worse by more than δ?

A drop is the champion's mean score minus the candidate's; above 0 the candidate is worse. Each test gives two one-sided p-values at the
same margin: `not_worse` is small where the drop is below δ (rejects "drop ≥ δ"), `worse` where it is above (rejects "drop ≤ δ").
"""

from dataclasses import dataclass
from math import acos, cos, pi, sqrt

import numpy as np
from scipy.stats import norm, t

from holdfast.errors import HoldfastError

Counts = int | np.ndarray


@dataclass(frozen=True)
class Test:
    """A drop, its two-sided interval, and the p-values of both one-sided tests at the margin."""

    drop: float
    low: float
    high: float
    not_worse: float
    worse: float
    examples: int
    method: str


def paired_binary(losses: int, gains: int, examples: int, margin: float, confidence: float = 0.95) -> Test:
    """Tango's score test (1998) for 0/1 scores of the same examples, with a continuity correction of half an example.

    `losses`: the champion was right and the candidate wrong; `gains`: the other way round; both among `examples`. Without the correction
    the level is exceeded where losses are few: 3 % of 200 examples, all of them losses, pass at δ = 3 % in 6 of 100 cases.

    >>> result = paired_binary(losses=12, gains=10, examples=1000, margin=0.02)
    >>> round(result.drop, 3), round(result.not_worse, 4)
    (0.002, 0.001)
    """
    _check(losses >= 0 and gains >= 0 and examples > 0 and losses + gains <= examples, "counts", (losses, gains, examples))

    def z(delta: float, correction: float) -> float:
        return float(tango_z(losses, gains, examples, delta, correction))

    low, high = (_bound(lambda x, s=s: z(x, -0.5 * s), s, confidence) for s in (1, -1))
    better, worse = float(norm.cdf(z(margin, 0.5))), float(norm.sf(z(margin, -0.5)))
    return Test((losses - gains) / examples, low, high, better, worse, examples, "Tango 1998, paired, continuity-corrected")


def tango_z(losses: Counts, gains: Counts, examples: int, delta: float, correction: float = 0.0) -> np.ndarray:
    """(losses − gains − n δ + correction) over its standard deviation under drop = δ, the share of gains at its constrained maximum
    of likelihood; for one pair of counts or arrays of them."""
    if delta < 0:
        return -tango_z(gains, losses, examples, -delta, -correction)
    lost, won, n = np.asarray(losses, dtype=float), np.asarray(gains, dtype=float), float(examples)
    b = -lost - won + (2 * n - lost + won) * delta
    q = (np.sqrt(b * b + 8 * n * won * delta * (1 - delta)) - b) / (4 * n)
    variance = np.maximum(2 * q + delta * (1 - delta), 1e-12)
    return (lost - won - n * delta + correction) / np.sqrt(n * variance)


def unpaired_binary(champion: float, candidate: float, champion_n: int, candidate_n: int, margin: float, confidence: float = 0.95) -> Test:
    """Farrington & Manning's score test (1990) for the difference of two independent shares.

    >>> unpaired_binary(0.9, 0.9, 5000, 5000, margin=0.02).not_worse < 0.001
    True
    """
    _check(0 <= champion <= 1 and 0 <= candidate <= 1 and champion_n > 0 and candidate_n > 0, "shares and counts", (champion, candidate))

    def z(delta: float) -> float:
        return (champion - candidate - delta) / sqrt(_farrington_manning_variance(champion, candidate, champion_n, candidate_n, delta))

    low, high = (_bound(z, s, confidence) for s in (1, -1))
    p = float(norm.cdf(z(margin)))
    return Test(champion - candidate, low, high, p, 1 - p, min(champion_n, candidate_n), "Farrington & Manning 1990, unpaired")


def _farrington_manning_variance(p1: float, p2: float, n1: int, n2: int, delta: float) -> float:
    """Variance of p1 − p2 with both shares at their maximum of likelihood under p1 − p2 = δ (the root of a cubic)."""
    ratio = n2 / n1
    a = 1 + ratio
    b = -(1 + ratio + p1 + ratio * p2 + delta * (ratio + 2))
    c = delta * delta + delta * (2 * p1 + ratio + 1) + p1 + ratio * p2
    d = -p1 * delta * (1 + delta)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) + d / (2 * a)
    u = (1 if v > 0 else -1) * sqrt(max((b / (3 * a)) ** 2 - c / (3 * a), 0.0))
    w = (pi + acos(min(max(v / u**3, -1.0), 1.0))) / 3 if u else pi / 2
    q1 = min(max(2 * u * cos(w) - b / (3 * a), max(delta, 0.0)), 1 + min(delta, 0.0))
    q2 = q1 - delta
    return max(q1 * (1 - q1) / n1 + q2 * (1 - q2) / n2, 1e-15)


def paired_real(differences: np.ndarray, margin: float, clusters: np.ndarray | None = None, confidence: float = 0.95) -> Test:
    """Student's t on paired differences champion − candidate, (N,), scores in [0, 1]; by cluster (a user, a day) where given.

    With clusters the mean is over examples and its variance that of cluster sums (the ratio estimator), with clusters − 1 degrees of
    freedom. Where all differences are equal their spread is unknown: it is taken as that of one more example that differs by 1.

    >>> paired_real(np.zeros(1000), margin=0.02).not_worse < 0.001
    True
    """
    d = np.asarray(differences, dtype=float)
    _check(d.ndim == 1 and len(d) >= 1 and bool(np.isfinite(d).all()), "differences", d.shape)
    mean, n = float(d.mean()), len(d)
    if clusters is None:
        sums, sizes = d, np.ones(n)
    else:
        _, index = np.unique(np.asarray(clusters), return_inverse=True)
        sums, sizes = np.bincount(index, d), np.bincount(index).astype(float)
    k = len(sums)
    residuals = sums - mean * sizes
    variance = float((residuals**2).sum()) / n**2 * (k / (k - 1)) if k > 1 else float("inf")
    error = sqrt(max(variance, 1 / n**2))
    freedom, how = max(k - 1, 1), f"t of paired differences{'' if clusters is None else f', {k} clusters'}"
    half = float(t.ppf((1 + confidence) / 2, freedom)) * error
    z = (mean - margin) / error
    return Test(mean, mean - half, mean + half, float(t.cdf(z, freedom)), float(t.sf(z, freedom)), n, how)


def summarised_real(
    champion: tuple[float, float, int], candidate: tuple[float, float, int], margin: float, confidence: float = 0.95
) -> Test:
    """Welch's t from means, standard deviations and counts (mean, sd, n) of both sides.

    >>> summarised_real((0.8, 0.2, 4000), (0.8, 0.2, 4000), margin=0.02).not_worse < 0.001
    True
    """
    (m1, s1, n1), (m2, s2, n2) = champion, candidate
    _check(min(n1, n2) > 1 and min(s1, s2) >= 0, "means, deviations and counts", (champion, candidate))
    a, b = s1 * s1 / n1, s2 * s2 / n2
    error = sqrt(max(a + b, 1 / min(n1, n2) ** 2))
    freedom = (a + b) ** 2 / (a * a / (n1 - 1) + b * b / (n2 - 1)) if a + b > 0 else min(n1, n2) - 1
    half, z = float(t.ppf((1 + confidence) / 2, freedom)) * error, (m1 - m2 - margin) / error
    drop = m1 - m2
    return Test(drop, drop - half, drop + half, float(t.cdf(z, freedom)), float(t.sf(z, freedom)), min(n1, n2), "Welch's t, unpaired")


def holm(p_values: list[float], alpha: float) -> list[bool]:
    """Which hypotheses are rejected when the chance of any false rejection is at most `alpha` (Holm 1979).

    >>> holm([0.04, 0.001, 0.02], 0.05)
    [True, True, True]
    >>> holm([0.04, 0.03, 0.2], 0.05)
    [False, False, False]
    """
    rejected, m = [False] * len(p_values), len(p_values)
    for k, i in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        if p_values[i] > alpha / (m - k):
            break
        rejected[i] = True
    return rejected


def examples_needed(margin: float, discordance: float, alpha: float = 0.05, power: float = 0.8, drop: float = 0.0) -> int:
    """Examples that show non-inferiority at δ with this power, where `discordance` is the share on which the two models differ.

    >>> examples_needed(0.02, 0.05)
    819
    """
    _check(margin > drop, "margin above the drop", (margin, drop))
    _check(abs(drop) <= discordance <= 1, "discordance from |drop| to 1", discordance)
    null = max(discordance, margin) - margin**2
    real = max(discordance - drop**2, 1e-9)
    root = (float(norm.ppf(1 - alpha)) * sqrt(null) + float(norm.ppf(power)) * sqrt(real)) / (margin - drop)
    return int(np.ceil(root**2 + 1 / (margin - drop)))  # the second term pays for the continuity correction


def _bound(z, side: int, confidence: float) -> float:  # type: ignore[no-untyped-def]
    """Where z(δ) crosses the two-sided critical value: the lower bound for side 1, the upper for −1 (z falls with δ)."""
    goal = side * float(norm.ppf((1 + confidence) / 2))
    low, high = -1.0 + 1e-9, 1.0 - 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        if z(middle) > goal:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _check(fine: bool, what: str, got: object) -> None:
    if not fine:
        raise HoldfastError(f"expected {what} that fit together, got {got}")
