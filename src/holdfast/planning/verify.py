"""Realised against predicted: does the objective rank orders, and is the planned one better than random ones?

Tasks are never pooled: one number an order, the mean final score over tasks and seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import Interval, seed_interval
from holdfast.metrics.distributions import normal_quantile
from holdfast.metrics.intervals import without_bounds

FEWEST_ORDERS = 10  # random orders from which on ρ has an interval


@dataclass(frozen=True)
class Outcome:
    """One order that was trained: its predicted value, and the mean final score over tasks by seed (S,)."""

    order: tuple[str, ...]
    predicted: float
    realised: tuple[float, ...]
    scheduler: str | None = None  # None: a random order

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.realised))


@dataclass(frozen=True)
class Advantage:
    """What a scheduler's order gains over random ones: `gain` over seeds, and the share of random orders that it beats."""

    scheduler: str
    order: tuple[str, ...]
    gain: Interval
    percentile: float
    predicted: float


@dataclass(frozen=True)
class Verification:
    """What was found. `rho`: Spearman's, across random orders, with an interval over orders. `first_task`: share of the variance among
    random orders that the first task alone explains, and what it would by chance."""

    outcomes: tuple[Outcome, ...]
    rho: Interval
    first_task: float
    first_task_by_chance: float
    spread: float  # standard deviation of random orders' means
    advantages: tuple[Advantage, ...]
    useful: bool
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""

        return {
            "verdict": self.verdict,
            "useful": self.useful,
            "rho": _interval(self.rho),
            "first_task": self.first_task,
            "first_task_by_chance": self.first_task_by_chance,
            "spread": self.spread,
            "advantages": [asdict(a) | {"gain": _interval(a.gain)} for a in self.advantages],
            "outcomes": [asdict(o) for o in self.outcomes],
        }


def _interval(v: Interval) -> dict[str, Any]:
    """NaN, where there is no interval, as null."""
    return {
        k: x if np.isfinite(x) else None
        for k, x in (("estimate", v.estimate), ("low", v.low), ("high", v.high))
    }


def verified(
    outcomes: Sequence[Outcome], scheduler: str = "linear-ordering", confidence: float = 0.95
) -> Verification:
    """The verdict on a plan from trained orders: random ones (`scheduler` None) and those of schedulers.

    Gains are paired by seed, so every order must have been trained with the same seeds.
    """
    random = [o for o in outcomes if o.scheduler is None]
    if len(random) < 3:
        raise HoldfastError(
            f"at least three random orders are needed to say anything, got {len(random)}; 40 are usual"
        )
    seeds = {len(o.realised) for o in outcomes}
    if len(seeds) > 1 or not seeds.pop():
        raise HoldfastError("every order must have been trained with the same seeds")
    rho = rank_correlation([o.predicted for o in random], [o.mean for o in random], confidence)
    mean_by_seed = np.mean([o.realised for o in random], 0)
    advantages = []
    for o in outcomes:
        if o.scheduler is not None:
            gains = np.asarray(o.realised) - mean_by_seed
            below = float(
                np.mean([r.mean < o.mean for r in random])
                + 0.5 * np.mean([r.mean == o.mean for r in random])
            )
            advantages.append(
                Advantage(
                    o.scheduler, o.order, seed_interval(gains, confidence), below, o.predicted
                )
            )
    share, chance = _first_task([o.order[0] for o in random], [o.mean for o in random])
    spread = float(np.std([o.mean for o in random], ddof=1))
    useful, text = _verdict(scheduler, rho, advantages)
    return Verification(
        tuple(outcomes), rho, share, chance, spread, tuple(advantages), useful, text
    )


