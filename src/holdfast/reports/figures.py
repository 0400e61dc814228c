"""Figures as matplotlib axes, and as SVG that takes the page's colours."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError, require
from holdfast.reports.comparison import find_sweeps, on_front, on_validation
from holdfast.reports.results import Group
from holdfast.text import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the page's text colour, see to_svg
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
    "#7a7a7a",
)


def accuracy_over_time(group: Group, axes: "Axes") -> "Axes":
    """Accuracy of each task, mean over seeds: during training where it was evaluated, else after each task. Points, 0 to 100."""
    curves = [r["curves"] for r in group.results]
    if all(curves) and len({tuple(c["steps"]) for c in curves}) == 1:
        x = np.array(curves[0]["steps"], dtype=float)
        y = (
            np.nanmean(
                [
                    [[np.nan if v is None else v for v in row] for row in c["scores"]]
                    for c in curves
                ],
                0,
            )
            if _any(curves)
            else None
        )
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


def new_figure(**options: Any) -> "Figure":
    """An empty figure.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    require("reports", "matplotlib")
    from matplotlib.figure import Figure

    return Figure(**options)


def over_time_panel(groups: Sequence[Group]) -> "Figure":
    """`accuracy_over_time` of every group, side by side."""
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = new_figure(
        figsize=(max(3.1 * columns, 8.0), 2.1 * rows + 0.4), layout="constrained"
    )  # the legend needs its room
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # mean of steps where a task was not yet begun
        for axes, g in zip(grid.flat, groups, strict=False):
            style(accuracy_over_time(g, axes))
    for axes in list(grid.flat)[len(groups) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel("accuracy (%)", color=INK, fontsize=8)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles,
        _task_names(groups) or [f"task {t}" for t in labels],
        loc="outside lower center",
        ncols=min(len(labels), 10),
        frameon=False,
        fontsize=8,
        labelcolor=INK,
    )
    return figure


def _task_names(groups: Sequence[Group]) -> list[str]:
    """The tasks' names, where all runs have the same; else nothing."""
    found = {tuple(map(str, m.tasks)) for g in groups for m in g.matrices}
    return list(found.pop()) if len(found) == 1 else []


def heat_map(group: Group, axes: "Axes") -> "Axes":
    """The mean accuracy matrix: rows after each task, columns evaluated on; points, blank where not evaluated."""
    m = group.mean_matrix[1:]
    axes.imshow(m, vmin=0, vmax=1, cmap="viridis")
    for i, j in np.ndindex(*m.shape):
        if not np.isnan(m[i, j]):
            axes.text(
                j,
                i,
                f"{100 * m[i, j]:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if m[i, j] < 0.6 else "black",
            )
    axes.set_xlabel("evaluated on task")
    axes.set_ylabel("after task")
    axes.set_xticks(range(m.shape[1]), [str(k + 1) for k in range(m.shape[1])])
    axes.set_yticks(range(m.shape[0]), [str(k + 1) for k in range(m.shape[0])])
    axes.set_title(group.label, fontsize=9)
    axes.grid(False)
    return axes


def transfer_by_task(groups: Sequence[Group], axes: "Axes") -> "Axes":
    """Transfer of each task (last score minus the score when learnt), a bar a group, ± half of the 95 % interval over seeds; points."""
    width = 0.8 / len(groups)
    for n, g in enumerate(groups):
        t = g.transfers
        x = np.arange(len(t)) + (n - (len(groups) - 1) / 2) * width
        bounds = [np.nan_to_num(100 * (v.high - v.estimate)) for v in t]
        axes.bar(
            x,
            [100 * v.estimate for v in t],
            width * 0.9,
            color=COLOURS[n % len(COLOURS)],
            label=g.label,
        )
        axes.errorbar(
            x,
            [100 * v.estimate for v in t],
            bounds,
            fmt="none",
            ecolor=INK,
            elinewidth=0.8,
            alpha=0.7,
        )
    axes.axhline(0, color=INK, linewidth=0.8, alpha=0.5)
    axes.set_xticks(
        range(len(groups[0].transfers)), [str(k + 1) for k in range(len(groups[0].transfers))]
    )
    axes.set_xlabel("task")
    axes.set_ylabel("transfer (points)")
    return axes


