"""Next month's data for learners that train for several labels or for measurements."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import holdfast as hf
from holdfast.errors import HoldfastError
from holdfast.runs.later import Month, answers_of, learn_month, open_learner

rng = np.random.default_rng(0)
WEIGHTS = rng.normal(size=(4, 6))


def month(*labels: str) -> tuple[np.ndarray, list[list[str]]]:
    """Rows of which each has some of the labels."""
    names = np.array(["a", "b", "c", "d"])
    there = rng.random((120, 4)) < 0.5
    x = (there @ WEIGHTS + 0.1 * rng.normal(size=(120, 6))).astype("float32")
    known = np.isin(names, labels)
    return x, [names[row & known].tolist() for row in there]


def tagger(method: str = "ER(60)", scenario: str = "class", head: str = "growing") -> hf.Learner:
    model = hf.models.mlp((6,), head, 2, hidden=(24,), seed=0)
    return hf.Learner(
        model,
        method,
        hf.optimizer("adam", lr=0.01),
        scenario=scenario,
        objective="multilabel",
        epochs=10,
        batch_size=16,
    )


@pytest.mark.filterwarnings("ignore:.*LwF")
@pytest.mark.parametrize("method", ["ER(60)", "DER(60)", "GSS(30, compare=3)", "AGEM(40)", "LwF()"])
def test_new_labels_get_new_outputs_and_old_rows_know_nothing_of_them(method: str) -> None:
    learner = tagger(method)
    learner.learn(month("a", "b"), name="11")
    second = learner.learn(month("a", "c"), name="12")
    assert (second.new_labels, second.returned) == (["c"], ["a"])
    assert learner.history.labels == ["a", "b", "c"]
    matrix = second.matrix
    assert matrix.score("12", after="12") > 0.8
    assert matrix.score("11", after="12") > 0.6


def test_a_file_knows_what_its_learner_trains_for(tmp_path: Path) -> None:
    learner = tagger()
    learner.learn(month("a", "b"), name="11")
    learner.save(tmp_path / "model.hf")
    data = month("b", "c")
    again = hf.Learner.load(tmp_path / "model.hf")
    learner.learn(data, name="12")
    second = again.learn(data, name="12")
    assert second.matrix.tasks == ("11", "12")
    for one, other in zip(learner.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    x = data[0][:4]
    answers = again.predict(torch.from_numpy(x), names=True)
    assert isinstance(answers, list)
    # In these rows nothing is known of a, which the network may have found all the same.
    found = [{*text.split(";")} - {"a", ""} for text in answers]
    assert found == [{*row} for row in data[1][:4]]


def test_a_label_that_no_row_lists_is_absent_where_all_labels_are_known() -> None:
    learner = tagger(scenario="domain", head="fixed")
    learner.learn(month("a", "b"), name="11")
    learner.learn(month("a"), name="12")
    y = learner.state.tasks[-1].test.fetch(torch.arange(5))[1]
    assert (y[:, 1] == 0).all()
    with pytest.raises(HoldfastError, match="which no earlier task had"):
        learner.learn(month("a", "d"), name="13")


def houses(slope: float, name: str) -> pd.DataFrame:
    size = rng.normal(100, 30, 120)
    kind = rng.choice(["flat", "house"], 120)
    price = slope * size + np.where(kind == "house", 50_000, 0)
    return pd.DataFrame({"size": size, "kind": kind, "price": price})


def test_prices_are_learnt_month_by_month(tmp_path: Path) -> None:
    first = houses(2000.0, "11")
    unit = hf.Regression(float(first["price"].mean()), float(first["price"].std()))
    learner = hf.Learner(
        hf.models.mlp((4,), "fixed", 1, hidden=(24,), seed=0),
        "ER(100)",
        hf.optimizer("adam", lr=0.01),
        scenario="domain",
        objective=unit,
        epochs=20,
        batch_size=16,
    )
    learner.learn(first, label="price", name="11")
    learner.save(tmp_path / "model.hf")
    again = hf.Learner.load(tmp_path / "model.hf")
    assert repr(again.setup.objective) == repr(unit)
    learnt = again.learn(houses(2200.0, "12"), label="price", name="12")
    assert learnt.matrix.score("12", after="12") > 0.9
    assert learnt.matrix.score("11", after="12") > 0.5
    # Served in the unit of the prices, from rows without one.
    answers = again.predict(first.drop(columns="price").head(3))
    assert isinstance(answers, torch.Tensor)
    assert np.allclose(answers[:, 0], first["price"][:3], atol=40_000)


def test_test_rows_in_files_are_read_again_with_their_targets(tmp_path: Path) -> None:
    path = tmp_path / "11.csv"
    houses(2000.0, "11").to_csv(path, index=False)
    learner = hf.Learner(
        hf.models.mlp((4,), "fixed", 1, hidden=(24,), seed=0),
        optimizer=hf.optimizer("adam", lr=0.01),
        scenario="domain",
        objective=hf.Regression(2e5, 7e4),
        epochs=10,
        batch_size=16,
    )
    first = learner.learn(path, label="price", keep_test="reference")
    learner.save(tmp_path / "model.hf")
    again = hf.Learner.load(tmp_path / "model.hf")
    later = again.learn(houses(2000.0, "12"), label="price", name="12")
    assert first.matrix.score("11", after="11") > 0.8
    # The prices of the two months have one slope, so nothing is forgotten.
    assert later.matrix.score("11", after="12") > 0.8


def test_an_own_loss_must_be_handed_over_or_imported(tmp_path: Path) -> None:
    learner = hf.Learner(
        hf.models.mlp((6,), "fixed", 1, seed=0),
        scenario="domain",
        objective="custom",
        loss=lambda outputs, targets, rows: (outputs - targets).abs().mean(1),
    )
    x = rng.normal(size=(40, 6)).astype("float32")
    learner.learn((x, x[:, 0]), name="11")
    learner.save(tmp_path / "model.hf")
    with pytest.raises(HoldfastError, match=r"Learner.load\(path, loss=function\)"):
        hf.Learner.load(tmp_path / "model.hf")
    again = hf.Learner.load(
        tmp_path / "model.hf", loss=lambda outputs, targets, rows: (outputs - targets).abs().mean(1)
    )
    assert again.learn((x, x[:, 0]), name="12").matrix.tasks == ("11", "12")


def test_the_command_begins_goes_on_and_answers(tmp_path: Path) -> None:
    for name in ("11", "12"):
        houses(2000.0, name).to_csv(tmp_path / f"{name}.csv", index=False)
    given = {
        "scenario": "domain",
        "method": "ER(100)",
        "data": {"objective": "regression", "label": "price"},
        "training": {"epochs": 10, "optimizer": "adam", "lr": 0.01},
    }
    first = Month(tmp_path / "model.hf", str(tmp_path / "11.csv"))
    learner, _ = open_learner(first, given)
    learn_month(learner, first, given)
    later = Month(tmp_path / "model.hf", str(tmp_path / "12.csv"))
    label = {"data": {"label": "price"}}
    learner, _ = open_learner(later, label)
    matrix = learn_month(learner, later, label).matrix
    assert matrix.tasks == ("11", "12")
    assert matrix.score("12", after="12") > 0.9
    headings, rows = answers_of(tmp_path / "model.hf", str(tmp_path / "12.csv"), None, "cpu")
    assert headings == ["row", "price"]
    assert len(rows) == 120
    assert 50_000 < float(rows[0][1]) < 500_000
    with pytest.raises(HoldfastError, match="--objective multilabel contradicts"):
        open_learner(later, {"data": {"objective": "multilabel"}})
