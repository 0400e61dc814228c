"""The record of a run: what is written is read again, and what is wrong is named."""

import json

import pytest

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix
from holdfast.results import (
    Finding,
    RunResult,
    load_results,
    read_findings,
    read_result,
    summarise,
    write_findings,
    write_result,
)
from holdfast.results.file_names import FINDINGS, RESULT


def plain(**changes):
    """The plain values of a small result."""
    matrix = AccuracyMatrix(["a", "b"])
    matrix.record("a", after="a", score=0.9)
    values = {
        "format": 1,
        "label": "x",
        "config": {
            "data": {"name": "d", "stream": "split", "tasks": 2},
            "model": {},
            "training": {},
            "scenario": "class",
            "method": "FineTune()",
        },
        "seed": 1,
        "versions": {},
        "machine": {},
        "chance": 0.5,
        "outputs_exist": True,
        "matrix": matrix.to_json(),
        "curves": None,
        "cost": {
            "seconds": {"training": 1.5, "consolidation": 0},
            "parameters": 10,
            "method_bytes": 0,
        },
        "warnings": [],
    }
    return values | changes


def written(folder, values):
    path = folder / RESULT
    path.write_text(json.dumps(values))
    return path


def test_a_file_is_written_again_byte_for_byte(sweep_folder, speed_folder, tmp_path):
    paths = [*sweep_folder.rglob(RESULT), *speed_folder.rglob(RESULT)]
    assert len(paths) == 15
    for path in paths:
        write_result(tmp_path / RESULT, read_result(path))
        assert (tmp_path / RESULT).read_bytes() == path.read_bytes()


def test_a_record_cannot_be_changed(sweep_folder):
    result = load_results([sweep_folder])[0]
    with pytest.raises(ValueError, match="frozen"):
        result.label = "another"
    with pytest.raises(ValueError, match="frozen"):
        result.cost.seconds.training = 0


def test_files_of_early_versions_can_be_read(tmp_path):
    result = read_result(written(tmp_path, plain()))
    assert (result.streams, result.data_digests, result.weak, result.declared) == (
        1,
        None,
        [],
        None,
    )
    assert result.cost.by_task == []
    assert result.cost.seconds.total == 1.5


def test_fields_of_later_versions_are_ignored(tmp_path):
    values = plain(findings=[{"what": 1}], unheard_of=2)
    assert read_result(written(tmp_path, values)).findings == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chance": 1.5}, "chance must be at most 1"),
        ({"chance": float("nan")}, "chance must be a finite number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"label": "x" * 2000}, "label"),
        ({"matrix": "other.json"}, "an accuracy matrix must be a JSON object"),
        ({"matrix": {"tasks": [], "cells": []}}, "task"),
        ({"validation": {"tasks": ["c"], "cells": []}}, "matrix and validation have other tasks"),
        (
            {"curves": {"steps": [1], "scores": [[1, 1, 1]], "ends": [1, 2, 3]}},
            "curves has 3 tasks, the matrix 2",
        ),
        ({"curves": {"steps": [2, 1], "scores": [[1], [1]], "ends": [1]}}, "must rise"),
        ({"curves": {"steps": [1], "scores": [[1, 2]], "ends": [1]}}, "one score for each task"),
        ({"cost": {"parameters": 1, "method_bytes": 1}}, "cost.seconds is missing"),
        ({"config": {"data": {"name": "d"}}}, "config.data.stream is missing"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_a_remedy(tmp_path, changes, message):
    path = written(tmp_path, plain(**changes))
    with pytest.raises(HoldfastError) as error:
        read_result(path)
    assert str(error.value).startswith(f"{path} is not a whole result file: ")
    assert message in str(error.value)
    assert str(error.value).endswith("; delete it and run again")


def test_findings_are_read_beside_their_run(tmp_path):
    written(tmp_path, plain())
    assert load_results([tmp_path])[0].findings == ()
    findings = (
        Finding.of("entropy", "It is high.", {"lost": 0.1, "path": ((1, 2), (3.5, 4))}),
        Finding.of("interference", "None.", {"correlation": float("nan")}),
    )
    write_findings(tmp_path, findings)
    (result,) = load_results([tmp_path])
    assert result.findings[0] == findings[0]
    assert result.findings[0].numbers["path"] == [[1, 2], [3.5, 4]]
    assert RunResult.model_validate(result.to_json()).findings == ()
    (tmp_path / FINDINGS).write_text('{"findings": [{"what": 1}]}')
    with pytest.raises(HoldfastError, match="run holdfast diagnose again"):
        read_findings(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(HoldfastError, match=tmp_path.name):
        load_results([tmp_path])
    (tmp_path / "result.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(HoldfastError, match="format 1"):
        load_results([tmp_path])
    (tmp_path / "result.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(HoldfastError, match="label is missing"):
        load_results([tmp_path])
    (tmp_path / "result.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HoldfastError, match="not a whole result file"):
        load_results([tmp_path])
    (tmp_path / "result.json").write_text("[1]")
    with pytest.raises(HoldfastError, match="format 1"):
        load_results([tmp_path])


def test_the_same_run_twice_is_no_second_seed(sweep_folder):
    result = load_results([sweep_folder])[0]
    once, twice = summarise([result]), summarise([result, result.model_copy()])
    assert len(twice[0].results) == 1
    assert twice[0].values["ACC"].n == once[0].values["ACC"].n == 1
    values = result.to_json()
    values["matrix"]["cells"][0]["score"] = 0.123
    other = RunResult.model_validate(values)
    with pytest.raises(HoldfastError, match=r"two results of .* seed \d+, but with other scores"):
        summarise([result, other])
