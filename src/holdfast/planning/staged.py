"""Whether a planned order of fine-tuning was worth it: against random orders, groups and joint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import factorial
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import Interval, seed_interval
from holdfast.planning.correlation import FEWEST_ORDERS
from holdfast.planning.outcomes import Outcome
from holdfast.planning.verdict import is_above_zero
from holdfast.planning.verify import Verification, plain_interval, verified
from holdfast.text import points

FEWEST_SEEDS = 2  # without a second seed, nobody knows what chance does


@dataclass(frozen=True)
class StagedVerification:
    """What trained orders, groups and joint training show of a plan, at equal steps.

    Args:
        orders: The plan, its reverse and random orders.
        over_orders: What the plan gains over random orders, with an interval over these orders.
        over_seeds: The same, with an interval over seeds.
        over_joint: The plan minus training all tasks at once, with an interval over seeds.
        joint: The mean final score of training all tasks at once, for each seed.
        groups: That of training groups one after another. None: every group is a single task.
        over_groups: The plan minus the groups, with an interval over seeds; None without groups.
        stages: The tasks of each group.
        answer: "yes", "no", or "unknown": whether planning was worth it.
        verdict: What to do, in words.
    """

    orders: Verification
    over_orders: Interval
    over_seeds: Interval
    over_joint: Interval
    joint: tuple[float, ...]
    groups: tuple[float, ...] | None
    over_groups: Interval | None
    stages: tuple[tuple[str, ...], ...]
    answer: str
    verdict: str

    @property
    def plan(self) -> Outcome:
        """The planned order."""
        return self.orders.outcomes[0]

    @property
    def random(self) -> list[Outcome]:
        """The random orders."""
        return [outcome for outcome in self.orders.outcomes if outcome.scheduler is None]

    def rows(self) -> list[tuple[str, float, str]]:
        """List what was compared: its name, its mean final score, and its order."""
        rows = []
        for outcome in self.orders.outcomes:
            if outcome.scheduler is not None:
                name = "planned order" if outcome == self.plan else f"{outcome.scheduler} order"
                rows.append((name, outcome.mean, " → ".join(outcome.order)))
        random = [outcome.mean for outcome in self.random]
        rows.append((f"{len(random)} random orders", float(np.mean(random)), "mean over orders"))
        if self.groups is not None:
            stages = " → ".join(" + ".join(stage) for stage in self.stages)
            rows.append(("groups", float(np.mean(self.groups)), stages))
        rows.append(("joint training", float(np.mean(self.joint)), "all tasks at once"))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return the verification as plain values."""
        over_groups = None
        if self.over_groups is not None:
            over_groups = plain_interval(self.over_groups)
        return {
            "answer": self.answer,
            "verdict": self.verdict,
            "over_orders": plain_interval(self.over_orders),
            "over_seeds": plain_interval(self.over_seeds),
            "over_joint": plain_interval(self.over_joint),
            "over_groups": over_groups,
            "joint": list(self.joint),
            "groups": None if self.groups is None else list(self.groups),
            "stages": [list(stage) for stage in self.stages],
            "orders": self.orders.to_json(),
        }


