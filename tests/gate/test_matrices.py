"""Accuracy matrices as sides: read from every form, and held to what both sides show."""

import gzip
import json
from dataclasses import replace

import pytest
from test_sources import refusal

from holdfast.gate.joining import Comparison, compare
from holdfast.gate.reading import read_side
from holdfast.metrics import AccuracyMatrix

HUGE = "1" + "0" * 400


def compared(champion: AccuracyMatrix, candidate: AccuracyMatrix) -> Comparison:
    return compare(read_side(champion, "champion"), read_side(candidate, "candidate"))


# ---- reading


def matrix(**kwargs) -> AccuracyMatrix:
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", score=0.9, examples=10)
    m.record("a", after="b", score=0.8, examples=10)
    m.record("b", after="b", score=0.7, **kwargs)
    return m


def test_an_accuracy_matrix_is_read_from_every_form(tmp_path):
    m = matrix(examples=20)
    m.to_csv(tmp_path / "m.csv")
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress((tmp_path / "m.csv").read_bytes()))
    (tmp_path / "semicolons.csv").write_text((tmp_path / "m.csv").read_text().replace(",", ";"))
    (tmp_path / "m.json").write_text(json.dumps(m.to_json()))
    (tmp_path / "result.json").write_text(json.dumps({"matrix": m.to_json(), "seconds": 3}))
    m.to_frame().to_parquet(tmp_path / "m.parquet")
    names = ("m.csv", "m.csv.gz", "semicolons.csv", "m.json", "result.json", "m.parquet")
    sources = [m, m.to_frame(), *(tmp_path / name for name in names)]
    for source in sources:
        side = read_side(source)
        assert side.rows[["task", "score", "examples"]].to_numpy().tolist() == [
            ["a", 0.8, 10],
            ["b", 0.7, 20],
        ]
        assert side.standing.forgetting["a"] == pytest.approx(0.1)


def test_segments_of_a_matrix_with_single_results_are_noted():
    m = AccuracyMatrix(["a"])
    m.record("a", after="a", results=[1, 0], clusters=["x", "y"])
    assert read_side(m).rows["cluster"].tolist() == ["x", "y"]
    m.record("a", after="a", segment="s", score=0.5)
    assert "1 segments of the accuracy matrix" in read_side(m).notes[0]


CELL = '{"task": "a", "after": "a", "score": %s, "examples": %s}'
TWO_NAMES = (
    '{"tasks": [1, "1"], "cells": [{"task": 1, "after": "1", "score": 1},'
    ' {"task": "1", "after": "1", "score": 0}]}'
)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"tasks": ["a"], "cells": [{CELL % (1, "1e999")}]}}',
        f'{{"tasks": ["a"], "cells": [{CELL % (1, HUGE)}]}}',
        f'{{"tasks": ["a"], "cells": [{CELL % (1, "NaN")}], "score_range": null}}',
        f'{{"tasks": ["a"], "cells": [{CELL % (50, 9)}], "score_range": [0, 100]}}',
        TWO_NAMES,
        '{"tasks": [1, true], "cells": []}',
        '{"matrix": "/etc/hostname"}',
    ],
)
def test_wrong_matrices_are_one_error(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    refusal(tmp_path / "m.json")


def test_a_matrix_in_records_may_say_nan_for_what_it_does_not_know(tmp_path):
    rows = [{"task": "a", "after": "a", "score": 1, "examples": float("nan")}]
    (tmp_path / "m.json").write_text(json.dumps(rows))
    assert read_side(tmp_path / "m.json").rows["examples"].tolist() == [0]


# ---- what was lost since a task was learnt


def two_rows(learnt: dict[str, float], now: dict[str, float]) -> AccuracyMatrix:
    """Tasks with their scores when they were learnt, and now."""
    m = AccuracyMatrix(list(learnt))
    for task, score in learnt.items():
        m.record(task, after=task, score=score, examples=100)
        if task != list(learnt)[-1]:
            m.record(task, after=list(learnt)[-1], score=now[task], examples=100)
    return m


def test_a_low_score_when_learnt_does_not_hide_what_a_task_lost():
    champion = two_rows({"a": 0.9, "b": 0.9, "c": 0.9}, {"a": 0.85, "b": 0.9})
    honest = two_rows({"a": 0.9, "b": 0.9, "c": 0.9}, {"a": 0.7, "b": 0.88})
    low = two_rows({"a": 0.6, "b": 0.9, "c": 0.9}, {"a": 0.7, "b": 0.88})
    for candidate in (honest, low):
        standing = compared(champion, candidate).standings[1]
        assert standing.forgetting == pytest.approx({"a": 0.2, "b": 0.02})
        assert standing.transfer == pytest.approx(-0.11)
    assert compared(champion, champion).standings[0] == compared(champion, champion).standings[1]


def test_a_task_that_the_candidate_says_to_have_learnt_last_or_anew_is_held_to_the_champion():
    champion = two_rows({"a": 0.9, "b": 0.9}, {"a": 0.9})
    last = compared(champion, two_rows({"b": 0.9, "a": 0.6}, {"b": 0.9})).standings[1]
    assert last.forgetting == pytest.approx({"a": 0.3, "b": 0.0})
    longer = two_rows({"a": 0.9, "b": 0.5, "c": 0.9}, {"a": 0.9, "b": 0.6})
    standing = compared(champion, longer).standings[1]
    assert standing.forgetting == pytest.approx({"a": 0.0, "b": 0.3})
    assert standing.transfer == pytest.approx(-0.15)


def test_a_matrix_whose_tasks_are_numbers_in_another_form_is_held_as_well():
    champion = two_rows({"1": 0.9, "2": 0.9}, {"1": 0.9})
    candidate = two_rows({"1.0": 0.5, "2.0": 0.9}, {"1.0": 0.6})
    assert compared(champion, candidate).standings[1].forgetting == pytest.approx({"1": 0.3})


def test_what_a_ledger_says_of_both_sides_stays():
    champion = read_side(two_rows({"a": 0.9, "b": 0.9}, {"a": 0.9}))
    candidate = read_side(two_rows({"a": 0.5, "b": 0.9}, {"a": 0.6}))
    found = compare(replace(champion, release="1.4"), candidate)
    assert found.standings[1] == candidate.standing
