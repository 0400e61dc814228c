"""Figures of diagnostics, from their numbers, and their page; the same figures stand in the report of the runs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import one_of, reading
from holdfast.reports.figures import COLOURS, INK, new_figure, style, to_svg
from holdfast.reports.page import page
from holdfast.reports.results import DIAGNOSTICS as FILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = dict[str, Any]


def diagnostics_html(title: str, findings: Sequence[dict[str, Any]]) -> str:
    """A page: for each finding its sentence and its figure."""
    return page("diagnostics.html.j2", title=title, findings=[drawn(f) for f in findings])


def drawn(finding: dict[str, Any]) -> dict[str, str]:
    """What, sentence and figure (SVG) of a finding."""
    what = finding["what"]
    with reading(f"the finding {what!r} of a {FILE}", "numbers of holdfast diagnose"):
        svg = to_svg(figure(finding), f"{what}: {finding['sentence']}")
    return {"what": what, "sentence": finding["sentence"], "svg": svg}


def figure(finding: dict[str, Any]) -> "Figure":
    """The figure of a finding."""
    return FIGURES[one_of("finding", finding["what"], FIGURES)](finding["numbers"])


def _panels(columns: int, height: float = 3.0) -> tuple["Figure", list[Any]]:
    out = new_figure(figsize=(4.2 * max(columns, 2), height), layout="constrained")
    axes = list(np.atleast_1d(out.subplots(1, columns)))
    for ax in axes:
        style(ax)
    return out, axes


def _named(axes: Any, x: str, y: str, legend: bool = False) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if legend:
        axes.legend(frameon=False, fontsize=7, labelcolor=INK)


def _interference(n: Numbers) -> "Figure":
    out, (left, right) = _panels(2)
    for k, b in enumerate(n["boundaries"]):
        left.plot(
            b["steps"],
            b["cosine"],
            color=COLOURS[k % len(COLOURS)],
            linewidth=1.2,
            label=f"to {b['task']}",
        )
        right.plot(
            b["predicted"],
            b["measured"],
            "o",
            color=COLOURS[k % len(COLOURS)],
            markersize=3,
            alpha=0.7,
        )
    left.axhline(0, color=INK, linewidth=0.6, alpha=0.5)
    _named(left, "step of the new task", "cosine of new and old gradients", legend=True)
    ends = [v for b in n["boundaries"] for v in b["predicted"]]
    right.plot([min(ends), max(ends)], [min(ends), max(ends)], color=INK, linewidth=0.6, alpha=0.5)
    _named(right, "change of the old loss, first order", "measured")
    return out


def _spectrum(n: Numbers) -> "Figure":
    out, (left, right) = _panels(2)
    values = np.array(n["eigenvalues"])
    left.semilogy(
        range(1, len(values) + 1), np.maximum(values, 1e-12), "o-", color=COLOURS[0], markersize=3
    )
    left.xaxis.get_major_locator().set_params(integer=True)
    _named(left, f"number (N = {n['examples']}, P = {n['parameters']})", "eigenvalue of the Fisher")
    names = list(n["layers"])
    right.barh(range(len(names)), [100 * n["layers"][k] for k in names], color=COLOURS[2])
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    _named(right, "mass of the top eigenvectors, %", "")
    return out


def _layers(n: Numbers) -> "Figure":
    out, (ax,) = _panels(1)
    names = list(n["mean"])
    ax.barh(range(len(names)), [100 * n["mean"][k] for k in names], color=COLOURS[2])
    for t in n["tasks"]:
        ax.plot(
            [100 * t["recovered"].get(k, np.nan) for k in names],
            range(len(names)),
            "o",
            color=INK,
            alpha=0.5,
            markersize=3,
        )
    ax.axvline(0, color=INK, linewidth=0.6, alpha=0.5)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    _named(ax, "points that come back with the old layer (dots: tasks)", "")
    return out


def _saturation(n: Numbers) -> "Figure":
    out, (left, right) = _panels(2)
    for k, (threshold, share) in enumerate(n["by_threshold"].items()):
        x = range(1, len(share) + 1)
        left.plot(
            x,
            [100 * v for v in share],
            "o-",
            color=COLOURS[k],
            markersize=3,
            label=f"above {threshold}",
        )
    left.set_ylim(0, 100)
    left.xaxis.get_major_locator().set_params(integer=True)
    _named(left, "tasks learnt", "parameters held, %", legend=True)
    right.plot(n["strength"], [100 * v for v in n["learnt"]], "o", color=COLOURS[1], markersize=4)
    for k, (s, v) in enumerate(zip(n["strength"], n["learnt"], strict=True), 1):
        right.annotate(
            str(k), (s, 100 * v), (4, 3), textcoords="offset points", fontsize=7, color=INK
        )
    _named(right, "mean running Fisher", "score right after learning, %")
    return out


def _landscape(n: Numbers) -> "Figure":
    out, axes = _panels(3)
    for k, (task, losses) in enumerate(zip(n["tasks"], n["line"]["losses"], strict=True)):
        axes[0].plot(n["line"]["at"], losses, color=COLOURS[k], linewidth=1.4, label=task)
    _named(axes[0], "from A to B", "loss", legend=True)
    plane = n["plane"]
    path = np.array(plane["path"]).reshape(-1, 2)
    for ax, task, losses in zip(axes[1:], n["tasks"], plane["losses"], strict=True):
        z = np.log10(np.maximum(np.array(losses), 1e-4))
        filled = ax.contourf(plane["x"], plane["y"], z, levels=14, cmap="viridis")
        bar = out.colorbar(filled, ax=ax, shrink=0.8)
        bar.set_label("log₁₀ loss", fontsize=7, color=INK)
        bar.ax.tick_params(colors=INK, labelsize=6)
        ax.plot(path[:, 0], path[:, 1], color="white", linewidth=1.3)
        for name, (x, y) in plane["points"].items():
            ax.plot([x], [y], "o", color="white", markeredgecolor="black", markersize=5)
            ax.annotate(name, (x, y), (5, 5), textcoords="offset points", fontsize=8, color="white")
        ax.grid(False)
        ax.set_title(task, fontsize=8, color=INK)
        _named(ax, "A → B", "")
    return out


def _plasticity(n: Numbers) -> "Figure":
    out, axes = _panels(4, 2.6)
    told = {
        "dormant": "dormant units, %",
        "rank": "effective rank",
        "norm": "weight norm",
        "random_loss": "loss on random labels",
    }
    for k, (ax, (key, label)) in enumerate(zip(axes, told.items(), strict=True)):
        scale = 100 if key == "dormant" else 1
        ax.plot(
            range(len(n[key])), [scale * v for v in n[key]], "o-", color=COLOURS[k], markersize=3
        )
        ax.set_ylim(bottom=0)
        ax.xaxis.get_major_locator().set_params(integer=True)
        _named(ax, "tasks learnt", label)
    return out


def _entropy(n: Numbers) -> "Figure":
    out, (ax,) = _panels(1)
    table = np.array([[np.nan if v is None else v for v in row] for row in n["table"]])
    for k in range(table.shape[1]):
        ax.plot(
            range(1, len(table) + 1),
            table[:, k],
            "o-",
            color=COLOURS[k % len(COLOURS)],
            markersize=3,
            label=n["tasks"][k],
        )
    ax.xaxis.get_major_locator().set_params(integer=True)
    _named(ax, "tasks learnt", "entropy of the outputs, nats", legend=True)
    return out


def _stability_gap(n: Numbers) -> "Figure":
    out, (ax,) = _panels(1)
    for k, b in enumerate(n["boundaries"]):
        ax.plot(
            b["steps"],
            [100 * v for v in b["scores"]],
            color=COLOURS[k % len(COLOURS)],
            linewidth=1.3,
            label=f"to {b['task']}",
        )
    _named(ax, "step after the boundary", "mean score of the old tasks, %", legend=True)
    return out


FIGURES: dict[str, Callable[[Numbers], "Figure"]] = {
    "interference": _interference,
    "spectrum": _spectrum,
    "layers": _layers,
    "saturation": _saturation,
    "landscape": _landscape,
    "plasticity": _plasticity,
    "entropy": _entropy,
    "stability-gap": _stability_gap,
}
