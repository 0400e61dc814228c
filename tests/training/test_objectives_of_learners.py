"""Learners that train for several labels, for measurements, and on losses of their own."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import holdfast as hf
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError
from holdfast.training.boundary_free import fit_boundary_free
from holdfast.training.set_scores import NegativeRMSE
from holdfast.training.target_checks import ScaleWarning


def slopes(scale: float = 1.0, shift: float = 0.0) -> hf.streams.Stream:
    """Two months of one linear function each."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3)).astype("float32")
    month = np.repeat([1, 2], 120)
    slope = np.where(month == 1, 1.0, -1.0)
    y = scale * slope * x[:, 0] + shift
    return hf.streams.from_arrays(x, y, month, "domain", objective="regression")


def learner_of(stream: hf.streams.Stream, **options: object) -> hf.Learner:
    model = hf.models.mlp(stream.shape, "fixed", stream.outputs, hidden=(16,), seed=0)
    settings = {"scenario": "domain", "objective": "regression", "epochs": 15, "batch_size": 16}
    return hf.Learner(model, optimizer=hf.optimizer("adam", lr=0.01), **(settings | options))


def test_regression_learns_forgets_and_replay_helps() -> None:
    stream = slopes()
    plain = learner_of(stream).fit(stream).matrix
    # The two slopes are opposite, so a network that learnt the second gets the first wrong.
    assert plain.score("1", after="1") > 0.9
    assert plain.score("1", after="2") < 0
    assert plain.score_range == (-1.0, 1.0)
    replayed = learner_of(stream, method="ER(100)").fit(stream).matrix
    assert replayed.score("1", after="2") > plain.score("1", after="2") + 0.5


def test_a_unit_changes_nothing_but_the_unit() -> None:
    plain, large = slopes(), slopes(scale=4000.0, shift=10_000.0)
    first = learner_of(plain, objective=hf.Regression(0.0, 1.0))
    first.fit(plain)
    second = learner_of(large, objective=hf.Regression(10_000.0, 4000.0))
    second.fit(large)
    x = torch.randn(5, 3)
    assert torch.allclose(first.predict(x) * 4000 + 10_000, second.predict(x), rtol=1e-3, atol=1)


def test_targets_in_another_unit_are_a_warning_before_the_first_step() -> None:
    stream = slopes(scale=4000.0)
    with pytest.warns(ScaleWarning, match="networks learn best from 0 and 1"):
        learner_of(stream, epochs=1).fit(stream)
    quiet = learner_of(stream, epochs=1, objective=hf.Regression.of(stream))
    with pytest.warns() as caught:
        quiet.fit(stream)
    assert not [w for w in caught if issubclass(w.category, ScaleWarning)]


def test_nothing_is_fitted_on_later_tasks() -> None:
    stream = slopes()
    later = stream[1].train.y
    before = repr(hf.Regression.of(stream))
    later.mul_(1000)
    assert repr(hf.Regression.of(stream)) == before


def test_a_score_of_a_set_has_no_results_of_examples() -> None:
    stream = slopes()
    run = learner_of(stream, epochs=1, scorer=NegativeRMSE(10.0)).fit(
        stream, keep_results=True, segments=True
    )
    cell = run.matrix.cells[("1", "1", None)]
    assert cell.results is None
    # A number of examples would let the gate judge the score as a mean of single scores.
    assert cell.examples is None
    assert -10 <= cell.score <= 0
    assert all(segment is None for _, _, segment in run.matrix.cells)


def test_what_was_not_learnt_is_said_of_other_scores_too() -> None:
    stream = slopes()
    run = learner_of(stream, epochs=1, batch_size=1000).fit(stream)
    assert [found.task for found in run.unlearnt] == ["1", "2"]
    # R² of the mean is 0, which is guessing.
    assert run.unlearnt[0].chance == pytest.approx(0.0, abs=1e-6)


def films(scenario: str) -> hf.streams.Stream:
    """Three tasks with two labels each, of which the first returns."""
    rng = np.random.default_rng(1)
    there = rng.random((360, 4)) < 0.5
    x = (there @ rng.normal(size=(4, 8)) + 0.1 * rng.normal(size=(360, 8))).astype("float32")
    names = np.array(["a", "b", "c", "d"])
    task = np.repeat([0, 1, 2], 120)
    looked_for = {0: [0, 1], 1: [0, 2], 2: [0, 3]}
    y = []
    for row, number in zip(there, task.tolist(), strict=True):
        y.append([names[k] for k in looked_for[number] if row[k]])
    return hf.streams.from_arrays(x, y, task, scenario, objective="multilabel")


