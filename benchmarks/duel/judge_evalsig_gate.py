"""evalsig: `evalsig gate` with --min-delta δ. It asks for a gain of δ and takes no allowed loss."""

from evalsig.compare.gate import GateVerdict, gate
from evalsig.types import ItemResult, RunFrame

from duel.test_sets import FAIL, INCONCLUSIVE, PASS, TestSet, each

TAKES = ("right", "scores", "clusters")
WORDS = {
    GateVerdict.ALLOW: PASS,
    GateVerdict.REJECT: FAIL,
    GateVerdict.INCONCLUSIVE: INCONCLUSIVE,
}


def judge(test_set: TestSet, delta: float) -> str:
    cluster = "cluster" if test_set.clusters is not None else None
    report = gate(
        frame(test_set.champion, test_set),
        frame(test_set.candidate, test_set),
        min_delta=delta,
        cluster=cluster,
        n_resamples=2000,
    )
    return WORDS[report.verdict]


def frame(scores, test_set: TestSet) -> RunFrame:
    """The results of one model, as evalsig holds them."""
    clusters = test_set.clusters
    items = [
        ItemResult(str(k), float(s), None if clusters is None else str(clusters[k]))
        for k, s in enumerate(scores)
    ]
    return RunFrame("run", "model", "task", "accuracy", items)


decide = each(judge)
