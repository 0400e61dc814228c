"""Figures of groups of runs. Each function draws on matplotlib axes, or makes a panel of several.

`holdfast.reports.figure_list` says on which page each of them stands.
"""

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.metrics import Interval
from holdfast.reports.style import COLOURS, INK, colour, legend_below, new_figure, style
from holdfast.results.groups import Group
from holdfast.results.ranking import on_front
from holdfast.results.selection import on_validation
from holdfast.results.sweeps import SweepCurve, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_PER_ROW = 3
MOST_MARKED = 12  # points of a line up to which each is marked
MOST_NAMES = 10  # in one row of a legend
LOGARITHMIC_FROM = 10  # ratio of the largest to the smallest cost
LOGARITHMIC_SWEEP_FROM = 20  # the same ratio of a swept hyperparameter
LABELS = {"BWT": "BWT (points)", "seconds": "time (s)"}


def accuracy_over_time(group: Group, axes: "Axes") -> "Axes":
    """Draw the accuracy on each task, mean over seeds, from 0 to 100.

    Args:
        group: The group. If all its runs were evaluated at the same steps of training, the lines
            show these steps, else the scores after each task.
        axes: Where to draw.

    Returns:
        The axes, with one line per task.
    """
    curves = _mean_curves(group)
    boundaries: Sequence[int] = []
    if curves is not None:
        x, scores, boundaries = curves
        axes.set_xlabel("step")
    else:
        x, scores = _scores_after_tasks(group)
        axes.set_xlabel("after task")
        axes.set_xticks(x)
    marker = "o"
    if len(x) > MOST_MARKED:
        marker = ""
    for task, of_task in enumerate(scores.T):
        axes.plot(
            x,
            100 * of_task,
            color=colour(task),
            linewidth=1.3,
            marker=marker,
            markersize=3,
            label=str(task + 1),
        )
    # The end of the last task is the end of the axis.
    for boundary in boundaries[:-1]:
        axes.axvline(boundary, color=INK, linewidth=0.5, alpha=0.25)
    axes.set_ylim(-3, 103)
    axes.set_title(group.label, fontsize=9, color=INK)
    return axes


def _mean_curves(group: Group) -> tuple[np.ndarray, np.ndarray, list[int]] | None:
    """Average the learning curves over seeds.

    Returns:
        The steps, (S,); the scores, (S, T); and the last step of each task. None if the runs have
        no curves, or have them at different steps.
    """
    curves = []
    for result in group.results:
        if result.curves is None or not result.curves.scores:
            return None
        curves.append(result.curves)
    if any(other.steps != curves[0].steps for other in curves):
        return None
    scores = np.array([curve.scores for curve in curves], dtype=float)
    with warnings.catch_warnings():
        # Before a task is begun there is no score to average.
        warnings.simplefilter("ignore", RuntimeWarning)
        mean: np.ndarray = np.nanmean(scores, 0)
    return np.array(curves[0].steps, dtype=float), mean, curves[0].ends


