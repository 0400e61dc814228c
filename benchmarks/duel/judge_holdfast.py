"""Holdfast: the gate with the policy `standard` and the δ of the case.

The decision on a release follows from the p-values of its test sets, as the gate decides: all of
them must be shown to lose less than δ, and it fails by Holm's correction. This leaves out the
intervals, the warnings and the words of a verdict, which take most of the time. `gate_duel.py`
compares the first releases of each case with the decision of the whole gate.
"""

from functools import cache

import numpy as np
import pandas as pd

from duel.test_sets import FAIL, INCONCLUSIVE, PASS, TestSet, from_counts
from holdfast.gate import Gate
from holdfast.gate.measures.answers import Answers
from holdfast.gate.measures.measure import Values
from holdfast.gate.measures.ranking import RocArea
from holdfast.gate.policy import policy_from
from holdfast.gate.statistics import Paired

TAKES = ("right", "scores", "clusters", "auc")
ALPHA = 0.05


def decide(release: list[TestSet], delta: float) -> str:
    less, more = np.array([_p_values(test_set, delta) for test_set in release]).T
    # Holm's correction rejects something exactly if it rejects the smallest p-value.
    if more.min() <= ALPHA / len(release):
        return FAIL
    return PASS if (less <= ALPHA).all() else INCONCLUSIVE


def decide_by_gate(release: list[TestSet], delta: float, segments: bool) -> str:
    """Ask the gate itself about a whole release, as a user would."""
    sides = []
    for model in ("champion", "candidate"):
        if segments:
            # The last test set is the task as a whole, which consists of the others.
            named = [
                _table(test_set, model).assign(segment=f"s{k}")
                for k, test_set in enumerate(release[:-1])
            ]
        else:
            named = [
                _table(test_set, model).assign(task=f"t{k}") for k, test_set in enumerate(release)
            ]
        table = pd.concat(named, ignore_index=True)
        sides.append(table.assign(example_id=range(len(table))))
    gate = Gate(policy_from({"default": _rule(release[0], delta)}))
    return gate.judge(*sides).decision


def _p_values(test_set: TestSet, delta: float) -> tuple[float, float]:
    """The p-values of "loses δ or more" and of "loses δ or less"."""
    if test_set.counts is not None:
        return _p_values_of_counts(test_set.counts, delta)
    return _judged(test_set, delta)


@cache
def _p_values_of_counts(counts: tuple[int, int, int], delta: float) -> tuple[float, float]:
    return _judged(from_counts(*counts), delta)


def _judged(test_set: TestSet, delta: float) -> tuple[float, float]:
    if test_set.labels is None:
        evidence = Paired(test_set.champion, test_set.candidate, test_set.clusters)
    else:
        before, after = (_areas(test_set, s) for s in (test_set.champion, test_set.candidate))
        span = max(before.highest, after.highest) - min(before.lowest, after.lowest)
        evidence = Paired(before.rows, after.rows, span=span)
    return evidence.p_loses_less(delta), evidence.p_loses_more(delta)


def _areas(test_set: TestSet, scores: np.ndarray) -> Values:
    """What each example adds to the area under the ROC curve."""
    answers = Answers(
        len(scores), names=("0", "1"), truth=test_set.labels, probability=scores, positive=1
    )
    return RocArea().values(answers)


def _rule(test_set: TestSet, delta: float) -> dict[str, object]:
    if test_set.labels is None:
        return {"delta": delta}
    return {"delta": delta, "metric": "auc", "classes": "ignore"}


def _table(test_set: TestSet, model: str) -> pd.DataFrame:
    """The results of one model as the gate reads them."""
    scores = getattr(test_set, model)
    columns = {"task": "t", "example_id": range(len(scores))}
    if test_set.labels is None:
        columns["score"] = scores
    else:
        columns |= {"label": test_set.labels, "probability": scores}
    if test_set.clusters is not None:
        columns["cluster"] = test_set.clusters
    return pd.DataFrame(columns)
