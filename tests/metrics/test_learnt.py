"""What was not learnt is named, what was learnt is not."""

import json

import pytest

from holdfast import HoldfastError
from holdfast.metrics import AccuracyMatrix, Unlearnt, unlearnt, unlearnt_sentence


def diagonal(*scores, examples=None, **kind):
    m = AccuracyMatrix([f"t{k}" for k in range(len(scores))], **kind)
    for task, score in zip(m.tasks, scores, strict=True):
        m.record(task, after=task, score=score, examples=examples)
    return m


def names(m, *args, **kind):
    return [u.task for u in unlearnt(m, *args, **kind)]


def test_scores_near_or_below_chance_are_named():
    m = diagonal(0.99, 0.54, 0.1, 0.56, examples=2000)
    assert names(m, 0.5) == ["t1", "t2"]
    assert names(m, 0.5, margin=0.5) == ["t1", "t2", "t3"]
    assert names(m, {"t1": 0.1, "t2": 0.1}) == ["t2"], "tasks without a chance level are left out"


def test_tasks_that_cannot_be_judged_are_not_named():
    m = AccuracyMatrix(["a", "b", "c"], chance={"a": 0.5, "b": 0.5, "c": 1.0})
    m.record("a", after="a", score=0.5)
    m.record("b", after="c", score=0.5)
    m.record("c", after="c", score=1.0)
    assert names(m) == ["a"], "b was not evaluated after its training, and guessing suffices for c"


def test_few_examples_do_not_prove_that_a_task_was_learnt():
    assert names(diagonal(0.8, examples=5), 0.5) == ["t0"]
    assert names(diagonal(0.8, examples=50), 0.5) == []
    assert names(diagonal(0.8), 0.5) == []


def test_another_scale_is_judged_alike():
    assert names(diagonal(52, 99, examples=500, score_range=(0, 100)), 50) == ["t0"]
    # From −5 to 5, with guessing at 0: 0.4 is 8 % of the way to 5, and 0.6 is 12 %.
    assert names(diagonal(0.4, 0.6, -3.0, score_range=(-5, 5)), 0) == ["t0", "t2"]
    assert names(diagonal(12.2, 13.5, score_range=(10, 20)), 12) == ["t0"]
    # Guessing at 0.4 gets 8 of 10 right in 1 % of cases, and 5 of 10 in 37 %.
    assert names(diagonal(18, 15, examples=10, score_range=(10, 20)), 14) == ["t1"]


def test_a_matrix_keeps_its_chance_levels_and_old_files_read_without():
    m = diagonal(0.9, 0.11, chance={"t1": 0.1})
    again = AccuracyMatrix.from_json(json.dumps(m.to_json()))
    assert again == m
    assert names(again) == ["t1"]
    old = {k: v for k, v in m.to_json().items() if k != "chance"}
    assert AccuracyMatrix.from_json(old).chance == {}
    assert "chance" not in diagonal(0.9).to_json()


@pytest.mark.parametrize(
    ("chance", "message"),
    [
        (1.5, "possible score"),
        ({"x": 0.1}, "not in the matrix"),
        ("high", "must be a number"),
        (float("nan"), "possible score"),
    ],
)
def test_a_chance_level_that_cannot_be_is_refused(chance, message):
    with pytest.raises(HoldfastError, match=message):
        diagonal(0.9, chance=chance)
    with pytest.raises(HoldfastError, match="margin"):
        unlearnt(diagonal(0.9), 0.5, margin=1)
    with pytest.raises(HoldfastError, match="confidence"):
        unlearnt(diagonal(0.9), 0.5, confidence=95)


@pytest.mark.parametrize("chance", [[0.1], [0.1, "x"], 5, [[0.1], 0.2], [0.1, 1e400]])
def test_a_file_with_damaged_chance_levels_gives_one_clear_error(chance):
    with pytest.raises(HoldfastError):
        AccuracyMatrix.from_json(diagonal(0.9, 0.9).to_json() | {"chance": chance})


def test_the_sentence_names_some_tasks_and_counts_the_others():
    all_of_them = [Unlearnt(f"t{k}", 0.1, 0.1) for k in range(7)]
    text = unlearnt_sentence(all_of_them, 7, unit=100)
    assert text.startswith(
        "nothing was learnt: t0 (score 10.0 after its training, guessing gives 10.0)"
    )
    assert text.endswith("and 2 more")
    assert unlearnt_sentence(all_of_them[:1], 7).startswith("1 of 7 tasks was not learnt")


def test_the_sentence_adds_the_note_of_each_task():
    found = [Unlearnt("x", 0.52, 0.5, "in 2 of 3 seeds")]
    assert unlearnt_sentence(found, 1) == (
        "1 of 1 tasks was not learnt: "
        "x (score 0.52 after its training, guessing gives 0.5, in 2 of 3 seeds)"
    )
