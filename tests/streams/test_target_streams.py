"""Streams whose targets are rows of numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from holdfast.errors import HoldfastError
from holdfast.streams import from_arrays, from_table

X = np.arange(24, dtype=np.float32).reshape(12, 2)
TASK = [1] * 6 + [2] * 6


def tags(first: list[list[str]], second: list[list[str]]) -> list[list[str]]:
    return first * (6 // len(first)) + second * (6 // len(second))


def test_regression_keeps_its_numbers() -> None:
    y = np.linspace(-3, 8, 12)
    stream = from_arrays(X, y, TASK, "domain", objective="regression", test=0.5)
    assert stream.objective == "regression"
    assert stream.outputs == 1
    for task, part_of in zip(stream, (y[:6], y[6:]), strict=True):
        found = torch.cat([task.train.y, task.test.y]).flatten()
        assert sorted(found.tolist()) == pytest.approx(sorted(part_of))
    # Inputs and targets still belong together.
    x, target, _ = stream[1].train.fetch(torch.arange(3))
    assert torch.allclose(target[:, 0], x[:, 0] / 2 - 3)


def test_new_labels_of_the_class_scenario_get_the_next_outputs() -> None:
    y = tags([["b", "a"], ["a"], ["b"]], [["c", "a"], ["c"], ["a"]])
    stream = from_arrays(X, y, TASK, "class", objective="multilabel", test=0.5)
    assert stream.labels == ("a", "b", "c")
    assert [task.outputs for task in stream] == [(0, 2), (0, 3)]
    # Nobody looked for b in the second task, and for c in the first.
    assert stream[0].train.y[:, 2].isnan().all()
    assert not stream[0].train.y[:, :2].isnan().any()
    assert stream[1].train.y[:, 1].isnan().all()
    assert stream[1].competing is not None
    assert stream[1].competing.tolist() == [0, 2]
    assert stream[1].labels == ("a", "c")


def test_all_labels_are_known_where_tasks_share_outputs() -> None:
    y = tags([["a"], []], [["c"], []])
    stream = from_arrays(X, y, TASK, "domain", objective="multilabel")
    assert not any(task.train.y.isnan().any() for task in stream)


def test_each_task_has_outputs_of_its_own_in_the_task_scenario() -> None:
    y = np.full((12, 3), np.nan)
    y[:6, :2] = 1.0
    y[6:, 1:] = 2.0
    stream = from_arrays(X, y, TASK, "task", objective="regression")
    assert [task.outputs for task in stream] == [(0, 2), (2, 4)]
    assert stream.labels == ("0", "1", "1", "2")
    assert stream[1].train.y[:, :2].isnan().all()


def test_groups_and_validation_stay_on_one_side() -> None:
    rows = 80
    groups = [number // 2 for number in range(rows)]
    stream = from_arrays(
        np.zeros((rows, 2), dtype=np.float32),
        np.arange(float(rows)),
        [1] * 40 + [2] * 40,
        "domain",
        objective="regression",
        groups=groups,
        validation=0.3,
    )
    for task in stream:
        assert task.validation is not None
        parts = (task.train, task.validation, task.test)
        sides = [{int(value) // 2 for value in part.y.flatten()} for part in parts]
        assert all(sides)
        assert len(set.union(*sides)) == sum(map(len, sides))


def test_columns_of_a_frame_name_the_outputs() -> None:
    y = pd.DataFrame({"heat": range(12), "rain": range(12)})
    stream = from_arrays(X, y, TASK, "domain", objective="regression")
    assert stream.labels == ("heat", "rain")


@pytest.mark.parametrize(
    ("y", "objective", "scenario", "message"),
    [
        (["a"] * 12, "regression", "domain", "expected numbers, got 'a' in example 0"),
        ([1.0] * 11 + [np.inf], "regression", "domain", "got inf in example 11"),
        ([1.0] * 11 + [np.nan], "regression", "domain", "nothing is known of example 11"),
        ([[0, 1]] * 11 + [[0, 3]], "multilabel", "domain", "got 3 in example 11 for 1"),
        (np.zeros((12, 2, 2)), "regression", "domain", r"got shape \(12, 2, 2\)"),
        ([1.0] * 12, "regression", "class", "does not apply to the class scenario"),
        ([1.0] * 11, "regression", "domain", "equal lengths"),
        ([["a"]] * 12, "multilabel", "class", "brings none"),
        ([[]] * 6 + [["a"]] * 6, "multilabel", "task", "task '1': nothing is known"),
        ([1.0] * 12, "regresion", "domain", "did you mean 'regression'"),
    ],
)
def test_mistakes_are_named(y: object, objective: str, scenario: str, message: str) -> None:
    with pytest.raises(HoldfastError, match=message):
        from_arrays(X, y, TASK, scenario, objective=objective)  # type: ignore[arg-type]


# ---- tables

FRAME = pd.DataFrame(
    {
        "day": ["2026-01-05"] * 6 + ["2026-02-05"] * 6,
        "size": [float(n) for n in range(12)],
        "price": [10.0 * n for n in range(12)],
        "rent": [None if n % 3 == 0 else float(n) for n in range(12)],
        "tags": ["a; b", "", "b|c"] * 4,
        "new": ["yes", "no", ""] * 4,
    }
)


def test_a_column_of_numbers() -> None:
    stream = from_table(
        FRAME, "domain", objective="regression", label="price", inputs="size", time="day"
    )
    assert [task.name for task in stream] == ["2026-01", "2026-02"]
    assert stream.labels == ("price",)
    assert float(stream[1].train.y.max()) >= 100


def test_several_columns_may_lack_values() -> None:
    stream = from_table(
        FRAME,
        "domain",
        objective="regression",
        targets=["rent", "price"],
        inputs="size",
        time="day",
    )
    assert stream.labels == ("rent", "price")
    assert stream[0].train.y[:, 0].isnan().any()
    assert not stream[0].train.y[:, 1].isnan().any()


def test_a_column_of_names_and_columns_of_marks() -> None:
    listed = from_table(
        FRAME, "domain", objective="multilabel", label="tags", inputs="size", time="day"
    )
    assert listed.labels == ("a", "b", "c")
    marked = from_table(
        FRAME.assign(old=[0, 1] * 6),
        "domain",
        objective="multilabel",
        targets=["new", "old"],
        inputs="size",
        time="day",
    )
    new = torch.cat([marked[0].train.y, marked[0].test.y])[:, 0]
    assert new.isnan().sum() == 2
    assert (new == 1).sum() == 2


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (["tags"], {"objective": "regression", "label": "tags"}, "'b;c' is no number"),
        (["size"], {"objective": "multilabel", "targets": ["size"]}, "neither that the label is"),
        (["rent"], {"objective": "regression", "label": "rent"}, "4 values are missing"),
        (["price"], {"objective": "regression", "targets": ["price"], "label": "price"}, "one of"),
        (["price"], {"targets": ["price"]}, "targets has no effect in classification"),
        (["price"], {"objective": "regression", "targets": ["prize"]}, "did you mean 'price'"),
    ],
)
def test_mistakes_in_tables_are_named(
    columns: list[str], options: dict[str, object], message: str
) -> None:
    frame = FRAME.assign(tags="b;c", id=[f"c{n}" for n in range(12)])[["day", "id", *columns]]
    with pytest.raises(HoldfastError, match=message):
        from_table(frame, "domain", time="day", **options)  # type: ignore[arg-type]


def test_a_measurement_is_no_list_of_labels() -> None:
    frame = pd.DataFrame({"day": FRAME["day"].repeat(4), "x": range(48), "price": range(48)})
    with pytest.warns(UserWarning, match="set objective to regression"):
        from_table(frame, "domain", objective="multilabel", label="price", time="day")


def test_tasks_need_a_column() -> None:
    with pytest.raises(HoldfastError, match="say with task or time"):
        from_table(FRAME, "domain", objective="regression", label="price", inputs="size", tasks=2)
