"""Figures of diagnostics, one function per diagnostic."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.reports import finding_numbers as needs
from holdfast.reports.finding_numbers import numbers_of
from holdfast.reports.style import (
    COLOURS,
    INK,
    colour,
    legend_below,
    new_figure,
    style,
    whole_numbers,
)
from holdfast.results.finding import Finding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.4  # inches of a figure
HEIGHT = 3.0  # inches of a row of axes
MOST_COLUMNS = 3
HEADROOM = 1.08  # so that the highest point is not cut by the frame
LEGEND_COLUMNS = 8
SMALLEST = 1e-12  # so that zero has a place on a logarithmic axis, and an axis some length
SMALLEST_LOSS = 1e-4


def _panels(count: int) -> tuple["Figure", list["Axes"]]:
    """Make a figure of some axes in the style of the reports, at most three in a row."""
    columns = count
    if count > MOST_COLUMNS:
        columns = 2
    rows = math.ceil(count / columns)
    # A page shows every figure at the same width, so more inches would make smaller letters.
    figure = new_figure(WIDTH, HEIGHT * rows)
    panels = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for axes in panels:
        style(axes)
    return figure, panels


def _label(axes: "Axes", x: str, y: str, legend: bool = False) -> None:
    """Name the axes, and add a legend if there is something to tell apart."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if legend:
        axes.legend(frameon=False, fontsize=7, labelcolor=INK)


def _bars(axes: "Axes", names: Sequence[str], lengths: Sequence[float]) -> None:
    """Draw a horizontal bar per layer, the first one at the top as in the network."""
    # Horizontal, because names of layers are long.
    axes.barh(range(len(names)), lengths, color=COLOURS[2])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()


def _in_percent(shares: Sequence[float]) -> list[float]:
    """Turn shares into percentages."""
    return [100 * share for share in shares]


def draw_interference(finding: Finding) -> "Figure":
    """Draw the angle between new and old gradients, and predicted against measured changes."""
    numbers = numbers_of(finding, needs.Interference)
    figure, (left, right) = _panels(2)
    predicted: list[float] = []
    for number, boundary in enumerate(numbers.boundaries):
        left.plot(
            boundary.steps,
            boundary.cosine,
            color=colour(number),
            linewidth=1.2,
            label=f"to {boundary.task}",
        )
        right.plot(
            boundary.predicted,
            boundary.measured,
            "o",
            color=colour(number),
            markersize=3,
            alpha=0.7,
        )
        predicted += boundary.predicted
    # Below the line, the new task works against the old ones.
    left.axhline(0, color=INK, linewidth=0.6, alpha=0.5)
    _label(left, "step of the new task", "cosine of new and old gradients", legend=True)
    # On the diagonal, the first-order prediction is exact.
    ends = [min(predicted), max(predicted)]
    right.plot(ends, ends, color=INK, linewidth=0.6, alpha=0.5)
    _label(right, "change of the old loss, first order", "measured change")
    return figure


def draw_spectrum(finding: Finding) -> "Figure":
    """Draw the largest eigenvalues of the Fisher information, and in which layers they lie."""
    numbers = numbers_of(finding, needs.Spectrum)
    figure, (left, right) = _panels(2)
    eigenvalues = np.maximum(np.array(numbers.eigenvalues), SMALLEST)
    left.semilogy(range(1, len(eigenvalues) + 1), eigenvalues, "o-", color=COLOURS[0], markersize=3)
    whole_numbers(left.xaxis)
    sizes = f"N = {numbers.examples}, P = {numbers.parameters}"
    _label(left, f"number ({sizes})", "eigenvalue of the Fisher")
    _bars(right, list(numbers.layers), _in_percent(list(numbers.layers.values())))
    _label(right, "mass of the top eigenvectors, %", "")
    return figure


def draw_layers(finding: Finding) -> "Figure":
    """Draw how many points come back with the old weights of each layer."""
    numbers = numbers_of(finding, needs.Layers)
    figure, (axes,) = _panels(1)
    names = list(numbers.mean)
    _bars(axes, names, _in_percent(list(numbers.mean.values())))
    for task in numbers.tasks:
        # A layer that a later task added has no old weights.
        recovered = [task.recovered.get(name, np.nan) for name in names]
        axes.plot(
            _in_percent(recovered), range(len(names)), "o", color=INK, alpha=0.5, markersize=3
        )
    # Left of the line, old weights make the score worse.
    axes.axvline(0, color=INK, linewidth=0.6, alpha=0.5)
    _label(axes, "points that come back with the old layer (dots: tasks)", "")
    return figure


