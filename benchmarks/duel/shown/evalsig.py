"""Features of evalsig."""

from pathlib import Path

import numpy as np
from evalsig.compare.gate import GateVerdict, gate
from evalsig.inference.mde import required_n
from evalsig.inference.multiplicity import holm
from evalsig.inference.sequential import sequential_gate
from evalsig.io.lm_eval import read_lm_eval_json
from evalsig.types import ItemResult, RunFrame

from duel.shown.common import CHAMPION, CLUSTERS, UNCLEAR, WORSE, lm_eval, run

PARTLY = {"levels"}


def _frame(scores: list[float]) -> RunFrame:
    items = [
        ItemResult(str(k), s, str(c)) for k, (s, c) in enumerate(zip(scores, CLUSTERS, strict=True))
    ]
    return RunFrame("run", "model", "task", "accuracy", items)


def correction(folder: Path) -> None:
    assert not holm(np.array([0.04, 0.03])).reject.any()


def clusters(folder: Path) -> None:
    report = gate(_frame(CHAMPION), _frame(UNCLEAR), min_delta=0.02, cluster="passage")
    assert report.comparison.n_clusters == len(set(CLUSTERS))


def inconclusive(folder: Path) -> None:
    report = gate(_frame(CHAMPION), _frame(UNCLEAR), min_delta=0.001)
    assert report.verdict is GateVerdict.INCONCLUSIVE


def planning(folder: Path) -> None:
    assert required_n(0.02, sd_diff=0.3) > 100


def looks(folder: Path) -> None:
    change = np.array(WORSE) - np.array(CHAMPION)
    assert sequential_gate(np.tile(-change, 5)).stopped


def lm_eval_logs(folder: Path) -> None:
    path = lm_eval(folder, WORSE, "new")
    assert len(read_lm_eval_json(path, model_id="new", task_id="arc").items) == len(WORSE)


def exit_code(folder: Path) -> None:
    good, bad = (lm_eval(folder, s, m) for s, m in ((CHAMPION, "good"), (WORSE, "bad")))
    least = ("--metric", "acc", "--min-delta", "0.02")
    gain = run("evalsig", "gate", "--baseline", bad, "--candidate", good, *least)
    loss = run("evalsig", "gate", "--baseline", good, "--candidate", bad, *least)
    assert gain.returncode == 0, gain
    assert loss.returncode in (1, 2), loss


def levels(folder: Path) -> None:
    """Its description says that its methods page has a Monte Carlo validation."""
    from importlib.metadata import metadata

    assert "Monte Carlo validation" in " ".join(str(metadata("evalsig").get_payload()).split())
