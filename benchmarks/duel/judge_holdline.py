"""holdline: `holdline compare --max-drop δ`, on one row per case and side.

It fails on a significant McNemar test, or on a measured drop above δ. It has two verdicts.
"""

from holdline import stats
from holdline.checks import CheckResult
from holdline.gate import GateConfig, gate
from holdline.runner import CaseResult, Run
from holdline.suite import Case
from holdline.trace import Trace

from duel.test_sets import FAIL, PASS, TestSet, each

TAKES = ("right", "clusters")


def _mean_alone(pairs, *_, **__):
    """The mean difference, without the interval that holdline prints but does not decide by."""
    mean = sum(float(c) - float(b) for b, c in pairs) / len(pairs)
    return mean, mean, mean


stats.bootstrap_mean_diff = _mean_alone  # 5,000 resamples in plain Python take seconds


def judge(test_set: TestSet, delta: float) -> str:
    baseline, candidate = (_run(s) for s in (test_set.champion, test_set.candidate))
    return PASS if gate(candidate, baseline, GateConfig(max_drop=delta)).passed else FAIL


def _run(scores) -> Run:
    cases = [Case(id=str(k), input="", expected={}) for k in range(len(scores))]
    results = [
        CaseResult(str(k), 0, bool(s), [CheckResult("answer", bool(s), s, "")], Trace(str(k), 0))
        for k, s in enumerate(scores)
    ]
    return Run({"repeats": 1}, cases, results)


decide = each(judge)
