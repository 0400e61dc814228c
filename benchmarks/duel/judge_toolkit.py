"""toolkit-eval-harness: `toolkit-eval compare` with a budget of δ.

Its budget is a percentage of the baseline's score, so it is set to δ over that score. It has two
verdicts: what is not shown to be within the budget fails.
"""

from toolkit_eval_harness.compare import CompareBudget, compare_reports
from toolkit_eval_harness.report import EvalReport

from duel.test_sets import FAIL, PASS, TestSet, each

TAKES = ("right", "scores", "clusters")


def judge(test_set: TestSet, delta: float) -> str:
    budget = CompareBudget(
        max_score_regression_pct=100 * delta / float(test_set.champion.mean()),
        confidence=0.9,
        iterations=1000,
    )
    baseline, candidate = (_report(s) for s in (test_set.champion, test_set.candidate))
    found = compare_reports(baseline=baseline, candidate=candidate, budget=budget)
    return PASS if found["passed"] else FAIL


def _report(scores) -> EvalReport:
    cases = [{"id": str(k), "score": float(s)} for k, s in enumerate(scores)]
    return EvalReport(suite={}, summary={}, cases=cases)


decide = each(judge)
