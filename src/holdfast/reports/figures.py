"""Figures as matplotlib axes, and as SVG that takes the page's colours."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.reports.results import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the page's text colour, see to_svg
COLOURS = ("#3b7dd8", "#e0802b", "#2f9e6e", "#c94f7c", "#8a6fd1", "#8c7a2d", "#4aa8b8", "#b5533c", "#6b8e23", "#7a7a7a")


def accuracy_over_time(group: Group, axes: "Axes") -> "Axes":
    """Accuracy of each task, mean over seeds: during training where it was evaluated, else after each task. Points, 0 to 100."""
    curves = [r["curves"] for r in group.results]
    if all(curves) and len({tuple(c["steps"]) for c in curves}) == 1:
        x = np.array(curves[0]["steps"], dtype=float)
        y = np.nanmean([[[np.nan if v is None else v for v in row] for row in c["scores"]] for c in curves], 0) if _any(curves) else None
        boundaries = curves[0]["ends"]
        axes.set_xlabel("step")
    else:
        x, y = np.arange(1, group.mean_matrix.shape[1] + 1, dtype=float), group.mean_matrix[1:]
        y = np.where(np.tril(np.ones_like(y)) > 0, y, np.nan)
        boundaries = []
        axes.set_xlabel("after task")
        axes.set_xticks(x)
    assert y is not None
    for j in range(y.shape[1]):
        axes.plot(
            x,
            100 * y[:, j],
            color=COLOURS[j % len(COLOURS)],
            linewidth=1.3,
            marker="" if len(x) > 12 else "o",
            markersize=3,
            label=str(j + 1),
        )
    for b in boundaries[:-1]:
        axes.axvline(b, color=INK, linewidth=0.5, alpha=0.25)
    axes.set_ylim(-3, 103)
    axes.set_title(group.label, fontsize=9, color=INK)
    return axes


def _any(curves: Sequence[dict[str, Any]]) -> bool:
    return all(len(c["scores"]) for c in curves)


def over_time_panel(groups: Sequence[Group]) -> "Figure":
    """`accuracy_over_time` of every group, side by side."""
    from matplotlib.figure import Figure

    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.1 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # mean of steps where a task was not yet begun
        for axes, g in zip(grid.flat, groups, strict=False):
            _style(accuracy_over_time(g, axes))
    for axes in list(grid.flat)[len(groups) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel("accuracy (%)", color=INK, fontsize=8)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles,
        [f"task {t}" for t in labels],
        loc="outside lower center",
        ncols=min(len(labels), 10),
        frameon=False,
        fontsize=8,
        labelcolor=INK,
    )
    return figure


def heat_map(group: Group, axes: "Axes") -> "Axes":
    """The mean accuracy matrix: rows after each task, columns evaluated on; points, blank where not evaluated."""
    m = group.mean_matrix[1:]
    axes.imshow(m, vmin=0, vmax=1, cmap="viridis")
    for i, j in np.ndindex(*m.shape):
        if not np.isnan(m[i, j]):
            axes.text(j, i, f"{100 * m[i, j]:.0f}", ha="center", va="center", fontsize=7, color="white" if m[i, j] < 0.6 else "black")
    axes.set_xlabel("evaluated on task")
    axes.set_ylabel("after task")
    axes.set_xticks(range(m.shape[1]), [str(k + 1) for k in range(m.shape[1])])
    axes.set_yticks(range(m.shape[0]), [str(k + 1) for k in range(m.shape[0])])
    axes.set_title(group.label, fontsize=9)
    return axes


def _style(axes: "Axes") -> None:
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(INK)
        spine.set_alpha(0.4)
    axes.tick_params(colors=INK, labelsize=7)
    axes.xaxis.label.set_color(INK)
    axes.xaxis.label.set_fontsize(8)
    axes.grid(True, color=INK, alpha=0.08, linewidth=0.6)


def to_svg(figure: "Figure", title: str) -> str:
    """SVG to put into a page: transparent, scaling with its column, text in the page's colour, the same bytes each time."""
    import matplotlib

    figure.patch.set_alpha(0)
    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        lambda m: (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{m[1]}" role="img" aria-label="{title}">'
        ),
        svg,
        count=1,
    )
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
