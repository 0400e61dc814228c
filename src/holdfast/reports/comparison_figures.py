"""Figures that compare groups: accuracy against cost and transfer, and curves of sweeps."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.metrics import Interval
from holdfast.reports.figures import sides
from holdfast.reports.style import COLOURS, colour, legend_below, new_figure, style
from holdfast.results.groups import Group
from holdfast.results.ranking import on_front
from holdfast.results.selection import on_validation
from holdfast.results.sweeps import SweepCurve, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOGARITHMIC_FROM = 10  # ratio of the largest to the smallest cost
LOGARITHMIC_SWEEP_FROM = 20  # the same ratio of a swept hyperparameter
LABELS = {"BWT": "BWT (points)", "seconds": "time (s)"}


def trade_off(groups: Sequence[Group], measure: str, axes: "Axes") -> "Axes":
    """Draw ACC against another measure.

    Filled points are on the Pareto front of ACC, BWT and time. The number beside a point is its
    place in the legend.

    Args:
        groups: Groups of one scenario.
        measure: The measure of the horizontal axis: "BWT", "seconds" or "bytes".
        axes: Where to draw.

    Returns:
        The axes, with 95 % intervals over seeds as crosses.
    """
    is_best = on_front(groups)
    measured = []
    for number, group in enumerate(groups):
        across = group.values[measure]
        # There is no place for it, but its colour and number stay reserved.
        if math.isnan(across.estimate):
            continue
        measured.append(across.estimate)
        if not math.isnan(group.values["ACC"].estimate):
            _trade_off_point(number, group, measure, is_best[number], axes)
    # Changes of a score may be negative, so only costs can have a logarithmic axis.
    if measure != "BWT" and _ratio(measured) >= LOGARITHMIC_FROM:
        axes.set_xscale("log")
    axes.set_xlabel(LABELS.get(measure, measure))
    axes.set_ylabel("ACC (points)")
    return axes


def _ratio(values: Sequence[float]) -> float:
    """Return the ratio of the largest to the smallest value; 1 if no logarithm can be taken."""
    if not values or min(values) <= 0:
        return 1.0
    return max(values) / min(values)


def _trade_off_point(number: int, group: Group, measure: str, is_best: bool, axes: "Axes") -> None:
    """Draw one group of `trade_off`."""
    across = group.values[measure]
    accuracy = group.values["ACC"]
    x = across.estimate
    sides_across = None  # times have no interval here: they differ by the machine, not the seed
    if measure == "BWT":
        x = 100 * across.estimate
        sides_across = np.transpose([sides(across)])
    y = 100 * accuracy.estimate
    sides_up = np.transpose([sides(accuracy)])
    axes.errorbar([x], [y], sides_up, sides_across, fmt="none", ecolor=colour(number), alpha=0.5)
    fill = "none"
    if is_best:
        fill = colour(number)
    axes.plot(
        [x],
        [y],
        "o",
        markersize=8,
        color=colour(number),
        markerfacecolor=fill,
        markeredgewidth=1.6,
        linestyle="none",
        label=f"{number + 1} {group.label}",
    )
    # Neighbours in the ranking are often neighbours in the plane, so their numbers alternate.
    above = (7, 4)
    below = (7, -9)
    place = (above, below)[number % 2]
    axes.annotate(
        str(number + 1),
        (x, y),
        place,
        textcoords="offset points",
        fontsize=7,
        color=colour(number),
    )


def trade_off_panel(groups: Sequence[Group]) -> "Figure":
    """Draw ACC against BWT and against time, side by side."""
    names_per_row = 4
    # A long legend would squeeze the axes, so the figure grows with it.
    legend_rows = math.ceil(len(groups) / names_per_row)
    figure = new_figure(8, 3.2 + 0.16 * legend_rows)
    left, right = figure.subplots(1, 2, sharey=True)
    style(trade_off(groups, "BWT", left))
    style(trade_off(groups, "seconds", right))
    right.set_ylabel("")  # both share the axis of the left one
    legend_below(figure, left, columns=names_per_row)
    return figure


def sweep_curve(curve: SweepCurve, selected: Group | None, axes: "Axes") -> "Axes":
    """Draw ACC and forgetting against a hyperparameter, in points, with intervals over seeds.

    Args:
        curve: The groups by rising value of the hyperparameter. If all of them have validation
            data, the scores on these are drawn too, dashed.
        selected: The group that was selected, which a band marks. None if there is none.
        axes: Where to draw.

    Returns:
        The axes.
    """
    x = [point.value for point in curve.points]
    groups = [point.group for point in curve.points]
    solid = ("-o", 1.0)
    for measure in ("ACC", "forgetting"):
        tested = [group.values[measure] for group in groups]
        _sweep_line(x, tested, f"{measure}, test", solid, axes)
    scores = [on_validation(group) for group in groups]
    validated = [validation for validation in scores if validation is not None]
    # A line with gaps would look as if runs had failed.
    if len(validated) == len(groups):
        dashed = ("--o", 0.6)
        accuracy = [validation.accuracy for validation in validated]
        lost = [validation.forgetting for validation in validated]
        _sweep_line(x, accuracy, "ACC, validation", dashed, axes)
        _sweep_line(x, lost, "forgetting, validation", dashed, axes)
    for point in curve.points:
        if point.group is selected:
            axes.axvline(point.value, color=COLOURS[2], linewidth=6, alpha=0.25, label="selected")
    if _ratio(x) >= LOGARITHMIC_SWEEP_FROM:
        axes.set_xscale("log")
    axes.set_xlabel(short_name(curve.hyperparameter))
    axes.set_ylabel("points")
    return axes


def _sweep_line(
    x: Sequence[float],
    values: Sequence[Interval],
    name: str,
    look: tuple[str, float],
    axes: "Axes",
) -> None:
    """Draw one line of `sweep_curve`. Its look is its format and its opacity."""
    form, opacity = look
    # A measure has the same colour on test and on validation data.
    tint = COLOURS[0]
    if name.startswith("forgetting"):
        tint = COLOURS[1]
    axes.errorbar(
        x,
        [100 * value.estimate for value in values],
        np.transpose([sides(value) for value in values]),
        label=name,
        fmt=form,
        alpha=opacity,
        color=tint,
        markersize=3,
        linewidth=1.2,
        elinewidth=0.7,
    )
