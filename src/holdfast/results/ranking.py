"""Which groups are better than others: ranks with ties, and the Pareto front."""

import math
from collections.abc import Sequence

import numpy as np

from holdfast.results.groups import Group


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
