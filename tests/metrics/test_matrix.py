"""The matrix: every way in and out, and every wrong input."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from holdfast import HoldfastError
from holdfast.metrics import AccuracyMatrix

ROWS = [("a", None, 0.1), ("a", "a", 0.9), ("a", "b", 0.8), ("b", "b", 0.7)]


@pytest.fixture
def m():
    out = AccuracyMatrix(["a", "b"])
    for task, after, score in ROWS:
        out.record(task, after=after, score=score, examples=100)
    out.record("a", after="b", score=0.3, segment="new")
    return out


def test_all_forms_lead_back(m, tmp_path):
    assert AccuracyMatrix.from_json(json.dumps(m.to_json())) == m
    m.to_csv(tmp_path / "m.csv")
    assert AccuracyMatrix.from_csv(tmp_path / "m.csv", ["a", "b"]) == m
    assert AccuracyMatrix.from_frame(m.to_frame(), ["a", "b"]) == m
    assert AccuracyMatrix.from_records(m.to_records(), ["a", "b"]) == m
    (tmp_path / "m.json").write_text(json.dumps(m.to_json()))
    assert AccuracyMatrix.from_json(tmp_path / "m.json") == m


def test_orientation_is_stated_and_kept(m):
    a = m.to_array()
    assert a.shape == (3, 2)
    assert a[2, 0] == 0.8
    assert m.to_array("task-by-after")[0, 2] == 0.8
    back = AccuracyMatrix.from_array(
        m.to_array("task-by-after"), ["a", "b"], orientation="task-by-after", untrained=True
    )
    assert np.array_equal(back.to_array(), a, equal_nan=True)
    with pytest.raises(HoldfastError, match="unknown orientation"):
        AccuracyMatrix.from_array([[1.0]], orientation="rows")
    with pytest.raises(HoldfastError, match="unknown orientation"):
        m.to_array("rows")
    with pytest.raises(TypeError):
        AccuracyMatrix.from_array([[1.0]])


def test_per_example_results_give_score_and_count():
    m = AccuracyMatrix(["a"])
    m.record("a", after="a", results=[1, 0, 1, 1])
    assert (m.score("a", after="a"), m.cells["a", "a", None].examples) == (0.75, 4)
    assert AccuracyMatrix.from_json(m.to_json()) == m


def test_records_may_hold_arrays_of_results_and_clusters():
    row = {"task": "a", "after": "a", "score": None}
    m = AccuracyMatrix.from_records(
        [row | {"results": np.array([1.0, 0.0]), "clusters": np.array(["u", "v"])}]
    )
    assert m.score("a", after="a") == 0.5
    assert m.clusters["a"].tolist() == ["u", "v"]


def test_each_task_keeps_its_own_clusters_in_every_form():
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", results=[1, 0], clusters=["u", "v"])
    m.record("a", after="b", results=[0, 0])
    m.record("b", after="b", results=[1, 1, 1])
    labels = {(r["task"], r["after"]): r.get("clusters") for r in m.to_records()}
    assert labels == {("a", "a"): ["u", "v"], ("a", "b"): ["u", "v"], ("b", "b"): None}
    again = AccuracyMatrix.from_json(m.to_json())
    assert again == m
    assert again.clusters["a"].tolist() == ["u", "v"]


def test_not_evaluated_is_nan(m):
    assert math.isnan(m.score("b", after="a"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.record("a", after="a", score=0.9), "written already"),
        (lambda m: m.record("c", after="a", score=0.9), "unknown task"),
        (lambda m: m.record("b", after="x", score=0.9), "unknown task"),
        (lambda m: m.record("b", after="a", score=1.2), r"outside \[0, 1\]"),
        (lambda m: m.record("b", after="a", score=92), "divide by 100"),
        (lambda m: m.record("b", after="a", score=float("nan")), "leave the cell out"),
        (lambda m: m.record("b", after="a"), "give a score or the results"),
        (lambda m: m.record("b", after="a", score=0.5, examples=0), "at least 1"),
        (lambda m: m.record("b", after="a", results=[0.5, float("nan")]), "NaN"),
        (lambda m: m.record("b", after="a", results=[]), "one score for each example"),
        (lambda m: m.record("b", after="a", results=[1, 0], clusters=[1]), "one entry for each"),
        (lambda m: m.score("z", after=None), "unknown task 'z'"),
        (lambda m: m.score("a", after="z"), "unknown task in after= 'z'"),
        (lambda m: AccuracyMatrix([]), "at least one task"),
        (lambda m: AccuracyMatrix(["a", "a"]), "must differ"),
        (lambda m: AccuracyMatrix.from_records([{"task": "a"}]), "lacks after, score"),
        (lambda m: AccuracyMatrix.from_records([("a", "a", "high")]), "must be a number"),
        (
            lambda m: AccuracyMatrix.from_array(np.zeros((2, 3)), orientation="after-by-task"),
            "expected an array of shape",
        ),
        (lambda m: AccuracyMatrix.from_json("{not json"), "not readable as JSON"),
        (
            lambda m: AccuracyMatrix.from_json({"tasks": ["a"], "cells": 5}),
            "the lists tasks and cells",
        ),
        (
            lambda m: AccuracyMatrix.from_records(
                [{"task": "a", "after": "a", "score": 1, "examples": "abc"}]
            ),
            "examples must be a number",
        ),
        (
            lambda m: AccuracyMatrix.from_records(
                [{"task": "a", "after": "a", "score": 1, "examples": "2.5"}]
            ),
            "whole number",
        ),
        (
            lambda m: AccuracyMatrix.from_json({"tasks": ["a"], "cells": [], "format": 99}),
            "format 99",
        ),
        (lambda m: AccuracyMatrix.from_csv("/nowhere/x.csv"), "there is no such file"),
    ],
)
def test_wrong_input_says_what_is_wrong(m, call, message):
    with pytest.raises(HoldfastError, match=message):
        call(m)


HUGE = "1" + "0" * 400
CELL = '{"tasks": ["a"], "cells": [{"task": "a", "after": "a", "score": %s, "examples": %s}]%s}'


@pytest.mark.parametrize(
    "text",
    [
        CELL % (HUGE, "null", ""),
        CELL % ("true", "null", ""),
        CELL % ("[1]", "null", ""),
        CELL % ("NaN", "null", ""),
        CELL % ("Infinity", "null", ""),
        CELL % ("0.5", "Infinity", ""),
        CELL % ("0.5", HUGE, ""),
        CELL % ("0.5", "1e300", ""),
        CELL % ("0.5", '"nan"', ""),
        CELL % ("0.5", "{}", ""),
        CELL % ("0.5", "1", ', "score_range": null'),
        CELL % ("0.5", "1", ', "score_range": [0]'),
        CELL % ("0.5", "1", ', "score_range": [0, Infinity]'),
        CELL % ("0.5", "1", f', "score_range": [0, {HUGE}]'),
        CELL % ("0.5", "1", ', "score_range": ["a", {}]'),
        CELL % ("0.5", "1", ', "format": [1]'),
        '{"tasks": [["a", []], "b"], "cells": []}',
        '{"tasks": [{}], "cells": []}',
        '{"tasks": [null], "cells": []}',
        '{"tasks": [NaN], "cells": []}',
        '{"tasks": ["a"], "cells": [5]}',
        '{"tasks": ["a"], "cells": [[]]}',
        '{"tasks": ["a"], "cells": [{"task": [], "after": "a", "score": 1}]}',
        '{"tasks": ["a"], "cells": [{"task": "a", "after": {}, "score": 1}]}',
        '{"tasks": ["a"], "cells": [{"task": "a", "after": "a", "score": 1, "results": [[1], 2]}]}',
        '{"tasks": ["a"], "cells": ' + "[" * 5000,
        '{"tasks": ["a"], "cells": [' + "9" * 5000 + "]}",
        "\x00",
        "x" * 5000,
    ],
)
def test_no_json_raises_anything_but_one_clear_error(text):
    with pytest.raises(HoldfastError) as error:
        AccuracyMatrix.from_json(text)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("score", "score_range", "advice"),
    [
        (1.2, (0, 1), "divide by 100"),
        (100, (0, 1), "divide by 100"),
        (100.5, (0, 1), "for another scale"),
        (-0.5, (0, 1), "for another scale"),
        (7, (0, 5), "for another scale"),
    ],
)
def test_a_score_out_of_range_is_called_a_percentage_if_it_may_be_one(score, score_range, advice):
    with pytest.raises(HoldfastError, match=advice):
        AccuracyMatrix(["a"], score_range=score_range).record("a", after="a", score=score)


@pytest.mark.parametrize(
    ("shape", "untrained", "message"),
    [
        ((2, 3), False, r"expected an array of shape \(T, T\), got \(2, 3\)"),
        ((3, 3), True, r"\(T \+ 1, T\) with the untrained row, got \(3, 3\)"),
        ((3, 2), False, r"expected an array of shape \(T, T\), got \(3, 2\)"),
    ],
)
def test_an_array_of_another_shape_is_told_which_one_is_expected(shape, untrained, message):
    with pytest.raises(HoldfastError, match=message):
        AccuracyMatrix.from_array(np.zeros(shape), orientation="after-by-task", untrained=untrained)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "at least one task"),
        (b"task,after,score\n", "at least one task"),
        (b"task,after,score,score\na,a,0.9,0.1\n", "two columns are called 'score'"),
        (b"task,after,score\na,a\n", "must be a number"),
        (b"task,after,score\na,a,0_9\n", "must be a number"),
        (b"task,after,score,examples\na,a,0.9,nan\n", "whole number"),
        (b"task,after,score,examples\na,a,0.9,inf\n", "whole number"),
        (f"task,after,score\na,a,{HUGE}\n".encode(), "outside"),
        (b'task,after,score\n"' + b"a" * 200_000 + b'",a,0.9\n', "field larger than"),
        (b"\xff\xfe\x00", "can't decode"),
        (b"task;after;score\na;a;0.9\n", "lacks after, score, task"),
    ],
)
def test_no_csv_raises_anything_but_one_clear_error(tmp_path, content, message):
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(HoldfastError, match=message):
        AccuracyMatrix.from_csv(tmp_path / "m.csv")


def test_csv_may_have_a_byte_order_mark_and_lines_inside_quotes(tmp_path):
    (tmp_path / "m.csv").write_text('task,after,score\n"a\nb","a\nb",0.5\n', encoding="utf-8-sig")
    assert AccuracyMatrix.from_csv(tmp_path / "m.csv").score("a\nb", after="a\nb") == 0.5


def test_rows_evaluated_on_other_examples_are_refused():
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", results=[1, 0, 1])
    with pytest.raises(HoldfastError, match="same examples"):
        m.record("a", after="b", results=[1, 0])


def test_tasks_and_segments_may_have_test_sets_of_different_sizes():
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", results=[1, 0, 1])
    m.record("b", after="b", results=[1, 0])
    m.record("a", after="a", results=[1], segment="new")
    m.record("b", after="b", results=[1, 1, 0, 0], segment="new")
    assert m.score("b", after="b", segment="new") == 0.5
    with pytest.raises(HoldfastError, match="segment 'new': got 2 results, but other rows have 1"):
        m.record("a", after="b", results=[1, 0], segment="new")


def test_another_scale_is_possible():
    m = AccuracyMatrix(["a"], score_range=(-10, 0))
    m.record("a", after="a", score=-3.5)
    assert m.score("a", after="a") == -3.5


def test_a_frame_with_missing_after_is_the_untrained_model():
    frame = pd.DataFrame({"task": ["a", "a"], "after": [np.nan, "a"], "score": [0.1, 0.9]})
    assert AccuracyMatrix.from_frame(frame).score("a", after=None) == 0.1
