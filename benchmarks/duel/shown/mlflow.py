"""Features of MLflow's validation of evaluation results, and of its registry."""

from pathlib import Path

import mlflow
from mlflow.models import MetricThreshold
from mlflow.models.evaluation import EvaluationResult
from mlflow.models.evaluation.validation import (
    ModelValidationFailedException,
    validate_evaluation_results,
)

PARTLY = {"metrics", "registry"}


def _refuses(metrics: dict[str, float], thresholds: dict[str, MetricThreshold]) -> bool:
    try:
        validate_evaluation_results(thresholds, EvaluationResult(metrics, artifacts={}))
    except ModelValidationFailedException:
        return True
    return False


def tasks(folder: Path) -> None:
    """Each task is a metric."""
    least = MetricThreshold(threshold=0.8, greater_is_better=True)
    assert _refuses({"one": 0.9, "two": 0.7}, {"one": least, "two": least})


def metrics(folder: Path) -> None:
    """It takes any metric that was computed, as a number without an interval."""
    assert _refuses({"rmse": 2.0}, {"rmse": MetricThreshold(1.0, greater_is_better=False)})
    assert _refuses({"roc_auc": 0.8}, {"roc_auc": MetricThreshold(0.9, greater_is_better=True)})


def costs(folder: Path) -> None:
    assert _refuses({"latency": 2.0}, {"latency": MetricThreshold(1.0, greater_is_better=False)})


def registry(folder: Path) -> None:
    """It is a registry with aliases. Its validation does not move them."""
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.create_registered_model("fraud")
    version = client.create_model_version("fraud", str(folder)).version
    client.set_registered_model_alias("fraud", "champion", version)
    assert client.get_model_version_by_alias("fraud", "champion").version == version
