"""Decisions: what passes, what fails, what the examples do not decide, and what is no input."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate import Gate
from holdfast.gate.policy import policy_from
from holdfast.gate.reading import Side, read_results, read_side
from holdfast.metrics import AccuracyMatrix, average_accuracy, backward_transfer, worst_forgetting
from holdfast.metrics.releases import Standing

TODAY = date(2026, 11, 21)


def scores(task: str, right: int, n: int, wrong_from: int = 0) -> pd.DataFrame:
    """n examples of a task: `right` of them are right, without the first `wrong_from`."""
    score = np.array([1] * right + [0] * (n - right))
    score[:wrong_from] = 0
    return pd.DataFrame(
        {"task": task, "example_id": [f"{task}-{k}" for k in range(n)], "score": score}
    )


def side(**tasks):
    return pd.concat([scores(t, *v) for t, v in tasks.items()], ignore_index=True)


CHAMPION = side(north=(900, 1000), south=(900, 1000))


def judge(candidate, champion=CHAMPION, **policy):
    return Gate(policy_from(policy)).judge(champion, candidate, TODAY)


def test_the_same_model_passes():
    v = judge(CHAMPION)
    assert (v.decision, v.passed, v.reasons) == ("pass", True, ())
    assert v.mean_change == 0


def test_one_segment_that_was_destroyed_fails_while_the_average_rises():
    v = judge(side(north=(990, 1000), south=(900, 1000, 60)))
    assert v.decision == "fail"
    assert v.mean_change > 0
    assert v.tasks[0].task == "south"
    assert v.reasons == ("south: loses 6.00 points, more than the 2 allowed",)


def test_few_examples_do_not_decide_and_say_how_many_would():
    small = side(north=(90, 100), south=(90, 100))
    v = judge(side(north=(90, 100, 1), south=(90, 100)), small)
    assert v.decision == "inconclusive"
    assert not v.passed
    assert judge(small, small, inconclusive="pass").passed
    task = next(t for t in v.tasks if t.task == "north")
    assert task.needed > 100
    assert "could, if this is the true change" in task.reason
    assert (
        judge(side(north=(9, 10), south=(9, 10)), side(north=(9, 10), south=(9, 10)))
        .tasks[0]
        .needed
        == 30
    )


def test_rules_of_single_tasks_floors_and_warnings():
    worse = side(north=(900, 1000), south=(900, 1000, 60))
    assert judge(worse, tasks={"south": {"delta": 0.2}}).decision == "pass"
    warned = judge(worse, tasks={"south": {"critical": False}})
    assert warned.decision == "pass"
    assert "south: loses" in warned.warnings[0]
    assert "below the floor 0.95" in judge(CHAMPION, default={"floor": 0.95}).reasons[0]


def test_waivers_hold_until_their_last_day():
    worse = side(north=(900, 1000), south=(900, 1000, 60))
    waiver = {"task": "south", "reason": "labels of July", "expires": TODAY}
    held = judge(worse, waivers=[waiver])
    assert held.passed
    assert "waived: labels of July" in held.warnings[0]
    late = judge(worse, waivers=[waiver | {"expires": date(2026, 11, 20)}])
    assert late.decision == "fail"
    assert "expired on 2026-11-20" in late.warnings[-1]


def test_rules_on_the_whole():
    down = side(north=(900, 1000, 5), south=(900, 1000, 5))
    assert (
        "the mean change over old tasks is −0.50 points"
        in judge(down, whole={"lowest_transfer": -0.001}).reasons[0]
    )
    learnt = pd.concat([CHAMPION, scores("east", 700, 1000)])
    assert judge(learnt, whole={"new_task": "east", "least_gain": 0.5}).passed
    assert (
        "below the gain of +80.00"
        in judge(learnt, whole={"new_task": "east", "least_gain": 0.8}).reasons[0]
    )


def test_a_task_that_the_candidate_was_not_tested_on_fails():
    assert judge(side(north=(900, 1000))).reasons == (
        "south: the candidate was not tested on it, although the champion was",
    )


def test_examples_on_one_side_only_are_refused_unless_the_policy_ignores_them():
    part = CHAMPION.iloc[:-7]
    with pytest.raises(
        HoldfastError,
        match=r"task 'south': 7 examples are on one side only \(champion only: south-993;",
    ):
        judge(part)
    assert "7 examples are on one side only" in judge(part, unmatched="ignore").warnings[-1]


def test_the_order_of_rows_does_not_matter():
    shuffled = CHAMPION.sample(frac=1, random_state=3)
    assert judge(shuffled).to_json() == judge(CHAMPION).to_json()


def test_real_scores_clusters_and_aggregates_are_judged():
    rng = np.random.default_rng(0)
    base = pd.DataFrame(
        {
            "task": "a",
            "example_id": range(2000),
            "score": rng.random(2000),
            "cluster": np.repeat(range(100), 20),
        }
    )
    lower = base.assign(score=(base["score"] - 0.1).clip(0, 1))
    assert judge(base, base, default={"delta": 0.05}).decision == "pass"
    v = judge(lower, base, default={"delta": 0.05})
    assert v.decision == "fail"
    assert "100 clusters" in v.tasks[0].method
    means = pd.DataFrame({"task": ["a", "b"], "score": [0.9, 0.8], "examples": [50000, 50000]})
    assert judge(means, means).decision == "pass"
    assert judge(means.assign(score=[0.9, 0.7]), means).decision == "fail"
    assert (
        judge(means.assign(sd=0.2), means.assign(sd=0.2))
        .tasks[0]
        .method.startswith("melded bounds")
    )


def test_holm_protects_many_tasks_from_a_false_alarm():
    rng = np.random.default_rng(1)
    names = [f"t{t}" for t in range(20)]
    rows = pd.DataFrame({"task": np.repeat(names, 300), "example_id": range(6000)})
    fails = 0
    for _ in range(30):
        before, after = [], []
        for _ in range(20):
            p = rng.multinomial(300, [0.05, 0.03, 0.92])  # drop = 2 points = δ on every task
            before.append(np.r_[np.ones(p[0]), np.zeros(p[1]), np.ones(p[2])])
            after.append(np.r_[np.zeros(p[0]), np.ones(p[1]), np.ones(p[2])])
        champion = rows.assign(score=np.concatenate(before))
        candidate = rows.assign(score=np.concatenate(after))
        fails += judge(candidate, champion).decision == "fail"
    assert fails <= 5


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("task,example_id\na,1\n", "x.csv", "missing score"),
        (
            "task,example_id,score\na,1,high\n",
            "x.csv",
            "score must be a number, got 'high' in row 1",
        ),
        (
            "task,example_id,score\na,1,1.5\n",
            "x.csv",
            r"scores lie in \[0, 1\], and higher is better, but score is 1.5",
        ),
        ("task,example_id,score\na,1,nan\n", "x.csv", "score must be a number"),
        ("task,example_id,score\na,1,1\na,1,0\n", "x.csv", "there are several for 'a', '1'"),
        ("task,example_id,score\n", "x.csv", "no rows"),
        ("task,example_id,score\n,1,1\n", "x.csv", "task is empty in row 1"),
        ("", "x.csv", "not readable as CSV"),
        ("{", "x.jsonl", "not readable as JSON lines"),
        ("nonsense", "x.parquet", "not readable as Parquet"),
        ("x", "x.xls", "expected a file ending in"),
    ],
)
def test_mistakes_in_results_are_one_sentence(tmp_path, content, name, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(HoldfastError, match=message) as caught:
        read_results(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_means_that_are_no_shares_of_right_answers_need_their_deviation():
    means = pd.DataFrame({"task": ["a"], "score": [0.91234567], "examples": [50000]})
    v = judge(means, means)
    assert (v.decision, v.tasks[0].change) == ("inconclusive", 0)
    assert "give their standard deviations in the column sd" in v.reasons[0]
    assert judge(means.assign(sd=0.1), means.assign(sd=0.1)).decision == "pass"
    assert judge(means.assign(score=0.91234), means.assign(score=0.91234)).decision == "pass", (
        "45617 of 50000"
    )
    assert (
        "the number of examples is unknown"
        in judge(means.assign(examples=0), means.assign(examples=0)).reasons[0]
    )


def matrix(*rows, counts=2000, results=False) -> AccuracyMatrix:
    m = AccuracyMatrix(["a", "b", "c"])
    for after, row in zip("abc", rows, strict=True):
        for task, score in zip("abc", row, strict=False):
            single = np.arange(counts) < score * counts
            m.record(
                task,
                after=after,
                **(
                    {"results": single.astype(float)}
                    if results
                    else {"score": score, "examples": counts}
                ),
            )
    return m


GOOD, BAD = [(0.9,), (0.9, 0.9), (0.89, 0.9, 0.9)], [(0.9,), (0.7, 0.9), (0.8, 0.9, 0.99)]


@pytest.mark.parametrize("results", [False, True])
def test_matrices_are_judged_by_their_last_row(tmp_path, results):
    champion, candidate = matrix(*GOOD, results=results), matrix(*BAD, results=results)
    v = judge(candidate, champion, default={"delta": 0.03})
    assert [t.decision for t in v.tasks] == ["fail", "pass", "pass"]
    assert v.champion_standing.transfer == pytest.approx(backward_transfer(champion))
    assert v.candidate_standing.accuracy == pytest.approx(average_accuracy(candidate))
    assert max(v.candidate_standing.forgetting.values()) == pytest.approx(
        worst_forgetting(candidate)
    )
    assert v.tasks[0].method.startswith("Gaffke" if results else "melded")
    (tmp_path / "a.json").write_text(json.dumps(champion.to_json()))
    (tmp_path / "b.json").write_text(json.dumps({"matrix": candidate.to_json(), "config": {}}))
    read = Gate(policy_from({"default": {"delta": 0.03}})).judge(
        tmp_path / "a.json", tmp_path / "b.json", TODAY
    )
    assert read.tasks == v.tasks
    if not results:
        champion.to_csv(tmp_path / "a.csv")
        candidate.to_csv(tmp_path / "b.csv")
        assert (
            Gate(policy_from({"default": {"delta": 0.03}}))
            .judge(tmp_path / "a.csv", tmp_path / "b.csv", TODAY)
            .tasks
            == v.tasks
        )


def test_the_simple_policy_takes_figures_and_says_what_it_needs():
    gate = Gate.from_policy("simple")
    assert gate.judge(matrix(*GOOD), matrix(*GOOD), TODAY).decision == "pass"
    v = gate.judge(matrix(*GOOD), matrix(*BAD), TODAY)
    assert v.reasons[0] == "a: lost 10.00 points since it was learnt, more than the 5 allowed"
    assert v.reasons[1] == "BWT is 4.50 points below the champion's, more than the 3 allowed"
    assert "a: loses 9.00 points, more than the 2 allowed" in v.warnings
    lower = [tuple(x - 0.03 for x in row) for row in GOOD]
    assert gate.judge(matrix(*GOOD), matrix(*lower), TODAY).reasons == (
        "ACC over the tasks of both sides changed by −3.00 points, "
        "but a loss of at most 2 is allowed",
    )
    few = gate.judge(matrix(*GOOD, counts=100), matrix(*GOOD, counts=100), TODAY)
    assert few.decision == "pass", "what is wrong with it: 100 examples show nothing"
    assert "100 examples cannot show a loss below 2 points" in few.warnings[1]
    assert {t.decision for t in few.tasks} == {"inconclusive"}, (
        "nothing that is not shown is called a pass"
    )
    with pytest.raises(
        HoldfastError,
        match=r"whole.worst_forgetting limits what was lost since .* or use --ledger",
    ):
        gate.judge(CHAMPION, CHAMPION, TODAY)


def test_a_matrix_without_its_last_row_is_refused():
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", score=0.9)
    m.record("b", after="b", score=0.9)
    with pytest.raises(HoldfastError, match="task 'a' was not evaluated after the last task 'b'"):
        judge(m, m)


def test_small_drops_may_not_add_up_over_releases():
    now = side(north=(900, 1000), south=(900, 1000, 5))
    gate = Gate(policy_from({"default": {"delta": 0.02, "max_cumulative_drop": 0.03}}))

    def standing(**lost):
        return Side(CHAMPION, Standing(0.9, 0.0, {})), Side(now, Standing(0.9, 0.0, lost))

    assert gate.judge(*standing(north=0.01, south=0.015), TODAY).decision == "pass"
    late = gate.judge(*standing(north=0.01, south=0.045), TODAY)
    assert late.reasons == ("south: lost 4.50 points since it was learnt, more than the 3 allowed",)
    with pytest.raises(HoldfastError, match="give accuracy matrices, or use --ledger"):
        gate.judge(CHAMPION, now, TODAY)


def test_an_example_without_a_score_says_why_it_is_missing():
    unscored = {("south", "the provider failed"): 7}
    part = replace(read_side(CHAMPION.iloc[:-7]), unscored=unscored)
    with pytest.raises(HoldfastError, match="7 rows of the candidate have no score: the provider"):
        judge(part)
