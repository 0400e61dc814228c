"""The planner's page: transfer between tasks in the planned order, realised against predicted, random orders with the plan marked."""

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.metrics import seed_interval
from holdfast.reports.figures import COLOURS, figure_of, to_svg
from holdfast.reports.page import page

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def order_html(
    probe: dict[str, Any],
    plan: dict[str, Any],
    stages: dict[str, Any] | None,
    verification: dict[str, Any] | None,
) -> str:
    """A page from the plain values of a probe, a plan, stages (or None) and a verification (or None)."""
    figures = {}
    if verification:
        figures = {
            "realised against predicted": to_svg(
                figure_of(scatter, verification), "Realised against predicted"
            ),
            "random orders": to_svg(
                figure_of(distribution, verification), "Distribution of random orders"
            ),
        }
    return page(
        "orders.html.j2",
        {"points": _points},
        probe=probe,
        plan=plan,
        stages=stages,
        verification=verification,
        heat=_heat(probe, plan["order"]),
        figures=figures,
        seeds=len(probe["backward"]),
    )


def _points(x: float | None, digits: int = 1) -> str:
    return "–" if x is None else f"{100 * x:+.{digits}f}".replace("-", "−")


def _heat(probe: dict[str, Any], order: list[str]) -> list[dict[str, Any]]:
    """Rows: a task of the planned order; cells: what learning the row's task does to the column's, with the colour's strength."""
    values = np.array(probe["backward"], dtype=float)
    mean, seeds = values.mean(0), len(values)
    at = [probe["tasks"].index(t) for t in order]
    largest = max(float(np.nanmax(np.abs(mean))), 1e-9)
    rows = []
    for p, i in enumerate(at):
        cells: list[dict[str, Any] | None] = []
        for q, k in enumerate(at):
            v = mean[i, k]
            cells.append(
                None
                if p == q
                else {
                    "value": float(v),
                    "share": round(0.8 * abs(float(v)) / largest, 3),
                    "happens": q < p,
                }
            )
            if cells[-1] and seeds > 1:
                cells[-1]["half"] = seed_interval(values[:, i, k]).high - float(v)
        rows.append({"name": order[p], "cells": cells})
    return rows


def scatter(verification: dict[str, Any], axes: "Axes") -> "Axes":
    """Mean final score (points) of every order against its predicted value; random orders grey, those of schedulers in colour."""
    random = [o for o in verification["outcomes"] if o["scheduler"] is None]
    axes.plot(
        [o["predicted"] for o in random],
        [100 * np.mean(o["realised"]) for o in random],
        "o",
        color="#7a7a7a",
        alpha=0.6,
        markersize=4,
    )
    for n, (name, o) in enumerate(_named(verification)):
        colour, marker = COLOURS[n % len(COLOURS)], "Ds"[n // len(COLOURS) % 2]
        axes.plot(
            [o["predicted"]],
            [100 * np.mean(o["realised"])],
            marker,
            color=colour,
            markersize=6,
            label=name,
        )
    axes.set_xlabel("predicted value of the order")
    axes.set_ylabel("mean final score (points)")
    return axes


def distribution(verification: dict[str, Any], axes: "Axes") -> "Axes":
    """How many random orders reach which mean final score (points); schedulers' orders as lines."""
    random = [
        100 * np.mean(o["realised"]) for o in verification["outcomes"] if o["scheduler"] is None
    ]
    axes.hist(random, bins=min(15, max(5, len(random) // 3)), color="#7a7a7a", alpha=0.5)
    for n, (name, o) in enumerate(_named(verification)):
        colour, line = COLOURS[n % len(COLOURS)], ("-", "--")[n // len(COLOURS) % 2]
        axes.axvline(
            100 * float(np.mean(o["realised"])),
            color=colour,
            linestyle=line,
            linewidth=1.6,
            label=name,
        )
    axes.set_xlabel("mean final score (points)")
    axes.set_ylabel("random orders")
    return axes


def _named(verification: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Schedulers' orders; those that share one under a common name."""
    found: dict[tuple[str, ...], tuple[list[str], dict[str, Any]]] = {}
    for o in verification["outcomes"]:
        if o["scheduler"] is not None:
            found.setdefault(tuple(o["order"]), ([], o))[0].append(o["scheduler"])
    return [(", ".join(names), o) for names, o in found.values()]
