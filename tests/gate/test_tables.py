"""Values of results: the same id and score in every type, and what no column may hold."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate.reading import read_results, read_side


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"task": "a", "example_id": [1, 2], "score": [1, 0]} | columns)


def refusal(source) -> str:
    with pytest.raises(HoldfastError) as caught:
        read_side(source, "candidate")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- types


IDS = {
    "int64": [1, 2],
    "float64": [1.0, 2.0],
    "text": ["1", "2"],
    "bytes": [b"1", b"2"],
    "decimal": [Decimal("1.00"), Decimal("2")],
    "nullable": pd.array([1, 2], "Int32"),
    "arrow decimal": pd.array([Decimal(1), Decimal(2)], pd.ArrowDtype(pa.decimal128(38, 0))),
    "unsigned": np.array([1, 2], np.uint8),
    "category": pd.Categorical(["1", "2"]),
    "category of numbers": pd.Categorical([1.0, 2.0]),
    "mixed": pd.Series([1.0, "2"], dtype=object),
    "mixed bytes": pd.Series([b"1", np.int64(2)], dtype=object),
    "large": [10**30 // 10**30, 2],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_an_id_is_the_same_whatever_its_type(ids):
    assert read_results(frame(example_id=ids))["example_id"].tolist() == ["1", "2"]
    assert read_results(frame(example_id=[1, 2], task=ids))["task"].tolist() == ["1", "2"]


def test_ids_that_are_no_whole_numbers_keep_their_value():
    assert read_results(frame(example_id=[1.5, 2.0]))["example_id"].tolist() == ["1.5", "2"]
    assert read_results(frame(example_id=[2**70, 1]))["example_id"].tolist() == [str(2**70), "1"]
    days = pd.to_datetime(["2026-01-01", "2026-01-02"])
    assert read_results(frame(example_id=days))["example_id"].nunique() == 2


@pytest.mark.parametrize(
    "score",
    [
        [True, False],
        ["1", " 0.0 "],
        [Decimal("1.0"), Decimal("0")],
        pd.Categorical([1, 0]),
        pd.array([True, False], "boolean"),
        pd.array([1.0, 0.0], "Float32"),
        pd.Series([True, 0.0], dtype=object),
        np.array([1, 0], np.float16),
        pd.arrays.SparseArray([1.0, 0.0]),
        [b"1", b" 0.0"],
        pd.Series([b"1", False], dtype=object),
    ],
)
def test_scores_of_every_numeric_type_are_numbers(score):
    assert read_results(frame(score=score))["score"].tolist() == [1.0, 0.0]


def test_scores_that_miss_0_or_1_by_rounding_are_0_or_1():
    found = read_results(frame(score=[1.0000000000000002, -1e-17]))["score"].tolist()
    assert found == [1.0, 0.0]
    assert read_results(frame(score=[0.9999999, 2e-7]))["score"].tolist() == [1.0, 0.0]
    assert read_results(frame(score=[0.9999, 1e-4]))["score"].tolist() == [0.9999, 1e-4]
    assert "score is 1.1 in row 1" in refusal(frame(score=[1.1, 0]))
    assert "score is -0.001 in row 2" in refusal(frame(score=[1, -0.001]))


def test_empty_optional_columns_are_as_if_they_were_absent(tmp_path):
    assert "segment" not in read_results(frame(segment=None, cluster=[np.nan, np.nan], label=""))
    (tmp_path / "x.csv").write_text("task,example_id,score,segment\na,1,1,\na,2,1,\n")
    assert "segment" not in read_results(tmp_path / "x.csv")
    assert "segment is missing in row 2" in refusal(frame(segment=["x", None]))


# ---- labels and predictions


def test_scores_come_from_label_and_prediction_if_there_is_no_score():
    columns = {
        "task": "a",
        "example_id": [1, 2, 3, 4],
        "label": [1, 2, 3, 4],
        "prediction": [1.0, 2.0, 9.0, 4.0],
    }
    assert read_results(pd.DataFrame(columns))["score"].tolist() == [1, 1, 0, 1]
    columns |= {"label": ["1", "2", "x", "no"], "prediction": ["1.0", " 2", "X", "no"]}
    assert read_results(pd.DataFrame(columns))["score"].tolist() == [1, 1, 0, 1]
    columns |= {"label": [True, False, True, False], "prediction": [1, 0, 0, 0]}
    assert read_results(pd.DataFrame(columns))["score"].tolist() == [1, 1, 0, 1]
    columns |= {"prediction": ["1", None, "3", "4"]}
    assert "prediction is missing in row 2" in refusal(pd.DataFrame(columns))


def test_a_probability_is_a_number_from_0_to_1():
    assert read_results(frame(probability=["0.25", 1 + 1e-12]))["probability"].tolist() == [
        0.25,
        1.0,
    ]
    assert "probabilities lie in [0, 1], but probability is 1.5 in row 1" in refusal(
        frame(probability=[1.5, 0])
    )
    assert "probability must be a number, got 'high'" in refusal(frame(probability=["high", 0]))


# ---- aggregated results


def means(**columns) -> pd.DataFrame:
    return pd.DataFrame({"task": ["a", "b"], "score": [0.9, 0.5], "examples": [100, 200]} | columns)


def test_a_deviation_that_scores_cannot_have_is_refused():
    assert read_results(means(sd=[0.3, 0.5]))["sd"].tolist() == [0.3, 0.5]
    assert "sd is 1e+06 in row 2" in refusal(means(sd=[0.3, 1e6]))
    assert "sd is 0.4 in row 1, but scores in [0, 1] with mean 0.9 and 100 examples" in refusal(
        means(sd=[0.4, 0.5])
    )
    assert "sd is -1 in row 1" in refusal(means(sd=[-1, 0]))
    scores = np.r_[np.ones(994), np.zeros(6)]
    row = means(score=round(scores.mean(), 2), examples=1000, sd=scores.std(ddof=1))
    assert len(read_results(row)), "the mean 0.99 was rounded; its deviation fits 0.994"
    two = np.array([0.0, 1.0])
    assert len(read_results(means(score=0.5, examples=[2, 0], sd=two.std(ddof=1))))


def test_an_unknown_number_of_examples_is_0():
    assert read_results(means(examples=[None, 200]))["examples"].tolist() == [0, 200]
    for wrong in (0.5, -1, 1e300, float("inf"), "many"):
        assert "examples must be a" in refusal(means(examples=[wrong, 1]))


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("score", [1 + 2j, 0], "score must be a number"),
        ("score", [[1], [0]], r"score must be a number, got \[1\] in row 1"),
        ("score", pd.to_datetime(["2026-01-01", "2026-01-02"]), "score must be a number"),
        ("score", [b"x", b"y"], "score must be a number"),
        ("score", [None, 1], "score must be a number, got nothing in row 1"),
        ("score", ["95%", "90%"], "score must be a number, got '95%' in row 1"),
        ("example_id", [[1], [2]], r"example_id in row 1 is neither text nor a number: \[1\]"),
        ("example_id", [object(), 1], "example_id in row 1 is neither text nor a number"),
        ("example_id", [1, float("nan")], "example_id is missing in row 2"),
        ("example_id", [1, float("inf")], "example_id in row 2 is neither text nor a number: inf"),
        ("example_id", [1.0, 1.0], "there are several for 'a', '1'"),
        ("example_id", [1, "1"], "there are several for 'a', '1'"),
        ("example_id", [b"\xff", b"1"], "example_id in row 1 is not valid UTF-8"),
        (
            "score",
            [np.datetime64("2026"), np.float32(1)],
            "score must be a number",
        ),  # PyArrow crashes
        ("task", ["a", "  "], "task is empty in row 2"),
    ],
)
def test_values_of_another_kind_are_refused_with_their_row(column, values, reason):
    with pytest.raises(HoldfastError, match=reason) as caught:
        read_side(frame(**{column: values}))
    assert "\n" not in str(caught.value)


def test_weights_and_tasks_that_look_alike_are_noted():
    assert (
        "column weight of candidate was ignored" in read_side(frame(weight=2), "candidate").notes[0]
    )
    (note,) = read_side(frame(task=["North", "north"])).notes
    assert "'North' and 'north' differ only in case" in note
    assert read_side(frame()).notes == ()
