"""Features of deepchecks."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from deepchecks.core.serialization.check_result.junit import (
    CheckResultSerializer,
)
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import (
    ModelInferenceTime,
    SegmentPerformance,
    TrainTestPerformance,
)

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

PARTLY = {"segments", "metrics"}
N = 200
LABELS = np.arange(N) % 2


def _data() -> Dataset:
    table = pd.DataFrame({"x": range(N), "z": np.arange(N) % 7, "y": LABELS})
    return Dataset(table, label="y", cat_features=[])


def _result(scorer: str):
    proba = np.stack([1 - LABELS, LABELS], axis=1).astype(float)
    check = TrainTestPerformance(scorers=[scorer])
    check.add_condition_train_test_relative_degradation_less_than(0.02)
    return check.run(
        _data(),
        _data(),
        y_proba_train=proba,
        y_proba_test=proba[::-1],
        y_pred_train=LABELS,
        y_pred_test=1 - LABELS,
        model_classes=[0, 1],
        with_display=False,
    )


class _Model:
    """A model that knows the answers."""

    classes_ = np.array([0, 1])

    def predict(self, x):
        return np.asarray(x["x"]) % 2

    def predict_proba(self, x):
        return np.eye(2)[self.predict(x)]


def segments(folder: Path) -> None:
    """It shows the performance of one model in segments, and compares no two models there."""
    check = SegmentPerformance(feature_1="x", feature_2="z")
    assert check.run(_data(), _Model(), with_display=False).value


def metrics(folder: Path) -> None:
    """It compares measured figures, without an interval."""
    assert not _result("roc_auc").passed_conditions()


def costs(folder: Path) -> None:
    check = ModelInferenceTime().add_condition_inference_time_less_than(1e-12)
    assert not check.run(_data(), _Model(), with_display=False).passed_conditions()


def junit(folder: Path) -> None:
    assert CheckResultSerializer(_result("accuracy")).serialize().tag == "testcase"


def html(folder: Path) -> None:
    _result("accuracy").save_as_html(str(folder / "report.html"))
    assert (folder / "report.html").stat().st_size > 1000
