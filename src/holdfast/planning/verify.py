"""Compare what trained orders reach with what was predicted.

Two questions are answered: does the objective rank orders, and is the planned order better than
random ones? Tasks are never pooled. An order is one number, its mean final score over tasks and
seeds, because the different difficulty of tasks alone would give a high correlation.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import Interval
from holdfast.planning.correlation import rank_correlation
from holdfast.planning.outcomes import Advantage, Outcome, advantages_of
from holdfast.planning.verdict import judge

FEWEST_RANDOM = 3  # random orders without which nothing can be said
USUAL_RANDOM = 40


@dataclass(frozen=True)
class Verification:
    """What trained orders show of a plan.

    Args:
        outcomes: The trained orders.
        rho: Spearman's ρ between prediction and result across random orders, with an interval over
            orders.
        first_task: Share of the variance among random orders that the first task alone explains.
        first_task_by_chance: The share that it would explain by chance.
        spread: Standard deviation of the mean final scores of random orders.
        advantages: What the order of each scheduler gains over random ones.
        useful: Whether the plan is shown to be useful.
        verdict: The same in words.
    """

    outcomes: tuple[Outcome, ...]
    rho: Interval
    first_task: float
    first_task_by_chance: float
    spread: float
    advantages: tuple[Advantage, ...]
    useful: bool
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Return the verification as plain values, in which NaN is None."""
        advantages = [asdict(a) | {"gain": plain_interval(a.gain)} for a in self.advantages]
        return {
            "verdict": self.verdict,
            "useful": self.useful,
            "rho": plain_interval(self.rho),
            "first_task": _or_none(self.first_task),
            "first_task_by_chance": self.first_task_by_chance,
            "spread": self.spread,
            "advantages": advantages,
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }


def plain_interval(interval: Interval) -> dict[str, float | None]:
    """Return the numbers of an interval as JSON can hold them.

    Args:
        interval: The interval. NaN becomes None.
    """
    return {
        "estimate": _or_none(interval.estimate),
        "low": _or_none(interval.low),
        "high": _or_none(interval.high),
    }


def _or_none(value: float) -> float | None:
    """Return a number, or None for NaN, which JSON does not have."""
    if np.isfinite(value):
        return value
    return None


def verified(
    outcomes: Sequence[Outcome],
    scheduler: str = "linear-ordering",
    confidence: float = 0.95,
) -> Verification:
    """Judge a plan by trained orders.

    Gains are paired by seed, so every order must have been trained with the same seeds.

    Args:
        outcomes: Trained orders: at least three random ones, and those of schedulers.
        scheduler: The scheduler whose order is the plan. If it is not among the outcomes, only the
            prediction is judged.
        confidence: Confidence of the intervals, in (0, 1).

    Returns:
        The figures and the verdict.

    Raises:
        HoldfastError: There are fewer than three random orders, or orders have different numbers of
            seeds.

    Example:
        >>> scores = [0.60, 0.61, 0.62, 0.63]
        >>> random = [Outcome((f"t{n}", "x"), float(n), (v,)) for n, v in enumerate(scores)]
        >>> v = verified(random)
        >>> v.rho.estimate, v.useful
        (1.0, False)
    """
    random = [outcome for outcome in outcomes if outcome.scheduler is None]
    _check(outcomes, random)
    means = [outcome.mean for outcome in random]
    # Schedulers aim at a high prediction, so only random orders show whether it ranks them.
    rho = rank_correlation([outcome.predicted for outcome in random], means, confidence)
    advantages = advantages_of(outcomes, random, confidence)
    share, by_chance = _first_task([outcome.order[0] for outcome in random], means)
    useful, verdict = judge(scheduler, rho, advantages)
    return Verification(
        outcomes=tuple(outcomes),
        rho=rho,
        first_task=share,
        first_task_by_chance=by_chance,
        spread=float(np.std(means, ddof=1)),
        advantages=tuple(advantages),
        useful=useful,
        verdict=verdict,
    )


def _check(outcomes: Sequence[Outcome], random: Sequence[Outcome]) -> None:
    """Raise an error if there are too few random orders, or orders with different seeds."""
    if len(random) < FEWEST_RANDOM:
        raise HoldfastError(
            f"at least three random orders are needed to say anything, got {len(random)}; "
            f"{USUAL_RANDOM} are usual"
        )
    # Only the number of seeds is known here, so equal numbers have to do.
    seeds = {len(outcome.realised) for outcome in outcomes}
    if len(seeds) > 1 or 0 in seeds:
        raise HoldfastError(
            "every order must have been trained with the same seeds, at least one; "
            f"got orders with {sorted(seeds)} seeds"
        )


def _first_task(first: Sequence[str], realised: Sequence[float]) -> tuple[float, float]:
    """Compute how much of the variance among orders the first task explains, η².

    Args:
        first: First task of each order.
        realised: Mean final score of each order.

    Returns:
        The variance between groups of orders with the same first task, divided by all variance; and
        its expectation by chance.
    """
    by_first: dict[str, list[float]] = {}
    for task, score in zip(first, realised, strict=True):
        by_first.setdefault(task, []).append(score)
    # Variances are sums of squares here, since the common factor cancels.
    scores = np.asarray(realised)
    mean = scores.mean()
    total = float(((scores - mean) ** 2).sum())
    between = sum(len(group) * (np.mean(group) - mean) ** 2 for group in by_first.values())
    # If all orders reach the same score, there is nothing to explain.
    share = float("nan")
    if total:
        share = float(between / total)
    # With G groups and N orders, η² has the expectation (G − 1)/(N − 1).
    by_chance = (len(by_first) - 1) / (len(scores) - 1)
    return share, by_chance