def trade_off(groups: Sequence[Group], key: str, axes: "Axes") -> "Axes":
    """ACC (points) against another number of the table (`BWT` in points, `seconds`, `bytes`), 95 % intervals over seeds as crosses.

    Filled: on the Pareto front of ACC, BWT and time. The number beside a point is its place in the legend.
    """
    scale = 100 if key == "BWT" else 1
    for n, (g, best) in enumerate(zip(groups, on_front(groups), strict=True)):
        x, y = g.values[key], g.values["ACC"]
        if math.isnan(x.estimate) or math.isnan(y.estimate):
            continue
        colour = COLOURS[n % len(COLOURS)]
        across = np.nan_to_num(scale * (x.high - x.estimate)) if key == "BWT" else None
        up = np.nan_to_num(100 * (y.high - y.estimate))
        axes.errorbar(
            scale * x.estimate, 100 * y.estimate, up, across, fmt="none", ecolor=colour, alpha=0.5
        )
        axes.plot(
            [scale * x.estimate],
            [100 * y.estimate],
            "o",
            markersize=8,
            color=colour,
            markerfacecolor=colour if best else "none",
            markeredgewidth=1.6,
            linestyle="none",
            label=f"{n + 1} {g.label}",
        )
        beside = (
            (7, -9) if n % 2 else (7, 4)
        )  # neighbours in the ranking are often neighbours in the plane
        axes.annotate(
            str(n + 1),
            (scale * x.estimate, 100 * y.estimate),
            beside,
            textcoords="offset points",
            fontsize=7,
            color=colour,
        )
    known = [g.values[key].estimate for g in groups if not math.isnan(g.values[key].estimate)]
    if key != "BWT" and known and min(known) > 0 and max(known) / min(known) >= 10:
        axes.set_xscale("log")
    axes.set_xlabel({"BWT": "BWT (points)", "seconds": "time (s)"}.get(key, key))
    axes.set_ylabel("ACC (points)")
    return axes


def sweep_curve(
    points: Sequence[tuple[float, Group]], key: str, chosen: Group | None, axes: "Axes"
) -> "Axes":
    """ACC and forgetting (points) against a hyperparameter, with intervals over seeds; on validation data too where there are any.

    `points` and `key` as `Sweep.curves` gives them; `chosen` is the group selected, marked by a band.
    """
    x = [v for v, _ in points]
    validated = [on_validation(g) for _, g in points]
    sets = {
        "ACC, test": [g.values["ACC"] for _, g in points],
        "forgetting, test": [g.values["forgetting"] for _, g in points],
    }
    if all(validated):
        sets |= {
            "ACC, validation": [v[0] for v in validated if v],
            "forgetting, validation": [v[1] for v in validated if v],
        }
    for n, (name, values) in enumerate(sets.items()):
        y = [100 * v.estimate for v in values]
        bars = [np.nan_to_num(100 * (v.high - v.estimate)) for v in values]
        style = ("--o", 0.6) if "validation" in name else ("-o", 1.0)
        line = {
            "fmt": style[0],
            "alpha": style[1],
            "color": COLOURS[n % 2],
            "markersize": 3,
            "linewidth": 1.2,
            "elinewidth": 0.7,
        }
        axes.errorbar(x, y, bars, label=name, **line)  # type: ignore[arg-type]
    for v, g in points:
        if g is chosen:
            axes.axvline(v, color=COLOURS[2], linewidth=6, alpha=0.25, label="selected")
    if min(x) > 0 and max(x) / min(x) >= 20:
        axes.set_xscale("log")
    axes.set_xlabel(key.rpartition(".")[2])
    axes.set_ylabel("points")
    return axes


def figure_of(
    draw: Callable[..., "Axes"],
    *arguments: Any,
    size: tuple[float, float] = (5.5, 3.2),
    legend: bool = True,
) -> "Figure":
    """A figure that holds one of the functions above, in the report's style."""
    figure = new_figure(figsize=size, layout="constrained")
    axes = draw(*arguments, figure.subplots())
    style(axes)
    if legend and axes.get_legend_handles_labels()[0]:
        figure.legend(
            loc="outside lower center", ncols=3, frameon=False, fontsize=7.5, labelcolor=INK
        )
    return figure


