"""deepchecks: `TrainTestPerformance` with a condition on the relative degradation.

It compares one model on two data sets. Here both are the test set, with the champion's predictions
as those for the training data. The condition is δ over the champion's score.
"""

import logging
import warnings

import numpy as np
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import TrainTestPerformance
from sklearn.metrics import roc_auc_score

from duel.test_sets import FAIL, PASS, TestSet, each

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

TAKES = ("right", "clusters", "auc")


def judge(test_set: TestSet, delta: float) -> str:
    if test_set.labels is None:
        labels = np.arange(len(test_set.champion)) % 2
        base = float(test_set.champion.mean())
        check = TrainTestPerformance(scorers=["accuracy"])
        given = {
            f"y_pred_{part}": np.where(scores == 1, labels, 1 - labels)
            for part, scores in _parts(test_set)
        }
    else:
        labels = test_set.labels
        base = float(roc_auc_score(labels, test_set.champion))
        check = TrainTestPerformance(scorers=["roc_auc"])
        given = {"model_classes": [0, 1]}
        for part, scores in _parts(test_set):
            given[f"y_proba_{part}"] = np.stack([1 - scores, scores], axis=1)
    check.add_condition_train_test_relative_degradation_less_than(delta / base)
    data = Dataset(pd.DataFrame({"x": range(len(labels)), "y": labels}), label="y", cat_features=[])
    result = check.run(data, data, with_display=False, **given)
    return PASS if result.passed_conditions() else FAIL


def _parts(test_set: TestSet):
    return (("train", test_set.champion), ("test", test_set.candidate))


decide = each(judge)
