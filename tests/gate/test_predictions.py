"""Recall by class and areas under the ROC curve, from labels, predictions and probabilities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from holdfast.gate.reading import read_side
from holdfast.gate.results import compare


def joined(champion, candidate):
    return compare(read_side(champion, "champion"), read_side(candidate, "candidate"))


def predicted(seed: int = 0, n: int = 400, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = np.random.default_rng(9).integers(0, 3, n)
    prediction = np.where(rng.random(n) < 0.8, label, rng.integers(0, 3, n))
    return pd.DataFrame({"task": "a", "example_id": range(n), "label": label, "prediction": prediction} | columns)


def test_the_mean_of_a_class_is_its_recall():
    mine, theirs = predicted(1), predicted(2)
    found = joined(mine, theirs)
    assert found.tasks["a"].means[1] == pytest.approx((theirs["label"] == theirs["prediction"]).mean())
    for position, side in enumerate((mine, theirs)):
        recalls = recall_score(side["label"], side["prediction"], average=None)
        assert [found.classes["a", str(k)].means[position] for k in range(3)] == pytest.approx(recalls)
    assert sum(found.class_shares.values()) == pytest.approx(1)
    assert not joined(mine.assign(score=0.5), theirs.assign(score=0.5)).classes, "recall needs scores of 0 or 1"


def test_labels_that_look_like_ids_are_no_classes():
    mine = predicted(n=2000).assign(label=range(2000))
    found = joined(mine, mine)
    assert not found.classes
    assert "Recall by class was left out" in found.notes[-1]


def test_scores_that_contradict_label_and_prediction_are_counted():
    mine = predicted()
    right = (mine["label"] == mine["prediction"]).astype(int)
    assert joined(mine.assign(score=right), mine.assign(score=right)).notes == ()
    note = joined(mine.assign(score=right), mine.assign(score=1)).notes[0]
    assert f"In the candidate's results, {int((right == 0).sum())} of 400 scores contradict label and prediction" in note
    names = joined(mine, mine.assign(prediction="class " + mine["prediction"].astype(str))).notes[0]
    assert "no prediction (such as 'class" in names


@pytest.mark.parametrize(("negative", "positive"), [(0, 1), (False, True), ("ham", "spam"), ("true", "untrue")])
def test_areas_are_those_of_scikit_learn_with_ties_counted_half(negative, positive):
    rng = np.random.default_rng(4)
    truth = rng.random(500) < 0.2
    frames = []
    for noise in (0.3, 0.8):
        chance = np.clip(truth * 0.5 + noise * rng.random(500), 0, 1).round(2)
        label = np.where(truth, positive, negative)
        frames.append(
            pd.DataFrame(
                {
                    "task": "a",
                    "example_id": range(500),
                    "score": 1,
                    "label": label,
                    "probability": chance,
                }
            )
        )
    expected = [roc_auc_score(truth, f["probability"]) for f in frames]
    assert joined(*frames).areas["a"] == pytest.approx(expected)
    turned = [f.assign(probability=1 - f["probability"]) for f in frames]
    assert joined(*turned).areas["a"] == pytest.approx(expected), "probabilities of the other class"
    assert not joined(frames[0], frames[1].drop(columns="probability")).areas
    assert not joined(frames[0].drop(columns="label"), frames[1]).areas, "labels of the candidate alone are not trusted"
    assert not joined(*(f.assign(label=f.index % 3) for f in frames)).areas


def test_a_champion_that_only_guesses_on_one_task_does_not_turn_the_areas_round():
    rng = np.random.default_rng(5)
    truth = rng.random(600) < 0.5
    base = pd.DataFrame(
        {
            "task": np.repeat(["good", "bad"], 300),
            "example_id": range(600),
            "score": 1,
            "label": truth * 1,
        }
    )
    chance = np.where(base["task"] == "good", truth * 0.9, 0.5 - 0.1 * truth)
    areas = joined(base.assign(probability=chance), base.assign(probability=truth * 0.8)).areas
    assert areas == {"good": (1.0, 1.0), "bad": (0.0, 1.0)}
