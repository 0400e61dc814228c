"""The numbers that are computed for every run, what they mean, and their intervals over seeds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from holdfast.metrics import Interval, bounded_seed_interval, seed_interval
from holdfast.results.record import RunResult

Bounds = tuple[float, float]  # the lowest and the highest possible value


@dataclass(frozen=True)
class Measure:
    """A number that is computed for every run.

    Args:
        heading: Its name at the top of a column.
        meaning: What it is, in words.
        kind: "score" for a mean of scores, "change" for a difference of scores, "amount" for
            seconds, counts and bytes. It decides in which range the values can lie.
        best: Whether the highest or the lowest value is the best one. "" if neither is.
    """

    heading: str
    meaning: str
    kind: Literal["score", "change", "amount"]
    best: Literal["highest", "lowest", ""]


MEASURES: dict[str, Measure] = {
    "ACC": Measure(
        heading="ACC",
        meaning="mean accuracy over tasks after the last one",
        kind="score",
        best="highest",
    ),
    "BWT": Measure(
        heading="BWT",
        meaning="backward transfer: mean change of a task's accuracy since it was learnt "
        "(below 0, accuracy was lost)",
        kind="change",
        best="highest",
    ),
    "FWT": Measure(
        heading="FWT",
        meaning="forward transfer: accuracy on a task just before it is trained, above the "
        "baseline",
        kind="change",
        best="highest",
    ),
    "forgetting": Measure(
        heading="F",
        meaning="forgetting: mean drop from each task's best accuracy since it was learnt",
        kind="change",
        best="lowest",
    ),
    "worst forgetting": Measure(
        heading="worst",
        meaning="worst forgetting: the largest drop of one task since it was learnt",
        kind="change",
        best="lowest",
    ),
    "seconds": Measure(
        heading="time",
        meaning="seconds of training and consolidation",
        kind="amount",
        best="lowest",
    ),
    "parameters": Measure(
        heading="parameters",
        meaning="parameters of the model at the end",
        # A method with fewer parameters or bytes is no better one, because the user chose sizes.
        kind="amount",
        best="",
    ),
    "bytes": Measure(
        heading="bytes",
        meaning="bytes that the method keeps: stored examples, teachers, importances",
        kind="amount",
        best="",
    ),
}


def bounds_of(kind: str, run: RunResult) -> Bounds:
    """Give the range in which the values of a kind of measure can lie.

    Args:
        kind: One of the kinds of `Measure`.
        run: A run, which says in which range its scores are.
    """
    if kind == "amount":
        return 0.0, math.inf
    lowest, highest = run.matrix.score_range
    if kind == "score":
        return lowest, highest
    # Forward transfer subtracts the level of guessing, which a scorer's range may not include.
    width = max(highest, run.chance) - min(lowest, run.chance)
    return -width, width


def interval_over_seeds(
    values: Iterable[float], kind: str, run: RunResult, confidence: float = 0.95
) -> Interval:
    """Compute the mean of a measure over seeds, with an interval inside its range.

    Args:
        values: One value per seed.
        kind: One of the kinds of `Measure`.
        run: One of the runs.
        confidence: Confidence of the interval, in (0, 1).
    """
    return bounded_seed_interval(values, bounds_of(kind, run), confidence)


def paired_interval(
    after: Iterable[float], before: Iterable[float], kind: str, run: RunResult
) -> Interval:
    """Compute the mean change of a measure over the same seeds, with an interval inside its range.

    Args:
        after: One value per seed.
        before: The values of the same seeds in the same order.
        kind: One of the kinds of `Measure`.
        run: One of the runs.
    """
    changes = [new - old for new, old in zip(after, before, strict=True)]
    lowest, highest = bounds_of(kind, run)
    width = highest - lowest
    # Amounts have no largest change, so their intervals need no limits.
    if math.isinf(width):
        return seed_interval(changes)
    return bounded_seed_interval(changes, (-width, width))
