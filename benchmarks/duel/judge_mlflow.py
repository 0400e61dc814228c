"""MLflow: `validate_evaluation_results` with a `MetricThreshold` per test set.

A minimal change must be a gain there, so the allowed loss is given as the threshold: the champion's
score minus δ.
"""

import logging

from mlflow.models import MetricThreshold
from mlflow.models.evaluation import EvaluationResult
from mlflow.models.evaluation.validation import (
    ModelValidationFailedException,
    validate_evaluation_results,
)
from sklearn.metrics import roc_auc_score

from duel.test_sets import FAIL, PASS, TestSet

TAKES = ("right", "scores", "clusters", "auc")
logging.getLogger("mlflow").setLevel(logging.ERROR)


def decide(release: list[TestSet], delta: float) -> str:
    thresholds = {}
    measured = {}
    for k, test_set in enumerate(release):
        least = _score(test_set.champion, test_set) - delta
        thresholds[f"score of {k}"] = MetricThreshold(threshold=least, greater_is_better=True)
        measured[f"score of {k}"] = _score(test_set.candidate, test_set)
    try:
        validate_evaluation_results(thresholds, EvaluationResult(measured, artifacts={}))
    except ModelValidationFailedException:
        return FAIL
    return PASS


def _score(scores, test_set: TestSet) -> float:
    if test_set.labels is not None:
        return float(roc_auc_score(test_set.labels, scores))
    return float(scores.mean())
