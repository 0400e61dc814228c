"""Published results to compare with, and the rule by which a cell agrees.

Final average accuracy in per cent. `paper`: as printed, second-hand and rounded. `code`: the authors' public code run unchanged on the
same data, one run for each seed listed (their class orders), where there is one.
"""

from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev

LEAST_TOLERANCE = 1.5  # points


@dataclass(frozen=True)
class Published:
    """One cell of a published table."""

    paper: float | None
    code: dict[int, float] = field(default_factory=dict)  # seed → per cent
    tolerance: float = LEAST_TOLERANCE  # points


VAN_DE_VEN_2022: dict[str, dict[str, Published]] = {
    "task": {
        "FineTune": Published(84.3, {2: 90.5, 3: 76.2, 4: 84.6}),
        "EWC": Published(99.1, {2: 99.2, 3: 97.9, 4: 99.3}),
        "SI": Published(99.2, {2: 99.4, 3: 94.7, 4: 99.5}),
        "LwF": Published(99.6, {2: 99.6, 3: 99.2, 4: 99.7}),
        "ER": Published(99.0, {2: 99.1, 3: 98.6, 4: 99.3}),
        "AGEM": Published(98.6, {2: 99.2, 3: 98.5, 4: 99.0}),
        "Joint": Published(99.7, {2: 99.4, 3: 99.3}),
        "GenerativeReplay": Published(99.5, tolerance=2.5),
        "XdG": Published(98.8),
        "SeparateNetworks": Published(99.6),
    },
    "domain": {
        "FineTune": Published(60.1, {2: 68.5, 3: 70.4, 4: 64.9}),
        "EWC": Published(63.0, {2: 79.5, 3: 70.6, 4: 59.5}),
        "SI": Published(66.9, {2: 76.7, 3: 71.3, 4: 72.6}),
        "LwF": Published(71.2, {2: 83.4, 3: 72.5, 4: 74.3}),
        "ER": Published(93.8, {2: 94.8, 3: 96.0, 4: 93.8}),
        "AGEM": Published(87.7, {2: 90.4, 3: 94.5, 4: 91.5}),
        "Joint": Published(98.6, {2: 98.6, 3: 98.7}),
        "GenerativeReplay": Published(95.6, tolerance=2.5),
    },
    "class": {
        "FineTune": Published(19.9, {2: 19.8, 3: 19.7, 4: 20.0}),
        "EWC": Published(20.6, {2: 20.3, 3: 19.6, 4: 20.1}),
        "SI": Published(21.2, {2: 20.5, 3: 23.0, 4: 22.1}),
        "LwF": Published(21.9, {2: 21.1, 3: 21.6, 4: 20.9}),
        "ER": Published(88.8, {2: 89.1, 3: 90.0, 4: 87.6}),
        "AGEM": Published(65.1, {2: 48.4, 3: 78.9, 4: 77.0}),
        "Joint": Published(98.2, {2: 98.0, 3: 97.9}),
        "iCaRL": Published(92.5, {2: 87.8, 3: 89.0, 4: 88.1}),
        "GenerativeReplay": Published(90.4, {2: 91.3, 3: 92.6}, tolerance=2.5),
    },
}
BUZZEGA_2020_PERMUTED: dict[str, dict[str, Published]] = {
    "domain": {
        "FineTune": Published(40.7),
        "OnlineEWC": Published(75.8),
        "SI": Published(65.9),
        "SI, printed strength": Published(65.9),
        "ER 200": Published(72.4),
        "GEM 200": Published(66.9),
        "AGEM 200": Published(66.4),
        "DER 200": Published(81.7),
        "DERpp 200": Published(83.6),
        "ER 500": Published(80.6),
        "GEM 500": Published(None),
        "AGEM 500": Published(67.6),
        "DER 500": Published(87.3),
        "DERpp 500": Published(88.2),
    }
}
BUZZEGA_2020_ROTATED: dict[str, dict[str, Published]] = {
    "domain": {
        "FineTune": Published(67.7),
        "OnlineEWC": Published(77.4),
        "SI": Published(71.9),
        "SI, printed strength": Published(71.9),
        "ER 200": Published(85.0),
        "GEM 200": Published(80.8),
        "AGEM 200": Published(81.9),
        "DER 200": Published(90.0),
        "DERpp 200": Published(90.4),
        "ER 500": Published(88.9),
        "GEM 500": Published(None),
        "AGEM 500": Published(80.3),
        "DER 500": Published(92.2),
        "DERpp 500": Published(92.8),
    }
}
TABLES = {
    "van-de-ven-2022": VAN_DE_VEN_2022,
    "buzzega-2020-permuted": BUZZEGA_2020_PERMUTED,
    "buzzega-2020-rotated": BUZZEGA_2020_ROTATED,
}

ROUNDING = (
    0.05  # points: published figures have one decimal, so equal differences are equal up to this
)


@dataclass(frozen=True)
class Comparison:
    """Ours against the authors' code over the seeds that both have, or where there is none against the paper's mean; all in points."""

    difference: float
    half_width: float  # of the 95 % t interval (paired, against code), NaN for fewer than two seeds
    agrees: bool
    seeds: tuple[int, ...]


def compare(ours: dict[int, float], published: Published) -> Comparison:
    """A cell agrees when the paired 95 % interval holds 0 and the difference is at most max(1.5 points, 2 standard errors).

    Without runs of the authors' code: when the difference of our mean from the paper's is at most max(1.5 points, 2 standard errors).

    >>> compare({2: 19.8, 3: 19.9}, Published(19.9, {2: 19.8, 3: 19.7})).agrees
    True
    """
    from scipy.stats import t

    if not published.code:
        if published.paper is None or not ours:
            return Comparison(float("nan"), float("nan"), False, tuple(sorted(ours)))
        d = [v - published.paper for v in ours.values()]
        error = stdev(d) / sqrt(len(d)) if len(d) > 1 else float("nan")
        half = float(t.ppf(0.975, len(d) - 1)) * error if len(d) > 1 and error else float("nan")
        agrees = abs(mean(d)) <= (
            max(published.tolerance, 2 * error) if len(d) > 1 else published.tolerance
        )
        return Comparison(mean(d), half, agrees, tuple(sorted(ours)))
    seeds = tuple(sorted(set(ours) & set(published.code)))
    d = [ours[s] - published.code[s] for s in seeds]
    if len(d) < 2:
        return Comparison(mean(d) if d else float("nan"), float("nan"), False, seeds)
    error = stdev(d) / sqrt(len(d))
    half = float(t.ppf(0.975, len(d) - 1)) * error
    agrees = abs(mean(d)) <= half + ROUNDING and abs(mean(d)) <= max(published.tolerance, 2 * error)
    return Comparison(
        mean(d), half or float("nan"), agrees, seeds
    )  # equal differences have no spread
