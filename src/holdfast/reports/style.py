"""The look of every figure: colours, axes and legends."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# A colour that nothing else has, so that it can be found again in the SVG.
INK = "#010203"  # stands for the text colour of the page, which `saving.to_svg` puts in its place
GREY = "#7a7a7a"
# Dark and light pages show the same colours, so none of them is very dark or very light.
COLOURS = (
    "#3b7dd8",
    "#e0802b",
    "#2f9e6e",
    "#c94f7c",
    "#8a6fd1",
    "#8c7a2d",
    "#4aa8b8",
    "#b5533c",
    "#6b8e23",
    GREY,
)


def colour(number: int) -> str:
    """Return the colour of a line or a bar, by its number from 0. Colours repeat after ten."""
    return COLOURS[number % len(COLOURS)]


def new_figure(width: float, height: float) -> "Figure":
    """Make an empty figure.

    Args:
        width: Width in inches.
        height: Height in inches.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    # Imported here, because tables and most commands need no figures.
    require("reports", "matplotlib")
    from matplotlib.figure import Figure

    # This layout keeps labels and legends inside the figure, whatever their length.
    return Figure(figsize=(width, height), layout="constrained")


def style(axes: "Axes") -> None:
    """Give axes the look of the reports."""
    # The page behind the figure may be dark.
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    # Lines that carry no data stay in the background.
    for spine in axes.spines.values():
        spine.set_color(INK)
        spine.set_alpha(0.4)
    axes.tick_params(colors=INK, labelsize=7, which="both")
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
        label.set_fontsize(8)
    axes.grid(True, color=INK, alpha=0.08, linewidth=0.6)


def whole_numbers(axis: "Axis") -> None:
    """Let an axis that counts something, such as tasks, have no half ones."""
    from matplotlib.ticker import MaxNLocator

    locator = axis.get_major_locator()
    # Logarithmic axes have another locator, which has no such setting.
    if isinstance(locator, MaxNLocator):
        locator.set_params(integer=True)


def legend_below(figure: "Figure", axes: "Axes", columns: int, size: float = 7.5) -> None:
    """Put a legend below the axes, where it hides no line.

    Args:
        figure: The figure.
        axes: Where the named lines are.
        columns: The largest number of names in a row.
        size: Font size in points.
    """
    handles, labels = axes.get_legend_handles_labels()
    # An empty legend would still take its room, and matplotlib warns about it.
    if not handles:
        return
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=size,
        labelcolor=INK,
    )


def figure_of(
    draw: Callable[["Axes"], "Axes"],
    size: tuple[float, float] = (5.5, 3.2),
    legend: bool = True,
) -> "Figure":
    """Make a figure of one pair of axes.

    Args:
        draw: Draws on axes and returns them.
        size: Width and height in inches.
        legend: Whether named lines get a legend.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    figure = new_figure(*size)
    axes = draw(figure.subplots())
    style(axes)
    if legend:
        legend_below(figure, axes, columns=3)
    return figure
