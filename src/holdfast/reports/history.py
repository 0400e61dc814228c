"""Pages of a model's releases: every release on every task, what was lost first, and the verdicts."""

from collections.abc import Mapping
from typing import Any

from holdfast.reports.page import page

LOSS = 0.1  # the change since a task was learnt at which a cell has its full colour


def history_html(releases: Mapping[str, Any], verdicts: list[dict[str, Any]]) -> str:
    """Releases × tasks of a model, from the fields of a `History`, and the verdicts on its candidates."""
    return page(
        "history.html.j2",
        {"points": _points, "share": _share},
        found=releases_view(releases),
        verdicts=verdicts,
    )


def releases_view(history: Mapping[str, Any]) -> dict[str, Any]:
    """What the template releases.html.j2 shows, from the fields of a `History` (`asdict`).

    The template also needs the filters `points` and `share`.
    """
    learnt = dict(zip(history["tasks"], history["learnt"], strict=True))
    rows = []
    for k, name in enumerate(history["releases"]):
        cells = []
        for task, score in zip(history["tasks"], history["scores"][k], strict=True):
            start = history["scores"][learnt[task]][history["tasks"].index(task)]
            change = None if score is None or k <= learnt[task] else score - start
            strength = 0.0 if change is None else min(abs(change) / LOSS, 1.0)
            cells.append(
                {
                    "score": score,
                    "change": change,
                    "learnt": k == learnt[task],
                    "strength": round(0.75 * strength, 3),
                }
            )
        rows.append({"name": name, "cells": cells, "transfer": history["transfer"][k]})
    return {**history, "rows": rows}


def _points(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:+.2f}".replace("-", "−")


def _share(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.2f}"
