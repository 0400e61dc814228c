"""The plain rule: the measured score may be at most δ lower. It is what many pipelines do."""

import numpy as np

from duel.test_sets import FAIL, PASS, TestSet, each

TAKES = ("right", "scores", "clusters", "auc")


def judge(test_set: TestSet, delta: float) -> str:
    champion, candidate = (_score(s, test_set) for s in (test_set.champion, test_set.candidate))
    return PASS if candidate >= champion - delta else FAIL


def _score(scores: np.ndarray, test_set: TestSet) -> float:
    if test_set.labels is None:
        return float(scores.mean())
    # The area under the curve is the share of pairs that are in the right order.
    positive = scores[test_set.labels == 1]
    negative = scores[test_set.labels == 0]
    return float((positive[:, None] > negative).mean())


decide = each(judge)