def rank_correlation(
    predicted: Sequence[float], realised: Sequence[float], confidence: float = 0.95
) -> Interval:
    """Spearman's ρ between two lists, with an interval over orders.

    The interval is that of Bonett and Wright: symmetric on Fisher's scale, with the variance
    (1 + ρ²/2)/(n − 3). A perfect ρ counts as half a step below 1 there, since few orders can agree by luck.

    Args:
        predicted: One value per order.
        realised: One value per order.
        confidence: In (0, 1).

    Returns:
        The interval. Its bounds are NaN, with a `reason`, for fewer than ten orders or if a list is constant.

    Example:
        >>> f"{rank_correlation(range(10), [0, 2, 1, 3, 5, 4, 6, 7, 9, 8]):.2f}"
        '0.96 (0.80 to 0.99)'

    References:
        D. G. Bonett, T. A. Wright (2000), Sample size requirements for estimating Pearson, Kendall and
        Spearman correlations. Psychometrika 65(1).
    """
    n = len(predicted)
    rho = _spearman(predicted, realised)
    if np.isnan(rho):
        return without_bounds(
            rho, confidence, "orders", n, "all predictions or all results are equal"
        )
    if n < FEWEST_ORDERS:
        return without_bounds(
            rho, confidence, "orders", n, f"fewer than {FEWEST_ORDERS} random orders say too little"
        )
    most = 1 - 6 / (
        n * (n * n - 1)
    )  # halfway to the largest ρ below 1, which one swap of neighbours gives
    at = np.arctanh(np.clip(rho, -most, most))
    half = normal_quantile((1 + confidence) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    return Interval(
        rho, float(np.tanh(at - half)), float(np.tanh(at + half)), confidence, "orders", n
    )


def _spearman(predicted: Sequence[float], realised: Sequence[float]) -> float:
    """Spearman's ρ with mean ranks of ties; NaN if a list is constant."""
    from scipy.stats import rankdata

    # Sums that differ in their last bits tie.
    a, b = (rankdata(np.round(np.asarray(v, dtype=float), 12)) for v in (predicted, realised))
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else float("nan")


def _first_task(first: Sequence[str], realised: Sequence[float]) -> tuple[float, float]:
    """η² of the first task: variance between groups of equal first tasks over all variance; and its expectation by chance."""
    values: Mapping[str, list[float]] = {}
    values = {
        t: [r for f, r in zip(first, realised, strict=True) if f == t] for t in dict.fromkeys(first)
    }
    whole = np.asarray(realised)
    total = float(((whole - whole.mean()) ** 2).sum())
    between = sum(len(v) * (np.mean(v) - whole.mean()) ** 2 for v in values.values())
    return (float(between / total) if total else float("nan")), (len(values) - 1) / (len(whole) - 1)


def _shown(v: Interval) -> bool:
    """Whether a value above 0 is shown. Equal values of all seeds show nothing, since they have no spread."""
    return v.known and not v.all_equal and v.low > 0


def _bounds(v: Interval, factor: float) -> str:
    """Both bounds, or why there are none."""
    if not v.known or v.all_equal:
        return f"[no interval: {v.reason}]"
    return f"[{factor * v.low:+.2f}, {factor * v.high:+.2f}]"


def _verdict(scheduler: str, rho: Interval, advantages: Sequence[Advantage]) -> tuple[bool, str]:
    plan = next((a for a in advantages if a.scheduler == scheduler), None)
    ranks = _shown(rho)
    told = f"Spearman's ρ across {rho.n} random orders {rho.estimate:+.2f} {_bounds(rho, 1)}"
    if plan is None:
        return ranks, f"The prediction {'ranks' if ranks else 'does not rank'} orders here: {told}."
    gain = f"{100 * plan.gain.estimate:+.2f} points {_bounds(plan.gain, 100)} over random orders"
    beats = _shown(plan.gain)
    words = {
        (
            True,
            True,
        ): f"Useful here: the prediction ranks orders, and the {scheduler} order is better than random ones",
        (
            True,
            False,
        ): f"Partly useful here: the prediction ranks orders, but the {scheduler} order is not shown to beat random ones",
        (
            False,
            True,
        ): f"Better than random here, but not through its prediction: the {scheduler} order is above random ones",
        (
            False,
            False,
        ): f"Not shown to be useful here: neither does the prediction rank orders, nor does the {scheduler} order beat random ones",
    }
    told = (
        f"{words[ranks, beats]}. {told}; {gain}, better than {100 * plan.percentile:.0f} % of them."
    )
    best = max(advantages, key=lambda a: a.gain.estimate)
    if _shown(best.gain) and best.gain.low > plan.gain.estimate:
        above = f"{100 * best.gain.estimate:+.2f} points {_bounds(best.gain, 100)}"
        told += f" Of the {len(advantages)} orders tried {best.scheduler} did best: {above}; the best of many flatters, so verify it alone."
    return ranks and beats, told