def trade_off_panel(groups: Sequence[Group]) -> "Figure":
    """ACC against BWT and against time, side by side."""
    figure = new_figure(figsize=(8, 3.2 + 0.16 * -(-len(groups) // 4)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    style(trade_off(groups, "BWT", left))
    style(trade_off(groups, "seconds", right))
    right.set_ylabel("")
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=7.5,
        labelcolor=INK,
    )
    return figure


def save(figure: "Figure", path: str | Path) -> Path:
    """The figure as a file of its own, PNG or SVG by its ending, dark on white."""
    import matplotlib

    path = Path(path)
    if path.suffix not in (".png", ".svg"):
        raise HoldfastError(f"a figure is written as .png or .svg, got {path.name}")
    _take_names_as_they_are(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({"svg.hashsalt": path.stem}), _glyphs_may_be_missing():
            figure.savefig(
                path,
                dpi=150,
                facecolor="white",
                metadata={"Date": None} if path.suffix == ".svg" else None,
            )
    except OSError as error:
        raise HoldfastError(f"the figure {path} could not be written: {error.strerror}") from None
    return path


def _take_names_as_they_are(figure: "Figure") -> None:
    """Names from the outside stand in labels: a `$` begins no formula there, and no character is invisible."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    powers = (
        set()
    )  # labels of ticks that matplotlib writes itself, as formulas where the scale is logarithmic
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            named = axis.get_major_formatter()
            if isinstance(named, FixedFormatter):
                named.seq = [shown(name) for name in named.seq]
            else:
                powers |= set(map(id, axis.findobj(Text))) - {id(axis.label)}
    for text in figure.findobj(Text):
        if id(text) not in powers and isinstance(text, Text):
            text.set_parse_math(False)
            text.set_text(shown(text.get_text()))


@contextmanager
def _glyphs_may_be_missing() -> Iterator[None]:
    """Names may have letters that matplotlib's font lacks; it draws a box for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def save_all(groups: Sequence[Group], folder: Path) -> list[Path]:
    """Every figure of the report as PNG and SVG files."""
    figures: dict[str, Figure] = {}
    for scenario in dict.fromkeys(g.scenario for g in groups):
        members = [g for g in groups if g.scenario == scenario]
        figures |= {
            f"{scenario}-over-time": over_time_panel(members),
            f"{scenario}-trade-off": trade_off_panel(members),
        }
        if members[0].transfers:
            figures[f"{scenario}-transfer"] = figure_of(transfer_by_task, members, size=(7, 3.6))
        for k, g in enumerate(members):
            figures[f"{scenario}-matrix-{k + 1}"] = figure_of(
                heat_map, g, size=(3.2, 3.2), legend=False
            )
        for sweep in find_sweeps(members):
            for k, (key, _, points) in enumerate(sweep.curves()):
                figures[f"{scenario}-sweep-{key.replace('.', '-')}-{k + 1}"] = figure_of(
                    sweep_curve, points, key, None
                )
    return [
        save(figure, folder / f"{name}{ending}")
        for name, figure in figures.items()
        for ending in (".png", ".svg")
    ]


def style(axes: "Axes") -> None:
    """The look of every figure."""
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(INK)
        spine.set_alpha(0.4)
    axes.tick_params(colors=INK, labelsize=7, which="both")
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
        label.set_fontsize(8)
    axes.grid(True, color=INK, alpha=0.08, linewidth=0.6)


def to_svg(figure: "Figure", title: str) -> str:
    """SVG to put into a page: transparent, scaling with its column, text in the page's colour, the same bytes each time."""
    import matplotlib

    figure.patch.set_alpha(0)
    out = io.StringIO()
    _take_names_as_they_are(figure)
    look: Any = {"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}
    with matplotlib.rc_context(look), _glyphs_may_be_missing():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        lambda m: (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{m[1]}" role="img" aria-label="{escape(shown(title))}">'
        ),
        svg,
        count=1,
    )
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
