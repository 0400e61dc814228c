"""Pages of the gate's verdict and of a model's releases: self-contained, in the look of the other reports. Names are escaped."""

from typing import Any

from holdfast.reports.history import history_html, releases_view
from holdfast.reports.page import page

__all__ = ["gate_html", "history_html"]


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
        found=releases_view(releases) if releases else None,
    )


def _points(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:+.2f}".replace("-", "−")


def _share(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.2f}"
