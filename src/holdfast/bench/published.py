"""Published results to compare with, and the rule by which a result agrees with them.

All figures are final average accuracies in per cent. Each line of the tables is one cell: what the
paper prints, which is rounded, and what the public code of the authors gave. It was run unchanged
on the same data, once per seed, which decides the order of the classes.
"""

from dataclasses import dataclass, field
from math import nan, sqrt
from statistics import mean, stdev

LEAST_TOLERANCE = 1.5  # points
# Published figures have one decimal, so two differences are equal up to this many points.
ROUNDING = 0.05


@dataclass(frozen=True)
class Published:
    """One cell of a published table.

    Args:
        paper: What the paper prints. None: it prints nothing.
        code: What the code of the authors gave, by seed. Empty: there is no code to run.
        tolerance: The difference that always counts as agreement, in points.
    """

    paper: float | None
    code: dict[int, float] = field(default_factory=dict)
    tolerance: float = LEAST_TOLERANCE


# G. M. van de Ven, T. Tuytelaars, A. S. Tolias (2022), Three types of incremental learning. Nature
# Machine Intelligence.
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
# P. Buzzega, M. Boschini, A. Porrello, D. Abati, S. Calderara (2020), Dark experience for general
# continual learning. NeurIPS. The tables hold what the paper prints.
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


@dataclass(frozen=True)
class PublishedComparison:
    """How a result differs from a published one, in points.

    Args:
        difference: The mean of ours minus theirs. NaN if there is nothing to compare.
        half_width: Half of the 95 % t interval of the difference, over seeds. NaN if there are
            fewer than two seeds, or no spread.
        agrees: Whether they agree by the rule of `compare_with_published`.
        seeds: The seeds that were compared.
    """

    difference: float
    half_width: float
    agrees: bool
    seeds: tuple[int, ...]


def compare_with_published(result: dict[int, float], published: Published) -> PublishedComparison:
    """Compare a result with a published one.

    If the code of the authors was run, the seeds that both have are compared in pairs. A cell then
    agrees if the paired 95 % interval holds 0, and the difference is at most the larger of the
    tolerance and 2 standard errors. Otherwise the mean is compared with that of the paper, and
    agrees if the difference is at most the larger of these two.

    Args:
        result: Our final average accuracy in per cent, by seed.
        published: The published cell.

    Returns:
        The comparison.

    Example:
        >>> cell = Published(19.9, {2: 19.8, 3: 19.7})
        >>> compare_with_published({2: 19.8, 3: 19.9}, cell).agrees
        True
    """
    if published.code:
        return _compare_with_code(result, published)
    return _compare_with_paper(result, published)


def _compare_with_code(result: dict[int, float], published: Published) -> PublishedComparison:
    """Compare run by run. A class order that is hard for one is hard for the other."""
    seeds = tuple(sorted(set(result) & set(published.code)))
    differences = [result[seed] - published.code[seed] for seed in seeds]
    if len(differences) < 2:
        # One run has no interval, so it cannot be said to agree.
        difference = mean(differences) if differences else nan
        return PublishedComparison(difference, half_width=nan, agrees=False, seeds=seeds)
    difference = mean(differences)
    error = _standard_error(differences)
    half_width = _half_width(error, len(differences))
    inside = abs(difference) <= half_width + ROUNDING
    small = abs(difference) <= max(published.tolerance, 2 * error)
    # Equal differences have no spread to speak of, and the table then shows no interval.
    return PublishedComparison(difference, half_width or nan, inside and small, seeds)


def _compare_with_paper(result: dict[int, float], published: Published) -> PublishedComparison:
    """Compare the mean over seeds with the printed one, whose own error is not known."""
    seeds = tuple(sorted(result))
    if published.paper is None or not result:
        return PublishedComparison(nan, half_width=nan, agrees=False, seeds=seeds)
    differences = [value - published.paper for value in result.values()]
    difference = mean(differences)
    if len(differences) < 2:
        agrees = abs(difference) <= published.tolerance
        return PublishedComparison(difference, half_width=nan, agrees=agrees, seeds=seeds)
    error = _standard_error(differences)
    agrees = abs(difference) <= max(published.tolerance, 2 * error)
    half_width = _half_width(error, len(differences))
    return PublishedComparison(difference, half_width or nan, agrees, seeds)


def _standard_error(values: list[float]) -> float:
    """The standard error of the mean of at least two values."""
    return stdev(values) / sqrt(len(values))


def _half_width(error: float, count: int) -> float:
    """Half of the 95 % t interval of a mean."""
    # SciPy comes with the extra for training, and takes long to load.
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1)) * error
