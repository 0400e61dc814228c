"""The page of a gate's verdict: self-contained, in the look of the other reports. Names are escaped."""

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.reports.history import releases_view
from holdfast.reports.page import page
from holdfast.text import percent, points

WIDTH, PAD = 300, 8  # of an interval's drawing, in its own units
MOST_ROWS = 1_000  # in the table; verdict.json has all
# Times the largest allowed loss that the drawings show; what lies beyond gets an arrow.
LARGEST_SCALE = 3


def gate_html(verdict: Mapping[str, Any], releases: Mapping[str, Any] | None = None) -> str:
    """The page of a verdict.

    Args:
        verdict: `Verdict.to_json()`.
        releases: The fields of a `History` that ends with the candidate, if there is a ledger.

    Returns:
        HTML in one piece, without scripts and without anything to load.
    """
    low, high = _scale(verdict["tasks"])
    at = _place(low, high)
    measured = [row for row in verdict["tasks"] if row["change"] is not None]
    worst = min(measured, key=lambda row: row["change"], default=None)
    tests = sorted({row["method"].split(",")[0] for row in verdict["tasks"] if row["method"]})
    return page(
        "gate.html.j2",
        {"points": points, "percent": percent},
        verdict=verdict,
        rows=[_view(row, at, low, high) for row in verdict["tasks"][:MOST_ROWS]],
        left_out=max(len(verdict["tasks"]) - MOST_ROWS, 0),
        worst=worst and {**worst, "name": _name(worst)},
        zero=at(0.0),
        low=low,
        high=high,
        tests=tests,
        corrections=sorted({row["correction"] for row in verdict["tasks"] if row["correction"]}),
        confidence=f"{100 * verdict['confidence']:g}",
        error=f"{round(100 * (1 - verdict['confidence']), 2):g}",
        found=releases_view(releases) if releases else None,
    )


def _scale(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """The changes that the drawings show: all of them, unless a few would leave no room for the others."""
    ends = [row[key] for row in rows for key in ("low", "high", "change") if row[key] is not None]
    limits = [row["delta"] for row in rows if row["delta"] is not None]
    most = LARGEST_SCALE * max(limits, default=0.02)
    low = max(min([*ends, *(-limit for limit in limits)], default=-0.02), -most)
    high = min(max(ends, default=0.02), most)
    return min(low, -0.005), max(high, 0.005)


def _place(low: float, high: float) -> Callable[[float], float]:
    def at(change: float) -> float:
        inside = min(max(change, low), high)
        return round(PAD + (WIDTH - 2 * PAD) * (inside - low) / (high - low), 1)

    return at


def _view(
    row: dict[str, Any], at: Callable[[float], float], low: float, high: float
) -> dict[str, Any]:
    """A row as the template shows it: names, notes and the places of its drawing."""
    note = ""
    if row["waived"]:
        note = "waived"
    elif not row["critical"] or (row["decision"] == "inconclusive" and not row["required"]):
        note = "warning"
    view = {**row, "name": _part(row) or row["task"], "nested": bool(_part(row)), "note": note}
    view["full_name"] = _name(row)
    if row["change"] is not None:
        view["dot"], view["limit"] = at(row["change"]), at(-row["delta"])
    if row["low"] is not None:
        view["from"], view["to"] = at(row["low"]), at(row["high"])
        view["cut_low"], view["cut_high"] = row["low"] < low, row["high"] > high
    return view


def _part(row: Mapping[str, Any]) -> str:
    return f"class {row['class_label']}" if row["class_label"] else str(row["segment"])


def _name(row: Mapping[str, Any]) -> str:
    part = _part(row)
    return f"{row['task']} / {part}" if part else str(row["task"])
