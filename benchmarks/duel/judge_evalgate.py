"""evalgate-cli: `evalgate paired`. It asks whether anything was lost, and has no δ."""

from evalgate.decide import decide as evalgate_decide
from evalgate.stats import mcnemar_test

from duel.test_sets import FAIL, PASS, TestSet, each

TAKES = ("right", "clusters")


def judge(test_set: TestSet, delta: float) -> str:
    lost = int((test_set.champion > test_set.candidate).sum())
    won = int((test_set.champion < test_set.candidate).sum())
    found = evalgate_decide(mcnemar_test(lost, won), alpha=0.05)
    return FAIL if found.is_regression else PASS


decide = each(judge)