@pytest.mark.parametrize(("scenario", "head"), [("class", "growing"), ("task", "separate")])
@pytest.mark.parametrize("method", ["FineTune", "ER(100)", "LwF()"])
def test_several_labels_are_learnt_as_they_come(scenario: str, head: str, method: str) -> None:
    stream = films(scenario)
    model = hf.models.mlp(stream.shape, head, stream.outputs, hidden=(32,), seed=0)
    learner = hf.Learner(
        model,
        method,
        hf.optimizer("adam", lr=0.01),
        scenario=scenario,
        objective="multilabel",
        epochs=15,
        batch_size=16,
    )
    run = learner.fit(stream)
    assert all(run.matrix.score(name, after=name) > 0.9 for name in run.matrix.tasks)
    assert not run.unlearnt
    # Chance is the share of rows that have a label.
    logits = learner.predict(stream[0].test.fetch(torch.arange(4))[0], task=0)
    active = stream.outputs if scenario == "class" else 2
    assert int(logits.isfinite()[0].sum()) == active


def smooth(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
    return F.cross_entropy(outputs, targets, reduction="none", label_smoothing=0.1)


def test_an_own_loss_takes_the_place_of_the_cross_entropy() -> None:
    stream = hf.streams.split(hf.streams.digits().limited(600, seed=0), 2, "class")
    model = hf.models.mlp(stream.shape, "growing", seed=0)
    learner = hf.Learner(
        model,
        "ER(100) + LwF() + EWC(1, labels='empirical')",
        hf.optimizer("adam", lr=0.01),
        scenario="class",
        objective=hf.Custom(smooth, outputs="classes"),
        epochs=5,
    )
    matrix = learner.fit(stream).matrix
    assert matrix.score(matrix.tasks[0], after=matrix.tasks[0]) > 0.8
    assert matrix.score_range == (0.0, 1.0)


def test_an_own_loss_of_the_usual_kind_gives_the_usual_bits() -> None:
    def plain(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="none")

    stream = hf.streams.split(hf.streams.digits().limited(300, seed=0), 5, "task")
    weights = []
    for objective in ("classification", hf.Custom(plain, outputs="classes")):
        model = hf.models.mlp(stream.shape, "separate", hidden=(16,), seed=0)
        learner = hf.Learner(model, "ER(40)", scenario="task", objective=objective)
        learner.train(*stream.tasks[:2])
        weights.append(torch.cat([p.flatten() for p in learner.model.parameters()]))
    assert torch.allclose(*weights, atol=1e-6)


def test_rows_of_an_own_loop_are_checked() -> None:
    stream = slopes()
    learner = learner_of(stream)
    learner.begin(stream[0])
    x = torch.zeros(4, 3)
    assert math.isfinite(float(learner.step((x, torch.zeros(4, 1)))))
    for y, message in (
        (torch.zeros(4), "pass y\\[:, None\\]"),
        (torch.zeros(4, 1, dtype=torch.long), "pass y.float"),
        (torch.zeros(3, 1), "a row of targets for each"),
    ):
        with pytest.raises(HoldfastError, match=message):
            learner.step((x, y))


def test_mismatches_are_refused_before_the_first_step() -> None:
    stream = slopes()
    with pytest.raises(HoldfastError, match="pass objective='regression'"):
        learner_of(stream, objective="classification").fit(stream)
    digits = hf.streams.split(hf.streams.digits(), 5, "domain")
    with pytest.raises(HoldfastError, match="targets for classification"):
        learner_of(digits).fit(digits)
    with pytest.raises(HoldfastError, match="class_balanced memory sorts examples"):
        learner_of(stream, method="ER(10, memory='class_balanced')")

    def mean(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
        return (outputs - targets).square().mean()

    broken = learner_of(stream, objective="custom", loss=mean)
    with pytest.raises(HoldfastError, match="expected one loss per row"):
        broken.fit(stream)
    assert broken.view.task_steps == 0
    with pytest.raises(HoldfastError, match="counts right answers"):
        fit_boundary_free(learner_of(stream), stream)
