"""Features of regressgate."""

from importlib.metadata import metadata
from pathlib import Path

from regressgate.gate import GateConfig, compare_reports
from regressgate.gate_statistics import tarone_threshold
from regressgate.run_report import CaseResult, RunReport, Trial

from duel.shown.common import CHAMPION, WORSE, run

PARTLY = {"levels"}


def _report(scores: list[float], seconds: float = 0.0) -> RunReport:
    cases = [
        CaseResult(id=str(k), trials=[Trial(passed=bool(s), latency_s=seconds)] * 2)
        for k, s in enumerate(scores)
    ]
    return RunReport(regressgate_version="0", created_at="now", target="t", repeats=2, cases=cases)


def correction(folder: Path) -> None:
    assert tarone_threshold([0.01] * 4, 0.05) < 0.05


def costs(folder: Path) -> None:
    config = GateConfig(max_p95_latency_s=1.0, permutations=100)
    assert compare_reports(_report(CHAMPION), _report(CHAMPION, 2.0), config).limit_failures


def exit_code(folder: Path) -> None:
    sides = []
    for name, scores in (("base", CHAMPION), ("head", WORSE)):
        path = folder / f"{name}.json"
        path.write_text(_report(scores).model_dump_json(), encoding="utf-8")
        sides.append(path)
    assert run("regressgate", "compare", *sides).returncode == 1


def levels(folder: Path) -> None:
    """Its description shows the false alarms of a simulation."""
    assert "false_alarm_simulation" in str(metadata("regressgate").get_payload())