def draw_saturation(finding: Finding) -> "Figure":
    """Draw the share of parameters that are held, and the score of new tasks against it."""
    numbers = numbers_of(finding, needs.Saturation)
    figure, (left, right) = _panels(2)
    for number, (threshold, shares) in enumerate(numbers.by_threshold.items()):
        left.plot(
            range(1, len(shares) + 1),
            _in_percent(shares),
            "o-",
            color=colour(number),
            markersize=3,
            label=f"above {threshold}",
        )
    # All of the scale, since the question is how much is left.
    left.set_ylim(0, 100)
    whole_numbers(left.xaxis)
    _label(left, "tasks learnt", "parameters held, %", legend=True)
    scores = _in_percent(numbers.learnt)
    right.plot(numbers.strength, scores, "o", color=COLOURS[1], markersize=4)
    # The numbers of the tasks show the direction of time, which the axes do not.
    for number, place in enumerate(zip(numbers.strength, scores, strict=True), 1):
        right.annotate(
            str(number), place, (4, 3), textcoords="offset points", fontsize=7, color=INK
        )
    _label(right, "mean running Fisher", "score right after learning, %")
    return figure


def draw_landscape(finding: Finding) -> "Figure":
    """Draw the losses of two tasks on the line and on the plane through their solutions."""
    numbers = numbers_of(finding, needs.Landscape)
    figure, panels = _panels(3)
    for number, (task, losses) in enumerate(zip(numbers.tasks, numbers.line.losses, strict=True)):
        panels[0].plot(numbers.line.at, losses, color=colour(number), linewidth=1.4, label=task)
    _label(panels[0], "from A to B", "loss", legend=True)
    for axes, task, losses_on_grid in zip(
        panels[1:], numbers.tasks, numbers.plane.losses, strict=True
    ):
        _draw_plane(figure, axes, numbers.plane, np.array(losses_on_grid))
        axes.set_title(task, fontsize=8, color=INK)
    return figure


def _draw_plane(
    figure: "Figure", axes: "Axes", plane: needs.LossOnPlane, losses: np.ndarray
) -> None:
    """Draw the loss of one task on the plane, with the path of training."""
    # Losses near the solutions differ by orders of magnitude.
    heights = np.log10(np.maximum(losses, SMALLEST_LOSS))
    filled = axes.contourf(plane.x, plane.y, heights, levels=14, cmap="viridis")
    bar = figure.colorbar(filled, ax=axes, shrink=0.8)
    bar.set_label("log₁₀ loss", fontsize=7, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=6)
    path = np.array(plane.path).reshape(-1, 2)
    # White, because the colours below are dark where training ends.
    axes.plot(path[:, 0], path[:, 1], color="white", linewidth=1.3)
    for name, (x, y) in plane.points.items():
        axes.plot([x], [y], "o", color="white", markeredgecolor="black", markersize=5)
        axes.annotate(name, (x, y), (5, 5), textcoords="offset points", fontsize=8, color="white")
    axes.grid(False)
    _label(axes, "A → B", "")


def draw_plasticity(finding: Finding) -> "Figure":
    """Draw four signs of the ability to learn, before the first task and after each."""
    numbers = numbers_of(finding, needs.Plasticity)
    figure, panels = _panels(4)
    signs = {
        "dormant units, %": _in_percent(numbers.dormant),
        "effective rank": numbers.rank,
        "weight norm": numbers.norm,
        "loss on random labels": numbers.random_loss,
    }
    for number, (axes, (label, values)) in enumerate(zip(panels, signs.items(), strict=True)):
        axes.plot(range(len(values)), values, "o-", color=colour(number), markersize=3)
        # From zero, so that a small change does not look like a collapse.
        highest = np.nanmax(values)
        axes.set_ylim(0, HEADROOM * max(highest, SMALLEST))
        whole_numbers(axes.xaxis)
        _label(axes, "tasks learnt", label)
    return figure


def draw_entropy(finding: Finding) -> "Figure":
    """Draw the entropy of the outputs on each task, after each task."""
    numbers = numbers_of(finding, needs.Entropy)
    figure, (axes,) = _panels(1)
    # None becomes NaN, which leaves a gap.
    table = np.array(numbers.table, dtype=float)
    for number, entropy in enumerate(table.T):
        axes.plot(
            range(1, len(table) + 1),
            entropy,
            "o-",
            color=colour(number),
            markersize=3,
            label=numbers.tasks[number],
        )
    whole_numbers(axes.xaxis)
    _label(axes, "tasks learnt", "entropy of the outputs, nats")
    legend_below(figure, axes, columns=LEGEND_COLUMNS)
    return figure


def draw_stability_gap(finding: Finding) -> "Figure":
    """Draw the mean score of the old tasks just after each task boundary."""
    numbers = numbers_of(finding, needs.StabilityGap)
    figure, (axes,) = _panels(1)
    for number, boundary in enumerate(numbers.boundaries):
        axes.plot(
            boundary.steps,
            _in_percent(boundary.scores),
            color=colour(number),
            linewidth=1.3,
            label=f"to {boundary.task}",
        )
    _label(axes, "step after the boundary", "mean score of the old tasks, %")
    legend_below(figure, axes, columns=LEGEND_COLUMNS)
    return figure
