"""illate-parity: `check --margin δ`. Its interval is always two-sided, with 95 %."""

import numpy as np
from illate_parity.parity import check

from duel.test_sets import FAIL, INCONCLUSIVE, PASS, TestSet, each

TAKES = ("right", "clusters")
WORDS = {"PASS": PASS, "FAIL": FAIL, "INCONCLUSIVE": INCONCLUSIVE}


def judge(test_set: TestSet, delta: float) -> str:
    gold = [{"id": str(k), "label": "a"} for k in range(len(test_set.champion))]
    current, candidate = (_answers(s) for s in (test_set.champion, test_set.candidate))
    found = check(gold, current, candidate, margin=delta, n_boot=2000, labels=["a", "b"])
    return WORDS[found["verdict"]]


def _answers(scores) -> list[dict]:
    labels = np.where(scores == 1, "a", "b")
    return [{"id": str(k), "label": str(label)} for k, label in enumerate(labels)]


decide = each(judge)
