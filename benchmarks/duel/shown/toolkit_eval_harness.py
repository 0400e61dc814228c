"""Features of toolkit-eval-harness."""

import json
from pathlib import Path

from toolkit_eval_harness.compare import CompareBudget, compare_reports
from toolkit_eval_harness.importers import import_inspect
from toolkit_eval_harness.report import EvalReport, write_report_json

from duel.shown.common import CHAMPION, WORSE, inspect_log, promptfoo, run

PARTLY = {"segments"}


def _report(scores: list[float]) -> EvalReport:
    cases = [
        {"id": str(k), "score": s, "passed": s == 1, "tags": [f"part {k % 2}"]}
        for k, s in enumerate(scores)
    ]
    return EvalReport(suite={}, summary={}, cases=cases)


def segments(folder: Path) -> None:
    """It lists the change of each tag, and judges none of them."""
    found = compare_reports(
        baseline=_report(CHAMPION), candidate=_report(WORSE), budget=CompareBudget(iterations=10)
    )
    assert found["per_tag"]["part 0"]["delta"] < 0


def inspect_logs(folder: Path) -> None:
    report = import_inspect(inspect_log(folder, WORSE, "new"))
    assert report.summary["score"] == sum(WORSE) / len(WORSE)


def promptfoo_logs(folder: Path) -> None:
    out = folder / "imported.json"
    source = promptfoo(folder, WORSE, "new")
    run("toolkit-eval", "import", "promptfoo", source, "--out", out)
    assert json.loads(out.read_text())


def exit_code(folder: Path) -> None:
    sides = {"baseline": CHAMPION, "candidate": WORSE}
    arguments = []
    for name, scores in sides.items():
        write_report_json(_report(scores), folder / f"{name}.json")
        arguments += [f"--{name}", folder / f"{name}.json"]
    assert run("toolkit-eval", "compare", *arguments).returncode == 1
