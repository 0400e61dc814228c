"""Pages of the gate's verdict and of a model's releases: self-contained, in the look of the other reports. Names are escaped."""

from typing import Any

from holdfast.reports.page import page

LOSS = 0.1  # the change since a task was learnt at which a cell has its full colour


def gate_html(verdict: dict[str, Any], releases: dict[str, Any] | None = None) -> str:
    """A verdict, as `Verdict.to_json()` gives it; `releases`: the fields of a `History` that ends with the candidate."""
    ends = [t[k] for t in verdict["tasks"] for k in ("low", "high", "delta", "drop") if t[k] is not None] or [0.0]
    low, high = min(*ends, -0.005), max(*ends, 0.005)
    pad = 0.05 * (high - low)

    def at(x: float) -> float:
        return round(300 * (x - low + pad) / (high - low + 2 * pad), 1)

    return page(
        "gate.html.j2",
        {"at": at, "points": _points, "share": _share},
        verdict=verdict,
        low=low,
        high=high,
        level=round(100 * (2 * verdict["confidence"] - 1), 2),
        error=round(100 * (1 - verdict["confidence"]), 2),
        methods=sorted({t["method"] for t in verdict["tasks"] if t["method"]}),
        found=_matrix(releases) if releases else None,
    )


def history_html(releases: dict[str, Any], verdicts: list[dict[str, Any]]) -> str:
    """Releases × tasks of a model, from the fields of a `History`, and the verdicts on its candidates."""
    return page("history.html.j2", {"points": _points, "share": _share}, found=_matrix(releases), verdicts=verdicts)


def _matrix(releases: dict[str, Any]) -> dict[str, Any]:
    """Rows of cells, each with its colour: how far the score is from that when the task was learnt."""
    learnt = dict(zip(releases["tasks"], releases["learnt"], strict=True))
    rows = []
    for k, name in enumerate(releases["releases"]):
        cells = []
        for task, score in zip(releases["tasks"], releases["scores"][k], strict=True):
            start = releases["scores"][learnt[task]][releases["tasks"].index(task)]
            change = None if score is None or k <= learnt[task] else score - start
            strength = 0.0 if change is None else min(abs(change) / LOSS, 1.0)
            cells.append({"score": score, "change": change, "learnt": k == learnt[task], "strength": round(0.75 * strength, 3)})
        rows.append({"name": name, "cells": cells, "transfer": releases["transfer"][k]})
    return releases | {"rows": rows}


def _points(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:+.2f}".replace("-", "−")


def _share(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.2f}"
