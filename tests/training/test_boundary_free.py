"""Streams whose boundaries a detector declares."""

import numpy as np
import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.methods import parse_method
from holdfast.metrics.detection import detection
from holdfast.models import mlp
from holdfast.streams import digits, permuted
from holdfast.streams.drift import DETECTORS, Detector
from holdfast.training import Learner, optimizer
from holdfast.training.boundary_free import BoundaryFree, Recent, fit_boundary_free


@pytest.mark.parametrize("name", DETECTORS)
def test_a_rise_is_declared_and_a_fall_is_not(name):
    rng, detector = np.random.default_rng(0), Detector(name)
    falling = [detector.update(v) for v in 2 * np.exp(-np.arange(300) / 40) + 0.1 * rng.random(300)]
    assert not any(falling)
    rising = [detector.update(v) for v in 1.5 + 0.1 * rng.random(60)]
    assert any(rising)
    assert rising.index(True) < 30


def test_names_and_options_of_detectors_are_checked():
    with pytest.raises(HoldfastError, match="adwin"):
        Detector("adwn")
    with pytest.raises(HoldfastError, match="detector adwin"):
        Detector("adwin", nonsense=1)


def test_detection_counts_each_boundary_once():
    found = detection([5, 102, 103, 310], [100, 200, 300])
    assert (found.delays, found.missed, found.false_alarms) == ((2, None, 10), 1, 2)


def permuted_digits():
    return permuted(digits(), 4, "domain", seed=3)


def make(method: str, epochs: int = 6) -> Learner:
    s = permuted_digits()
    net = mlp(s.shape, "fixed", s.outputs, hidden=(64,), seed=0)
    return Learner(
        net,
        parse_method(method),
        optimizer("sgd", lr=0.1, momentum=0.5),
        scenario="domain",
        batch_size=16,
        epochs=epochs,
    )


def test_declared_boundaries_let_a_method_consolidate():
    s = permuted_digits()
    ours = make("OnlineEWC(0.5, normalize=True)")
    run = fit_boundary_free(ours, s, Detector("page-hinkley"))
    assert run.detection.missed == 0
    assert run.detection.false_alarms <= 1
    assert max(run.detection.delays) <= 20
    assert ours.method.host["boundaries"] == len(run.declared) + 1
    never = fit_boundary_free(make("OnlineEWC(0.5, normalize=True)", epochs=2), s)
    assert never.declared == []
    assert 0.3 < run.online < 1


def test_without_a_boundary_a_penalty_is_never_set_and_training_is_plain():
    s = permuted_digits()
    a, b = make("EWC(5)", epochs=1), make("FineTune()", epochs=1)
    fit_boundary_free(a, s)
    fit_boundary_free(b, s)
    assert torch.equal(a.view.space.theta, b.view.space.theta)


def test_the_newest_rows_are_kept_and_those_of_the_new_part_dropped():
    rows = Recent(10, 0)
    for k in range(6):
        rows.add(torch.full((4, 1), float(k)), torch.zeros(4, dtype=torch.long))
    assert rows.fetch(torch.arange(len(rows)))[0].unique().tolist() == [3, 4, 5]
    rows.drop_newest(2)
    assert rows.fetch(torch.arange(len(rows)))[0].unique().tolist() == [3]
    rows.drop_newest(5)
    assert len(rows) == 4


def test_streams_without_boundaries_have_one_set_of_outputs():
    with pytest.raises(HoldfastError, match="the domain scenario, got class"):
        BoundaryFree(learner(stream("class")), 10)


def test_a_run_without_boundaries_reports_what_was_found():
    from holdfast.runs.config import RunConfig
    from holdfast.runs.execute import execute
    from holdfast.validation import validated

    values = {
        "data": {"stream": "permuted", "tasks": 3},
        "scenario": "domain",
        "method": "OnlineEWC(0.5, normalize=True)",
    }
    config = validated(
        RunConfig,
        **values,
        training={"boundaries": "page-hinkley", "epochs": 2, "lr": 0.05, "batch_size": 16},
    )
    result = execute(config, "x", None, "cpu")
    assert result.detection.true == [180, 360]
    assert len(result.detection.delays) == 2
    matrix = result.matrix
    assert all(0 <= matrix.score(t, after=u) <= 1 for t in matrix.tasks for u in matrix.tasks)


def test_the_command_line_says_what_was_found(tmp_path, capsys):
    from holdfast.cli.main import run_cli

    arguments = [
        "run",
        "--stream",
        "permuted",
        "--tasks",
        "2",
        "--scenario",
        "domain",
        "--boundaries",
        "adwin",
        "--epochs",
        "4",
    ]
    with pytest.raises(SystemExit) as done:
        run_cli([*arguments, "--lr", "0.05", "--batch-size", "16", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert not done.value.code
    assert "boundaries declared" in out
    assert "1 of 1 true ones found" in out
    with pytest.raises(SystemExit) as done:
        run_cli(["run", "--scenario", "class", "--boundaries", "adwin", "--out", str(tmp_path)])
    assert done.value.code == 2
    assert "is for the domain scenario, got class" in capsys.readouterr().err