def staged_verification(
    outcomes: Sequence[Outcome],
    scheduler: str,
    joint: Sequence[float],
    groups: Sequence[float] | None = None,
    stages: Sequence[Sequence[str]] = (),
    confidence: float = 0.95,
) -> StagedVerification:
    """Judge whether a planned order of fine-tuning was worth it.

    Args:
        outcomes: Trained orders: the plan first, and at least three random ones.
        scheduler: The rule that made the plan.
        joint: The mean final score of training all tasks at once in as many steps, per seed.
        groups: That of training groups of tasks one after another. None: there are no groups.
        stages: The tasks of each group.
        confidence: Confidence of the intervals, in (0, 1).

    Returns:
        The comparison. Its verdict says what to do.

    Raises:
        HoldfastError: There are fewer than three random orders, or seeds differ.

    Example:
        >>> orders = [Outcome(("a", "b"), 1.0, (0.7, 0.72), "linear-ordering")]
        >>> orders += [Outcome(("b", "a"), 0.0, (0.5, 0.52)) for _ in range(3)]
        >>> staged_verification(orders, "linear-ordering", [0.6, 0.6]).answer
        'unknown'
    """
    plan = np.asarray(outcomes[0].realised)
    orders = verified(outcomes, scheduler, confidence)
    _check_seeds(len(plan), joint, groups)
    random = [outcome for outcome in outcomes if outcome.scheduler is None]
    means = np.array([outcome.mean for outcome in random])
    over_orders = seed_interval(plan.mean() - means, confidence)
    over_seeds = seed_interval(plan - np.mean([one.realised for one in random], 0), confidence)
    over_groups = None
    if groups is not None:
        over_groups = seed_interval(plan - np.asarray(groups), confidence)
    found = StagedVerification(
        orders=orders,
        over_orders=replace(over_orders, varies="orders"),
        over_seeds=over_seeds,
        over_joint=seed_interval(plan - np.asarray(joint), confidence),
        joint=tuple(joint),
        groups=None if groups is None else tuple(groups),
        over_groups=over_groups,
        stages=tuple(tuple(stage) for stage in stages),
        answer="unknown",
        verdict="",
    )
    answer = _answer(found)
    return replace(found, answer=answer, verdict=_verdict(found, answer))


def _check_seeds(seeds: int, *others: Sequence[float] | None) -> None:
    """Raise an error if joint training or groups have another number of seeds than the plan."""
    for other in others:
        if other is not None and len(other) != seeds:
            raise HoldfastError(
                f"the plan was trained with {seeds} seeds, but joint training or groups with "
                f"{len(other)}; train all with the same seeds"
            )


def _enough(found: StagedVerification) -> int:
    """How many random orders are enough. Few tasks have few orders, which are all trained."""
    return min(FEWEST_ORDERS, factorial(len(found.plan.order)))


def _answer(found: StagedVerification) -> str:
    """Whether planning was worth it, or that it cannot be said."""
    is_known = found.over_seeds.known and not found.over_seeds.all_equal
    if len(found.random) < _enough(found) or len(found.joint) < FEWEST_SEEDS or not is_known:
        return "unknown"
    if is_above_zero(found.over_seeds) and is_above_zero(found.over_orders):
        return "yes"
    return "no"


def _verdict(found: StagedVerification, answer: str) -> str:
    """What to do, and the numbers behind it."""
    over_orders = f"{len(found.random)} orders {_bounds(found.over_orders)}"
    gain = (
        f"The planned order gains {_gain(found.over_seeds)} over random orders (interval over "
        f"seeds; over {over_orders}), and {_gain(found.over_joint)} over joint training in as many "
        "steps."
    )
    if answer == "unknown":
        return (
            "It cannot be said whether planning was worth it: that takes at least "
            f"{_enough(found)} random orders and {FEWEST_SEEDS} seeds with different results, got "
            f"{len(found.random)} and {len(found.joint)}. {gain}"
        )
    if is_above_zero(_turned(found.over_joint)):
        worth = {"yes": "was worth it", "no": "was not shown to be worth it"}[answer]
        start = f"Train all tasks together: joint training is better, and planning {worth}."
    elif answer == "yes":
        start = "Train in the planned order: planning was worth it."
    else:
        start = "Take any order that suits you: planning was not shown to be worth it."
    return f"{start} {gain}"


def _turned(interval: Interval) -> Interval:
    """Turn the gain of one over another into that of the other over the one."""
    return replace(interval, estimate=-interval.estimate, low=-interval.high, high=-interval.low)


def _gain(gain: Interval) -> str:
    """Write a gain in points with its bounds."""
    return f"{points(gain.estimate)} points {_bounds(gain)}"


def _bounds(gain: Interval) -> str:
    """Write both bounds in points, or that there are none that mean anything."""
    if not gain.known or gain.all_equal:
        return "[no interval]"
    return f"[{points(gain.low)}, {points(gain.high)}]"
