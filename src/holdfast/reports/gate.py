"""The page of a gate's verdict: self-contained, in the look of the other reports."""

from typing import Any


def gate_html(verdict: dict[str, Any]) -> str:
    """A verdict, as `Verdict.to_json()` gives it, as an HTML page. Names from the outside are escaped."""
    from jinja2 import Environment, PackageLoader

    env = Environment(loader=PackageLoader("holdfast.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    ends = [t[k] for t in verdict["tasks"] for k in ("low", "high", "delta") if t[k] is not None] or [0.0]
    low, high = min(*ends, -0.005), max(*ends, 0.005)
    pad = 0.05 * (high - low)

    def at(x: float) -> float:
        return round(300 * (x - low + pad) / (high - low + 2 * pad), 1)

    env.filters |= {"at": at, "points": _points, "share": _share}
    return env.get_template("gate.html.j2").render(
        verdict=verdict,
        low=low,
        high=high,
        level=round(100 * (2 * verdict["confidence"] - 1), 2),
        error=round(100 * (1 - verdict["confidence"]), 2),
        methods=sorted({t["method"] for t in verdict["tasks"] if t["method"]}),
    )


def _points(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:+.2f}".replace("-", "−")


def _share(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.2f}"
