"""The verdict on a plan in words."""

from collections.abc import Sequence

from holdfast.metrics import Interval
from holdfast.planning.outcomes import Advantage

# Whether the prediction ranks orders, and whether the planned order beats random ones.
VERDICTS = {
    (True, True): (
        "Useful here: the prediction ranks orders, and the {scheduler} order is better than random "
        "orders."
    ),
    (True, False): (
        "Partly useful here: the prediction ranks orders, but the {scheduler} order is not shown "
        "to be better than random orders."
    ),
    (False, True): (
        "Better than random here, but not because of its prediction: the {scheduler} order is "
        "better than random orders, but the prediction is not shown to rank orders."
    ),
    (False, False): (
        "Not shown to be useful here: the prediction is not shown to rank orders, and the "
        "{scheduler} order is not shown to be better than random orders."
    ),
}


def judge(scheduler: str, rho: Interval, advantages: Sequence[Advantage]) -> tuple[bool, str]:
    """Judge a plan, and say why.

    Args:
        scheduler: The scheduler whose order is the plan.
        rho: Rank correlation between prediction and result across random orders.
        advantages: What the order of each scheduler gains over random ones.

    Returns:
        Whether the plan is shown to be useful, and the verdict in words.
    """
    ranks_orders = is_above_zero(rho)
    correlation = (
        f"Spearman's ρ across {rho.n} random orders is {rho.estimate:+.2f} {_bounds(rho, 1)}."
    )
    plan = next((a for a in advantages if a.scheduler == scheduler), None)
    # Without a planned order, only the prediction can be judged.
    if plan is None:
        verb = {True: "ranks", False: "is not shown to rank"}[ranks_orders]
        return ranks_orders, f"The prediction {verb} orders here. {correlation}"
    beats_random = is_above_zero(plan.gain)
    verdict = VERDICTS[ranks_orders, beats_random].format(scheduler=scheduler)
    text = (
        f"{verdict} {correlation} The {scheduler} order gains {_points(plan.gain)} over the mean "
        f"of random orders and is better than {100 * plan.percentile:.0f} % of them."
    )
    best = max(advantages, key=lambda advantage: advantage.gain.estimate)
    # Another scheduler is only worth a word if it is clearly better than the plan.
    if is_above_zero(best.gain) and best.gain.low > plan.gain.estimate:
        text += (
            f" Of the {len(advantages)} planned orders, that of {best.scheduler} gains most: "
            f"{_points(best.gain)}. The best of many looks better than it is, so verify it alone."
        )
    return ranks_orders and beats_random, text


def is_above_zero(interval: Interval) -> bool:
    """Tell whether a value above 0 is shown."""
    # Equal values of all seeds have no spread, so they show nothing about other seeds.
    return interval.known and not interval.all_equal and interval.low > 0


def _points(gain: Interval) -> str:
    """Write a gain in points with its bounds."""
    return f"{100 * gain.estimate:+.2f} points {_bounds(gain, 100)}"


def _bounds(interval: Interval, factor: float) -> str:
    """Write both bounds, multiplied by a factor, or say why there are none."""
    if not interval.known or interval.all_equal:
        return f"[no interval: {interval.reason}]"
    return f"[{factor * interval.low:+.2f}, {factor * interval.high:+.2f}]"
