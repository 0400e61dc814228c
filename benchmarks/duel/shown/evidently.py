"""Features of Evidently's tests against a reference."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.core.metric_types import TestStatus
from evidently.metrics import GroupBy, MeanValue, RocAuc
from evidently.tests import Reference, gte, lte

from duel.shown.common import CHAMPION, WORSE, N, run, table

PARTLY = {"metrics", "segments"}


def _data(scores: list[float], **columns) -> Dataset:
    table = pd.DataFrame({"score": scores, "part": ["a", "b"] * (N // 2)} | columns)
    definition = DataDefinition(numerical_columns=["score", *columns], categorical_columns=["part"])
    return Dataset.from_pandas(table, data_definition=definition)


def _fails(metric: object, current: Dataset, reference: Dataset) -> bool:
    results = Report([metric]).run(current, reference).tests_results
    return any(result.status == TestStatus.FAIL for result in results)


def tasks(folder: Path) -> None:
    """Each task is a column or a metric of the report."""
    test = [gte(Reference(absolute=0.02))]
    report = Report([MeanValue(column="score", tests=test), MeanValue(column="two", tests=test)])
    sides = [_data(WORSE, two=CHAMPION), _data(CHAMPION, two=CHAMPION)]
    assert len(report.run(*sides).tests_results) == 2


def segments(folder: Path) -> None:
    """It computes a metric of each group, and a test of it."""
    metric = MeanValue(column="score", tests=[gte(Reference(absolute=0.02))])
    assert _fails(GroupBy(metric, "part"), _data(WORSE), _data(CHAMPION))


def metrics(folder: Path) -> None:
    """It compares measured figures, without an interval."""
    labels = np.arange(N) % 2
    predicted = BinaryClassification(target="y", prediction_probas="p")
    definition = DataDefinition(classification=[predicted])
    good, bad = (
        Dataset.from_pandas(pd.DataFrame({"y": labels, "p": p}), data_definition=definition)
        for p in (labels * 0.6 + 0.2, 0.8 - labels * 0.6)
    )
    assert _fails(RocAuc(tests=[gte(Reference(absolute=0.02))]), bad, good)


def costs(folder: Path) -> None:
    metric = MeanValue(column="latency", tests=[lte(Reference(relative=0.1))])
    assert _fails(metric, _data(CHAMPION, latency=2.0), _data(CHAMPION, latency=1.0))


def html(folder: Path) -> None:
    snapshot = Report([MeanValue(column="score")]).run(_data(WORSE), _data(CHAMPION))
    snapshot.save_html(str(folder / "report.html"))
    assert (folder / "report.html").stat().st_size > 1000


def exit_code(folder: Path) -> None:
    """`evidently report --test-summary` with a configuration."""
    sides = [
        table(folder / f"{n}.csv", {"score": s}) for n, s in (("old", CHAMPION), ("new", WORSE))
    ]
    test = {
        "type": "evidently:test_v2:GreaterOrEqualMetricTest",
        "threshold": {"absolute": 0.02},
    }
    metric = {"type": "evidently:metric_v2:MeanValue", "column": "score", "tests": [test]}
    config = folder / "config.json"
    config.write_text(json.dumps({"metrics": [metric]}), encoding="utf-8")
    for candidate, expected in zip(sides, (0, 1), strict=True):
        found = run(
            "evidently",
            "report",
            config,
            candidate,
            folder / "report.json",
            "--reference-path",
            sides[0],
            "--test-summary",
            "--no-save-dataset",
            "--no-save-report",
        )
        assert found.returncode == expected, found
