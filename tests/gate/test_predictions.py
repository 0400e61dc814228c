"""Recall by class and areas under the ROC curve, from labels, predictions and probabilities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from holdfast.errors import HoldfastError
from holdfast.gate.joining import compare
from holdfast.gate.reading import read_side


def joined(champion, candidate):
    return compare(read_side(champion, "champion"), read_side(candidate, "candidate"))


def predicted(seed: int = 0, n: int = 400, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = np.random.default_rng(9).integers(0, 3, n)
    prediction = np.where(rng.random(n) < 0.8, label, rng.integers(0, 3, n))
    return pd.DataFrame(
        {"task": "a", "example_id": range(n), "label": label, "prediction": prediction} | columns
    )


def test_the_mean_of_a_class_is_its_recall():
    mine, theirs = predicted(1), predicted(2)
    found = joined(mine, theirs)
    assert found.tasks["a"].means[1] == pytest.approx(
        (theirs["label"] == theirs["prediction"]).mean()
    )
    for position, side in enumerate((mine, theirs)):
        recalls = recall_score(side["label"], side["prediction"], average=None)
        assert [found.classes["a", str(k)].means[position] for k in range(3)] == pytest.approx(
            recalls
        )
    assert sum(found.class_shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("side", ["champion", "candidate", "both"])
def test_classes_are_judged_whatever_the_scores_are(side):
    mine, theirs = (
        f.drop(columns="prediction").assign(score=1.0) for f in (predicted(1), predicted(2))
    )
    if side != "candidate":
        mine.loc[0, "score"] = 0.99
    if side != "champion":
        theirs.loc[theirs["label"] == 2, "score"] = 0.25
    found = joined(mine, theirs)
    assert set(found.classes) == set(found.class_shares) == {("a", str(k)) for k in range(3)}
    for (_, label), pair in found.classes.items():
        for position, rows in enumerate((mine, theirs)):
            expected = rows["score"][rows["label"] == int(label)].mean()
            assert pair.means[position] == pytest.approx(expected)


def test_labels_that_look_like_ids_are_no_classes_of_their_task_alone():
    wide = predicted(n=2000).assign(label=range(2000), prediction=0)
    mine = pd.concat([wide, predicted().assign(task="b"), wide.assign(task="c")])
    found = joined(mine, mine)
    assert set(found.classes) == {("b", str(k)) for k in range(3)}
    notes = [note for note in found.notes if "not judged by class" in note]
    assert [note.partition(" was")[0] for note in notes] == ["Task 'a'", "Task 'c'"]
    assert "its labels have 2,000 values" in notes[0]
    assert not found.only_champion_classes
    most = wide.assign(label=np.arange(2000) % 1000)
    assert len(joined(most, most).classes) == 1000, "the limit itself is allowed"


def test_a_class_without_a_common_example_is_told_with_its_score():
    mine = predicted(1)
    kept = mine[mine["label"] != 2]
    found = joined(mine, kept)
    right = (mine["label"] == mine["prediction"])[mine["label"] == 2]
    assert found.only_champion_classes == {("a", "2"): pytest.approx(right.mean())}
    assert set(found.classes) == {("a", "0"), ("a", "1")}
    both = pd.concat([mine, mine.assign(task="b")])
    gone = joined(both, mine)
    assert gone.only_champion_classes == {}, "a task that is gone is told as a whole"
    assert set(gone.only_champion) == {("b", "")}


def test_scores_that_contradict_label_and_prediction_are_counted():
    mine = predicted()
    right = (mine["label"] == mine["prediction"]).astype(int)
    assert joined(mine.assign(score=right), mine.assign(score=right)).notes == ()
    wrong, ones = int((right == 0).sum()), mine.assign(score=1)
    notes = joined(ones, ones).notes
    for side, note in zip(("champion", "candidate"), notes, strict=True):
        told = f"In the {side}'s results, {wrong} of 400 scores contradict label and prediction"
        assert note.startswith(told)
    assert joined(ones, mine).notes == notes[:1], "the champion's own scores mean something else"
    names = joined(mine, mine.assign(prediction="class " + mine["prediction"].astype(str))).notes[0]
    assert "no prediction (such as 'class" in names


@pytest.mark.parametrize("score", [1, 0.99])
@pytest.mark.parametrize("columns", [["label"], []])
def test_scores_that_only_the_candidate_makes_better_than_its_predictions_are_refused(
    score, columns
):
    mine, theirs = predicted(1), predicted(2)
    wrong = theirs["label"] != theirs["prediction"]
    first = theirs[wrong].iloc[0]
    theirs["score"] = np.where(wrong, score, 1)
    with pytest.raises(HoldfastError) as caught:
        joined(mine, theirs.drop(columns=columns))
    message = str(caught.value)
    told = (
        f"task 'a': the candidate's score of example '{first['example_id']}' is {score}, but its "
    )
    assert (
        told + f"prediction is '{first['prediction']}' and its label '{first['label']}'" in message
    )
    assert f"({wrong.sum()} of 400 scores contradict them)" in message
    assert "must say what label and prediction say, as the champion's does" in message


def test_scores_are_checked_in_each_task_by_itself():
    partial = predicted(3).assign(task="b", score=0.5)  # what a score means there is not known
    mine = predicted(1)
    mine["score"] = (mine["label"] == mine["prediction"]) * 1.0
    cheat = pd.concat([mine.assign(score=1.0), partial])
    with pytest.raises(HoldfastError, match="task 'a'"):
        joined(pd.concat([mine, partial]), cheat)
    found = joined(pd.concat([mine, partial]), pd.concat([mine, partial.assign(score=0.7)]))
    assert set(found.tasks) == {"a", "b"}


def test_a_candidate_without_predictions_is_told_that_its_scores_were_not_checked():
    mine = predicted()
    theirs = mine.assign(score=1).drop(columns="prediction")
    assert (
        "scores could not be checked, because its results have no column"
        in joined(mine, theirs).notes[0]
    )


@pytest.mark.parametrize(
    ("negative", "positive"), [(0, 1), (False, True), ("ham", "spam"), ("true", "untrue")]
)
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
    real = [f.assign(score=np.linspace(0, 1, 500)) for f in frames]
    assert joined(*real).areas["a"] == pytest.approx(expected), "whatever the scores are"
    assert joined(*frames).notes == ()


def chances(tasks: int = 1, classes: int = 2) -> pd.DataFrame:
    names = [f"t{k}" for k in range(tasks)]
    return pd.DataFrame(
        {
            "task": np.repeat(names, 30),
            "example_id": list(range(30)) * tasks,
            "score": 1,
            "label": np.arange(30 * tasks) % classes,
            "probability": 0.5,
        }
    )


@pytest.mark.parametrize(
    ("champion", "candidate", "why"),
    [
        (
            chances(),
            chances().drop(columns="probability"),
            "candidate's results have no column prob",
        ),
        (
            chances().drop(columns="label"),
            chances(),
            "champion's results have probabilities, but no",
        ),
        (chances(7, 3), chances(7, 3), "two classes: 't0' (3 classes), 't1' (3 classes)"),
        (chances(1, 1), chances(1, 1), "do not have two classes: 't0' (1 class)."),
    ],
)
def test_areas_that_cannot_be_compared_are_told_once(champion, candidate, why):
    found = joined(champion, candidate)
    assert not found.areas
    (note,) = [n for n in found.notes if "The areas under the ROC curve were not compared" in n]
    assert why in note
    assert len(champion) < 210 or note.endswith("'t4' (3 classes) and 2 more.")


def test_areas_of_a_champion_without_probabilities_are_nobodys_business():
    assert joined(chances().drop(columns="probability"), chances()).notes == ()


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
