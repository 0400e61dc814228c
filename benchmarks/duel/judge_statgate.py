"""statgate: `statgate compare` with --margin δ, on records of one file per side."""

from statgate.config import GateSettings
from statgate.records import EvalRecord
from statgate.verdict import Verdict, evaluate_gate

from duel.test_sets import FAIL, INCONCLUSIVE, PASS, TestSet, each

TAKES = ("right", "scores", "clusters")
WORDS = {Verdict.SHIP: PASS, Verdict.BLOCK: FAIL, Verdict.INCONCLUSIVE: INCONCLUSIVE}


def judge(test_set: TestSet, delta: float) -> str:
    # The verdict follows from the interval alone, so the permutations of its p-value are few.
    settings = GateSettings(alpha=0.1, margin=delta, resamples=2000, permutations=100, seed=0)
    sides = [_records(scores, test_set) for scores in (test_set.champion, test_set.candidate)]
    return WORDS[evaluate_gate(*sides, settings).verdict]


def _records(scores, test_set: TestSet) -> list[EvalRecord]:
    """A cluster is a case whose examples are its repeated runs, which statgate averages first."""
    if test_set.clusters is None:
        return [EvalRecord(case_id=str(k), score=s) for k, s in enumerate(scores)]
    return [
        EvalRecord(case_id=str(c), score=s, run_index=k)
        for k, (c, s) in enumerate(zip(test_set.clusters, scores, strict=True))
    ]


decide = each(judge)