def _scores_after_tasks(group: Group) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of tasks, (T,), and the mean scores after each, (T, T)."""
    scores = group.mean_matrix[1:]
    # A score on a task that comes later is no accuracy over time of that task.
    learnt = np.tril(np.ones_like(scores)) > 0
    return np.arange(1, len(scores) + 1, dtype=float), np.where(learnt, scores, np.nan)


def over_time_panel(groups: Sequence[Group]) -> "Figure":
    """Draw `accuracy_over_time` of every group, side by side."""
    columns = min(PANELS_PER_ROW, len(groups))
    rows = math.ceil(len(groups) / columns)
    # The legend below needs its room, even if there is only one panel.
    figure = new_figure(max(3.1 * columns, 8.0), 2.1 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    panels = list(grid.flat)
    for axes, group in zip(panels, groups, strict=False):
        style(accuracy_over_time(group, axes))
    for unused in panels[len(groups) :]:
        unused.set_visible(False)
    for first_of_row in grid[:, 0]:
        first_of_row.set_ylabel("accuracy (%)", color=INK, fontsize=8)
    handles, numbers = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        _shared_task_names(groups) or [f"task {number}" for number in numbers],
        loc="outside lower center",
        ncols=min(len(numbers), MOST_NAMES),
        frameon=False,
        fontsize=8,
        labelcolor=INK,
    )
    return figure


def _shared_task_names(groups: Sequence[Group]) -> list[str]:
    """Return the names of the tasks if all runs have the same, else nothing."""
    names = {tuple(map(str, matrix.tasks)) for group in groups for matrix in group.matrices}
    if len(names) > 1:
        return []
    return list(names.pop())


def heat_map(group: Group, axes: "Axes") -> "Axes":
    """Draw the mean accuracy matrix, in points. Cells that were not evaluated stay blank.

    Args:
        group: The group.
        axes: Where to draw. Rows are the tasks trained so far, columns the tasks evaluated on.

    Returns:
        The axes.
    """
    matrix = group.mean_matrix[1:]
    axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
    for row, column in np.argwhere(~np.isnan(matrix)):
        score = matrix[row, column]
        # The colours of high scores are too light for white text.
        ink = "black"
        if score < 0.6:
            ink = "white"
        axes.text(
            column, row, f"{100 * score:.0f}", ha="center", va="center", fontsize=7, color=ink
        )
    numbers = [str(task + 1) for task in range(len(matrix))]
    axes.set_xlabel("evaluated on task")
    axes.set_ylabel("after task")
    axes.set_xticks(range(len(numbers)), numbers)
    axes.set_yticks(range(len(numbers)), numbers)
    axes.set_title(group.label, fontsize=9)
    axes.grid(False)
    return axes


def transfer_by_task(groups: Sequence[Group], axes: "Axes") -> "Axes":
    """Draw the transfer of each task: the last score minus the score when it was learnt.

    Args:
        groups: Groups of one scenario. Each has one bar per task, in points, with half of the 95 %
            interval over seeds.
        axes: Where to draw.

    Returns:
        The axes.
    """
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        offset = (number - (len(groups) - 1) / 2) * width
        x = np.arange(len(group.transfers)) + offset
        heights = [100 * transfer.estimate for transfer in group.transfers]
        bounds = [_half_width(transfer) for transfer in group.transfers]
        axes.bar(x, heights, width * 0.9, color=colour(number), label=group.label)
        axes.errorbar(x, heights, bounds, fmt="none", ecolor=INK, elinewidth=0.8, alpha=0.7)
    axes.axhline(0, color=INK, linewidth=0.8, alpha=0.5)
    tasks = len(groups[0].transfers)
    axes.set_xticks(range(tasks), [str(task + 1) for task in range(tasks)])
    axes.set_xlabel("task")
    axes.set_ylabel("transfer (points)")
    return axes


def _half_width(interval: Interval, scale: float = 100) -> float:
    """Return half of the width of an interval, in points; 0 if there is no interval."""
    half = scale * (interval.high - interval.estimate)
    return float(np.nan_to_num(half))


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
    half_across = None
    if measure == "BWT":
        x = 100 * across.estimate
        half_across = _half_width(across)
    y = 100 * accuracy.estimate
    axes.errorbar(
        x, y, _half_width(accuracy), half_across, fmt="none", ecolor=colour(number), alpha=0.5
    )
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
    legend_rows = math.ceil(len(groups) / names_per_row)
    figure = new_figure(8, 3.2 + 0.16 * legend_rows)
    left, right = figure.subplots(1, 2, sharey=True)
    style(trade_off(groups, "BWT", left))
    style(trade_off(groups, "seconds", right))
    right.set_ylabel("")
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
    _sweep_line(x, [g.values["ACC"] for g in groups], "ACC, test", solid, axes)
    _sweep_line(x, [g.values["forgetting"] for g in groups], "forgetting, test", solid, axes)
    scores = [on_validation(group) for group in groups]
    validated = [validation for validation in scores if validation is not None]
    if len(validated) == len(groups):
        dashed = ("--o", 0.6)
        _sweep_line(x, [v.accuracy for v in validated], "ACC, validation", dashed, axes)
        _sweep_line(x, [v.forgetting for v in validated], "forgetting, validation", dashed, axes)
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
        [_half_width(value) for value in values],
        label=name,
        fmt=form,
        alpha=opacity,
        color=tint,
        markersize=3,
        linewidth=1.2,
        elinewidth=0.7,
    )
