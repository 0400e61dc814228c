"""Which groups are better than others: ranks with ties, and the Pareto front."""

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from holdfast.metrics import Interval
from holdfast.results.groups import Group
from holdfast.results.measures import MEASURES


def ranks(groups: Sequence[Group], measure: str = "ACC") -> list[str]:
    """Rank groups by a measure.

    The rank is 1 plus the number of groups whose interval lies wholly above. Overlapping intervals
    are no proof of equality: they only say that these seeds do not tell the groups apart.

    Args:
        groups: Groups of one scenario.
        measure: A key of `MEASURES`, of which a higher value is better.

    Returns:
        The rank of each group. `=` in front marks a tie, and `–` a group without an interval.
    """
    intervals = [group.values[measure] for group in groups]
    places: list[int | None] = []
    # Quadratic in the number of groups, of which there are dozens at most.
    for interval in intervals:
        place = None
        if not math.isnan(interval.low):
            place = 1 + sum(other.low > interval.high for other in intervals)
        places.append(place)
    texts = []
    for place in places:
        text = "–"
        if place is not None:
            tie = "=" * (places.count(place) > 1)
            text = f"{tie}{place}"
        texts.append(text)
    return texts


def best(
    groups: Sequence[Group], measure: str = "ACC", reference: Collection[str] = ()
) -> list[bool]:
    """Find the groups than which no other one is clearly better: those of rank 1, with all ties.

    A group is clearly better than another one if its interval lies wholly on the better side.

    Args:
        groups: Groups of one scenario.
        measure: A key of `MEASURES`. If it has no better side, no group is best.
        reference: Labels of groups that are no competitors, such as an upper bound. They are never
            best, and no group is worse because of them.

    Returns:
        Whether each group is among the best. Groups without an interval are not, unless no group
        has one because there is one seed. Then the best estimates are.
    """
    better = MEASURES[measure].best
    competitors = [group for group in groups if better and group.label not in reference]
    intervals = {id(group): group.values[measure] for group in competitors}
    if not any(interval.known for interval in intervals.values()):
        estimates = {key: interval.estimate for key, interval in intervals.items()}
        known = [estimate for estimate in estimates.values() if not math.isnan(estimate)]
        # The extreme of no estimates is not needed, because no group has one to compare.
        extreme = {"highest": max, "lowest": min}.get(better, max)(known, default=math.nan)
        return [estimates.get(id(group)) == extreme for group in groups]
    return [
        id(group) in intervals and _is_unbeaten(intervals[id(group)], intervals.values(), better)
        for group in groups
    ]


def _is_unbeaten(interval: Interval, others: Iterable[Interval], better: str) -> bool:
    """Check that no other interval lies wholly on the better side of a known one."""
    if not interval.known:
        return False
    # Comparisons with an unknown bound are false, so such a group beats none.
    if better == "lowest":
        return not any(other.high < interval.low for other in others)
    return not any(other.low > interval.high for other in others)


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Find the points that no other point beats.

    A point beats another one if it is at least as high in every coordinate and higher in one.

    Args:
        points: The points, each with the same number of coordinates. Higher is better.

    Returns:
        Whether each point is on the front. A point with NaN is not, and beats none.

    Example:
        >>> pareto_front([(1, 3), (2, 2), (1, 2)])
        [True, True, False]
    """
    rows = np.asarray(points, dtype=float)
    is_known = ~np.isnan(rows).any(1)
    front = []
    # A point is not higher than itself in any coordinate, so it needs no exception.
    for point, known in zip(rows, is_known, strict=True):
        at_least = (rows >= point).all(1)
        higher = (rows > point).any(1)
        is_beaten = (is_known & at_least & higher).any()
        front.append(bool(known and not is_beaten))
    return front


def on_front(groups: Sequence[Group]) -> list[bool]:
    """Find the groups on the Pareto front of ACC, BWT and time."""
    points = []
    for group in groups:
        values = group.values
        # Less time is better, so its sign is turned.
        points.append((values["ACC"].estimate, values["BWT"].estimate, -values["seconds"].estimate))
    return pareto_front(points)
