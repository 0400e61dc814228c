"""Published results to compare with, and the rule by which a cell agrees.

Final average accuracy in per cent. `paper`: as printed, second-hand and rounded. `code`: the authors' public code run unchanged on the
same data, one run for each seed listed (their class orders), where there is one.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

LEAST_TOLERANCE = 1.5  # points


@dataclass(frozen=True)
class Published:
    """One cell of a published table."""

    paper: float | None
    code: dict[int, float]  # seed → per cent


VAN_DE_VEN_2022: dict[str, dict[str, Published]] = {
    "class": {
        "FineTune": Published(19.9, {2: 19.8, 3: 19.7, 4: 20.0}),
        "EWC": Published(20.6, {2: 20.3, 3: 19.6, 4: 20.1}),
        "LwF": Published(21.9, {2: 21.1, 3: 21.6, 4: 20.9}),
        "AGEM": Published(65.1, {2: 48.4, 3: 78.9, 4: 77.0}),
        "ER": Published(88.8, {2: 89.1, 3: 90.0, 4: 87.6}),
        "Joint": Published(98.2, {2: 98.0, 3: 97.9}),
    }
}
TABLES = {"van-de-ven-class": VAN_DE_VEN_2022}


@dataclass(frozen=True)
class Comparison:
    """Ours against the authors' code over the seeds that both have; all in points."""

    difference: float
    half_width: float  # of the paired 95 % t interval, NaN for fewer than two seeds
    agrees: bool
    seeds: tuple[int, ...]


def compare(ours: dict[int, float], published: Published) -> Comparison:
    """A cell agrees when the paired 95 % interval holds 0 and the difference is at most max(1.5 points, 2 standard errors).

    >>> compare({2: 19.8, 3: 19.9}, Published(19.9, {2: 19.8, 3: 19.7})).agrees
    True
    """
    from scipy.stats import t

    seeds = tuple(sorted(set(ours) & set(published.code)))
    d = [ours[s] - published.code[s] for s in seeds]
    if len(d) < 2:
        return Comparison(mean(d) if d else float("nan"), float("nan"), False, seeds)
    error = stdev(d) / sqrt(len(d))
    half = float(t.ppf(0.975, len(d) - 1)) * error
    agrees = abs(mean(d)) <= half + 1e-9 and abs(mean(d)) <= max(LEAST_TOLERANCE, 2 * error)
    return Comparison(mean(d), half, agrees, seeds)
