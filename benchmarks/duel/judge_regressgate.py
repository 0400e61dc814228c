"""regressgate: `regressgate compare` with margin δ, on one trial per case.

A drop that is not significant is a warning with exit code 0, so it is counted as a pass.
"""

from regressgate.gate import GateConfig, compare_reports
from regressgate.run_report import CaseResult, RunReport, Trial

from duel.test_sets import FAIL, PASS, TestSet, each

TAKES = ("right", "clusters")


def judge(test_set: TestSet, delta: float) -> str:
    base, head = (_report(s) for s in (test_set.champion, test_set.candidate))
    found = compare_reports(base, head, GateConfig(margin=delta, permutations=1000))
    return FAIL if found.failed else PASS


def _report(scores) -> RunReport:
    cases = [
        CaseResult(id=str(k), trials=[Trial(passed=bool(s), latency_s=0.0)])
        for k, s in enumerate(scores)
    ]
    return RunReport(regressgate_version="", created_at="", target="", repeats=1, cases=cases)


decide = each(judge)
