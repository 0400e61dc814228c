"""Realised against predicted: does the objective rank orders, and is the planned one better than random ones?

Tasks are never pooled: one number an order, the mean final score over tasks and seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import Interval, seed_interval

RESAMPLES = 2000


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
    return {k: x if np.isfinite(x) else None for k, x in (("estimate", v.estimate), ("low", v.low), ("high", v.high))}


def verified(outcomes: Sequence[Outcome], scheduler: str = "linear-ordering", confidence: float = 0.95, seed: int = 0) -> Verification:
    """The verdict on a plan from trained orders: random ones (`scheduler` None) and those of schedulers.

    Gains are paired by seed, so every order must have been trained with the same seeds.
    """
    random = [o for o in outcomes if o.scheduler is None]
    if len(random) < 3:
        raise HoldfastError(f"at least three random orders are needed to say anything, got {len(random)}; FORMULAS ask for 40")
    seeds = {len(o.realised) for o in outcomes}
    if len(seeds) > 1 or not seeds.pop():
        raise HoldfastError("every order must have been trained with the same seeds")
    rho = _rank_correlation([o.predicted for o in random], [o.mean for o in random], confidence, seed)
    mean_by_seed = np.mean([o.realised for o in random], 0)
    advantages = []
    for o in outcomes:
        if o.scheduler is not None:
            gains = np.asarray(o.realised) - mean_by_seed
            below = float(np.mean([r.mean < o.mean for r in random]) + 0.5 * np.mean([r.mean == o.mean for r in random]))
            advantages.append(Advantage(o.scheduler, o.order, seed_interval(gains, confidence), below, o.predicted))
    share, chance = _first_task([o.order[0] for o in random], [o.mean for o in random])
    spread = float(np.std([o.mean for o in random], ddof=1))
    useful, text = _verdict(scheduler, rho, advantages)
    return Verification(tuple(outcomes), rho, share, chance, spread, tuple(advantages), useful, text)


def _rank_correlation(predicted: Sequence[float], realised: Sequence[float], confidence: float, seed: int) -> Interval:
    """Spearman's ρ with a percentile bootstrap over orders; NaN where either side is constant."""
    from scipy.stats import rankdata

    def rho(p: np.ndarray, r: np.ndarray) -> np.ndarray:
        a, b = (ranks - ranks.mean(1, keepdims=True) for ranks in (rankdata(p, axis=1), rankdata(r, axis=1)))
        spread = np.sqrt((a * a).sum(1) * (b * b).sum(1))
        return np.where(spread > 0, (a * b).sum(1) / np.where(spread > 0, spread, 1), np.nan)

    p, r = np.round(np.asarray(predicted), 12), np.round(np.asarray(realised), 12)  # sums that differ in their last bits tie
    at = np.random.default_rng(seed).integers(len(p), size=(RESAMPLES, len(p)))
    draws, tail = rho(p[at], r[at]), (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail]) if np.isfinite(draws).any() else (np.nan, np.nan)
    return Interval(float(rho(p[None], r[None])[0]), float(low), float(high), confidence, "orders", len(p))


def _first_task(first: Sequence[str], realised: Sequence[float]) -> tuple[float, float]:
    """η² of the first task: variance between groups of equal first tasks over all variance; and its expectation by chance."""
    values: Mapping[str, list[float]] = {}
    values = {t: [r for f, r in zip(first, realised, strict=True) if f == t] for t in dict.fromkeys(first)}
    whole = np.asarray(realised)
    total = float(((whole - whole.mean()) ** 2).sum())
    between = sum(len(v) * (np.mean(v) - whole.mean()) ** 2 for v in values.values())
    return (float(between / total) if total else float("nan")), (len(values) - 1) / (len(whole) - 1)


def _verdict(scheduler: str, rho: Interval, advantages: Sequence[Advantage]) -> tuple[bool, str]:
    plan = next((a for a in advantages if a.scheduler == scheduler), None)
    ranks = rho.low > 0
    told = f"Spearman's ρ across {rho.n} random orders {rho.estimate:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}]"
    if plan is None:
        return ranks, f"The prediction {'ranks' if ranks else 'does not rank'} orders here: {told}."
    gain = f"{100 * plan.gain.estimate:+.2f} points [{100 * plan.gain.low:+.2f}, {100 * plan.gain.high:+.2f}] over random orders"
    beats = plan.gain.low > 0
    words = {
        (True, True): f"Useful here: the prediction ranks orders, and the {scheduler} order is better than random ones",
        (
            True,
            False,
        ): f"Partly useful here: the prediction ranks orders, but the {scheduler} order is not shown to beat random ones",
        (False, True): f"Better than random here, but not through its prediction: the {scheduler} order is above random ones",
        (False, False): f"Not useful here: the {scheduler} order is no better than a random one",
    }
    told = f"{words[ranks, beats]}. {told}; {gain}, better than {100 * plan.percentile:.0f} % of them."
    best = max(advantages, key=lambda a: a.gain.estimate)
    if best.gain.low > max(0.0, plan.gain.estimate):
        above = f"{100 * best.gain.estimate:+.2f} points [{100 * best.gain.low:+.2f}, {100 * best.gain.high:+.2f}]"
        told += f" Of the {len(advantages)} orders tried {best.scheduler} did best: {above}; the best of many flatters, so verify it alone."
    return ranks and beats, told
