"""Features of deltagate."""

from pathlib import Path

from deltagate import evaluate_comparison, paired_delta, reliability_report
from deltagate.adapters import InspectLogAdapter, LMEvalHarnessAdapter
from deltagate.multiplicity import holm_bonferroni
from deltagate.power import min_samples_for_delta

from duel.shown.common import CHAMPION, CLUSTERS, UNCLEAR, WORSE, inspect_log, lm_eval


def tasks(folder: Path) -> None:
    suite = {"one": (CHAMPION, CHAMPION), "two": (CHAMPION, WORSE)}
    assert reliability_report(suite, n_boot=200).holm_survivors == ["two"]


def correction(folder: Path) -> None:
    assert not any(holm_bonferroni([0.03, 0.04]).rejected)


def clusters(folder: Path) -> None:
    assert "design_effect" in paired_delta(CHAMPION, UNCLEAR, clusters=CLUSTERS)


def inconclusive(folder: Path) -> None:
    few = slice(355, 370)
    report = evaluate_comparison(CHAMPION[few], [1.0, 0.0] * 7 + [1.0], n_boot=200)
    assert report.verdict().startswith("UNRESOLVED")


def planning(folder: Path) -> None:
    assert min_samples_for_delta(0.02, 0.3) > 100


def lm_eval_logs(folder: Path) -> None:
    assert len(LMEvalHarnessAdapter("acc").load(lm_eval(folder, WORSE, "new"))) == len(WORSE)


def inspect_logs(folder: Path) -> None:
    assert len(InspectLogAdapter("match").load(inspect_log(folder, WORSE, "new"))) == len(WORSE)
