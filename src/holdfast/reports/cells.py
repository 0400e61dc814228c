"""Numbers as the text of table cells: points, seconds, counts and bytes, with real minus signs."""

import math

from holdfast.metrics import Interval

UNKNOWN = "–"
UNEVEN = 0.1  # share by which the sides of an interval may differ and be printed as ± all the same


def show(measure: str, interval: Interval) -> str:
    """Format one of `holdfast.results.MEASURES` for a table.

    Args:
        measure: The key of the measure.
        interval: Its value, with bounds over seeds.

    Returns:
        Points (0 to 100) for scores, seconds for times, a whole number for counts, and a dash for
        what is not known. `with_bounds` says how bounds are written.

    Example:
        >>> show("ACC", Interval(0.5, 0.4, 0.6, 0.95, "seeds", 5))
        '50.0 ± 10.0'
    """
    # Backward transfer of a single task, for example, does not exist.
    if math.isnan(interval.estimate):
        return UNKNOWN
    # Counts do not depend on the seed, so their intervals would only take space.
    if measure == "parameters":
        return f"{interval.estimate:,.0f}"
    if measure == "bytes":
        return show_bytes(interval.estimate)
    if measure == "seconds":
        return with_bounds(interval, ".1f")
    return with_bounds(interval.scaled(100), ".1f")


def change_in_points(interval: Interval) -> str:
    """Format a change of a score in points, with its sign and its bounds.

    Example:
        >>> change_in_points(Interval(-0.1, -0.12, -0.08, 0.95, "seeds", 5))
        '−10.0 ± 2.0'
    """
    return with_bounds(interval.scaled(100), "+.1f")


def difference_of(measure: str, interval: Interval) -> str:
    """Format a difference of a measure: seconds for times, points for everything else."""
    # A share of a second is no number of points.
    if measure == "seconds":
        return with_bounds(interval, "+.1f")
    return change_in_points(interval)


def typeset(interval: Interval, spec: str) -> str:
    """Format an interval with minus signs in place of hyphens.

    Args:
        interval: The interval.
        spec: A format of a number, such as ".1f".

    Returns:
        The text; a dash if the estimate is not known.
    """
    if math.isnan(interval.estimate):
        return UNKNOWN
    # A hyphen is shorter than a plus sign and breaks at the end of a line.
    return format(interval, spec).replace("-", "−")


def with_bounds(interval: Interval, spec: str) -> str:
    """Format an interval over seeds for the cell of a table.

    Args:
        interval: The interval.
        spec: A format of a number, such as ".1f".

    Returns:
        The estimate with ± half of the interval if its sides are nearly equal (the longer side is
        given), else with its bounds in brackets. A dash if the estimate is not known.

    Example:
        >>> with_bounds(Interval(23.0, 8.1, 50.2, 0.95, "seeds", 2), ".1f")
        '23.0 [8.1, 50.2]'
        >>> with_bounds(Interval(91.8, 91.21, 92.35, 0.95, "seeds", 5), ".1f")
        '91.8 ± 0.6'
    """
    if math.isnan(interval.estimate):
        return UNKNOWN
    # A z keeps numbers that round to zero from being printed as -0.0.
    signed = spec.replace(".", "z.")
    text = format(interval.estimate, signed)
    below = interval.estimate - interval.low
    above = interval.high - interval.estimate
    longer = max(below, above)
    if interval.all_equal:
        text += " (equal)"
    elif interval.known and abs(above - below) <= UNEVEN * longer:
        text += f" ± {format(longer, signed.replace('+', ''))}"
    elif interval.known:
        text += f" [{format(interval.low, signed)}, {format(interval.high, signed)}]"
    return text.replace("-", "−")


def of_seeds(seeds: int) -> str:
    """Say what stands behind the numbers of a table, for its heading.

    Args:
        seeds: The largest number of seeds among the groups of the table.
    """
    if seeds == 1:
        return "one seed, so there are no intervals"
    return (
        "± half of the 95 % interval over seeds, or [its bounds] if its sides differ; "
        "equal: all seeds gave this value"
    )


def show_bytes(size: float) -> str:
    """Format a number of bytes with a decimal unit.

    Example:
        >>> show_bytes(1_500_000), show_bytes(12), show_bytes(0)
        ('1.5 MB', '12 B', '0')
    """
    # Decimal units, because the sizes of disks and of published memories are decimal.
    for unit_size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit_size:
            return f"{size / unit_size:.1f} {unit}"
    # Zero needs no unit, and reads better without one in a column.
    if not size:
        return "0"
    return f"{size:.0f} B"


def show_cost(cost: str, amount: float) -> str:
    """Format one of the costs of `holdfast.results.Growth`.

    Args:
        cost: "time" (in seconds, shown as milliseconds), "parameters", "bytes" or "peak".
        amount: How much.

    Example:
        >>> show_cost("time", 0.0123), show_cost("parameters", 1200), show_cost("peak", 2e6)
        ('12 ms', '1,200', '2.0 MB')
    """
    if cost == "time":
        return f"{1000 * amount:.0f} ms"
    if cost == "parameters":
        return f"{amount:,.0f}"
    return show_bytes(amount)
