"""Evidently: a test against the reference, `gte(Reference(absolute=δ))`.

The champion's results are the reference data.
"""

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.core.metric_types import TestStatus
from evidently.metrics import MeanValue, RocAuc
from evidently.tests import Reference, gte

from duel.test_sets import FAIL, PASS, TestSet, each

TAKES = ("right", "scores", "clusters", "auc")


def judge(test_set: TestSet, delta: float) -> str:
    tests = [gte(Reference(absolute=delta))]
    if test_set.labels is None:
        report = Report([MeanValue(column="score", tests=tests)])
        definition = DataDefinition(numerical_columns=["score"])
        reference = pd.DataFrame({"score": test_set.champion})
        current = pd.DataFrame({"score": test_set.candidate})
    else:
        report = Report([RocAuc(tests=tests)])
        predicted = BinaryClassification(target="y", prediction_probas="score")
        definition = DataDefinition(classification=[predicted])
        reference = pd.DataFrame({"y": test_set.labels, "score": test_set.champion})
        current = pd.DataFrame({"y": test_set.labels, "score": test_set.candidate})
    sides = [Dataset.from_pandas(t, data_definition=definition) for t in (current, reference)]
    (result,) = report.run(*sides).tests_results
    return PASS if result.status == TestStatus.SUCCESS else FAIL


decide = each(judge)
