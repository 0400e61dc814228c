"""Figures of the accuracy on each task. Each function draws on matplotlib axes, or makes a panel.

`comparison_figures` compares groups as a whole, and `figure_list` says where each figure stands.
"""

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.metrics import Interval
from holdfast.reports.style import INK, colour, new_figure, style
from holdfast.results.groups import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_PER_ROW = 3
MOST_MARKED = 12  # points of a line up to which each is marked
MOST_NAMES = 10  # in one row of a legend


def accuracy_over_time(group: Group, axes: "Axes") -> "Axes":
    """Draw the accuracy on each task, mean over seeds, from 0 to 100.

    Args:
        group: The group. If all its runs were evaluated at the same steps of training, the lines
            show these steps, else the scores after each task.
        axes: Where to draw.

    Returns:
        The axes, with one line per task.
    """
    # Curves say more: they show what happens within a task, too.
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
        marker = ""  # dozens of marks would hide the line
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
    # Lines at 0 and at 100 would be cut in half by the frame.
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
    # Scores at different steps cannot be averaged without inventing some.
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
        first_of_row.set_ylabel(f"{groups[0].results[0].config.score} (%)", color=INK, fontsize=8)
    handles, numbers = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        # Names that differ between runs would be wrong for some of them.
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
    # Row 0 is the untrained model, which is not part of the usual matrix.
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
        groups: Groups of one scenario. Each has one bar per task, in points, with the 95 % interval
            over seeds.
        axes: Where to draw.

    Returns:
        The axes.
    """
    width = 0.8 / len(groups)  # the bars of a task leave a gap to those of the next
    for number, group in enumerate(groups):
        offset = (number - (len(groups) - 1) / 2) * width
        x = np.arange(len(group.transfers)) + offset
        heights = [100 * transfer.estimate for transfer in group.transfers]
        bounds = [sides(transfer) for transfer in group.transfers]
        axes.bar(x, heights, width * 0.9, color=colour(number), label=group.label)
        both_sides = np.transpose(bounds)  # shape (2, tasks), as matplotlib takes them
        axes.errorbar(x, heights, both_sides, fmt="none", ecolor=INK, elinewidth=0.8, alpha=0.7)
    axes.axhline(0, color=INK, linewidth=0.8, alpha=0.5)
    tasks = len(groups[0].transfers)
    axes.set_xticks(range(tasks), [str(task + 1) for task in range(tasks)])
    axes.set_xlabel("task")
    axes.set_ylabel("transfer (points)")
    return axes


def sides(interval: Interval) -> tuple[float, float]:
    """Return how far an interval reaches below and above its estimate, in points.

    Both are 0 if there is no interval.
    """
    below = 100 * (interval.estimate - interval.low)
    above = 100 * (interval.high - interval.estimate)
    return float(np.nan_to_num(below)), float(np.nan_to_num(above))
