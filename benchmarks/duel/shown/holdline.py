"""Features of holdline."""

from pathlib import Path

from holdline.gate import GateConfig, gate
from holdline.importers import load_results

from duel.shown.common import CHAMPION, WORSE, N, run, table

PARTLY = {"segments"}


def _sides(folder: Path, candidate: list[float]) -> list[Path]:
    columns = {"id": list(range(N)), "tags": ["a", "b"] * (N // 2)}
    return [
        table(folder / f"{name}.csv", {**columns, "passed": [int(s) for s in scores]})
        for name, scores in (("before", CHAMPION), ("after", candidate))
    ]


def segments(folder: Path) -> None:
    """It lists the pass rate of each tag, and judges none of them."""
    before, _ = _sides(folder, WORSE)
    assert set(load_results(str(before)).summary["tags"]) == {"a", "b"}


def costs(folder: Path) -> None:
    before, after = (load_results(str(path)) for path in _sides(folder, CHAMPION))
    for result in before.results:
        result.trace.ms = 10.0
    for result in after.results:
        result.trace.ms = 20.0
    found = gate(after, before, GateConfig(max_latency_increase=0.1))
    assert any("latency" in reason for reason in found.reasons)


def exit_code(folder: Path) -> None:
    assert run("holdline", "compare", *_sides(folder, CHAMPION)).returncode == 0
    assert run("holdline", "compare", *_sides(folder, WORSE)).returncode == 1


def html(folder: Path) -> None:
    run("holdline", "compare", *_sides(folder, WORSE), "--html", folder / "report.html")
    assert "<html" in (folder / "report.html").read_text(encoding="utf-8")
