"""Decisions: what passes, what fails, what the examples do not decide, and what is no input at all."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate import Gate, Policy, template
from holdfast.gate.policy import policy_from, read_policy
from holdfast.gate.results import read_results

TODAY = date(2026, 11, 21)


def scores(task: str, right: int, n: int, wrong_from: int = 0) -> pd.DataFrame:
    """n examples of a task; the first `right` are right, but the first `wrong_from` of those wrong."""
    score = np.array([1] * right + [0] * (n - right))
    score[:wrong_from] = 0
    return pd.DataFrame({"task": task, "example_id": [f"{task}-{k}" for k in range(n)], "score": score})


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
    assert "would, if that is the true drop" in task.reason
    assert judge(side(north=(9, 10), south=(9, 10)), side(north=(9, 10), south=(9, 10))).tasks[0].needed == 30


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
    assert "mean change over tasks -0.50" in judge(down, whole={"lowest_transfer": -0.001}).reasons[0]
    learnt = pd.concat([CHAMPION, scores("east", 700, 1000)])
    assert judge(learnt, whole={"new_task": "east", "least_gain": 0.5}).passed
    assert "below +80.00" in judge(learnt, whole={"new_task": "east", "least_gain": 0.8}).reasons[0]


def test_a_task_that_the_candidate_was_not_tested_on_fails():
    assert judge(side(north=(900, 1000))).reasons == ("south: the candidate was not tested on it",)


def test_examples_on_one_side_only_are_refused_unless_the_policy_ignores_them():
    part = CHAMPION.iloc[:-7]
    with pytest.raises(HoldfastError, match="task 'south': 7 example ids are on one side only"):
        judge(part)
    assert "7 example ids" in judge(part, unmatched="ignore").warnings[-1]


def test_the_order_of_rows_does_not_matter():
    shuffled = CHAMPION.sample(frac=1, random_state=3)
    assert judge(shuffled).to_json() == judge(CHAMPION).to_json()


def test_real_scores_clusters_and_aggregates_are_judged():
    rng = np.random.default_rng(0)
    base = pd.DataFrame({"task": "a", "example_id": range(2000), "score": rng.random(2000), "cluster": np.repeat(range(100), 20)})
    lower = base.assign(score=(base["score"] - 0.1).clip(0, 1))
    assert judge(base, base, default={"delta": 0.05}).decision == "pass"
    v = judge(lower, base, default={"delta": 0.05})
    assert v.decision == "fail"
    assert "100 clusters" in v.tasks[0].method
    means = pd.DataFrame({"task": ["a", "b"], "score": [0.9, 0.8], "examples": [50000, 50000]})
    assert judge(means, means).decision == "pass"
    assert judge(means.assign(score=[0.9, 0.7]), means).decision == "fail"
    assert judge(means.assign(sd=0.2), means.assign(sd=0.2)).tasks[0].method == "Welch's t, unpaired"


def test_holm_protects_many_tasks_from_a_false_alarm():
    rng = np.random.default_rng(1)
    fails = 0
    for _ in range(30):
        rows_a, rows_b = [], []
        for t in range(20):
            p = rng.multinomial(300, [0.05, 0.03, 0.92])  # drop = 2 points = δ on every task
            a = np.r_[np.ones(p[0]), np.zeros(p[1]), np.ones(p[2])]
            b = np.r_[np.zeros(p[0]), np.ones(p[1]), np.ones(p[2])]
            ids = [f"{t}-{k}" for k in range(300)]
            rows_a.append(pd.DataFrame({"task": f"t{t}", "example_id": ids, "score": a}))
            rows_b.append(pd.DataFrame({"task": f"t{t}", "example_id": ids, "score": b}))
        fails += judge(pd.concat(rows_b), pd.concat(rows_a)).decision == "fail"
    assert fails <= 5


def test_the_template_is_the_default_policy(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(template())
    assert read_policy(path) == Policy()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confidence = 2", "confidence: Input should be less than 1, got 2"),
        ("confidense = 0.9", "did you mean 'confidence'"),
        ("[default]\ndelta = 0", "default.delta: Input should be greater than 0"),
        ("[tasks.a]\ndelta = 'x'", "valid number"),
        ("[[waivers]]\ntask = 'a'\nreason = ''\nexpires = 2030-01-01", "waivers.0.reason"),
        ("= 3", "not valid TOML"),
        ("[tasks.nowhere]\ndelta = 0.1", "the policy names task 'nowhere', which neither side has"),
    ],
)
def test_mistakes_in_a_policy_are_one_sentence(tmp_path, text, message):
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(HoldfastError, match=message) as caught:
        Gate.from_policy(path).judge(CHAMPION, CHAMPION, TODAY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("task,example_id\na,1\n", "x.csv", "missing score"),
        ("task,example_id,score\na,1,high\n", "x.csv", "score must be a number, got 'high' in row 1"),
        ("task,example_id,score\na,1,1.5\n", "x.csv", r"scores lie in \[0, 1\]"),
        ("task,example_id,score\na,1,nan\n", "x.csv", "score must be a number"),
        ("task,example_id,score\na,1,1\na,1,0\n", "x.csv", "'a', '1' stands twice"),
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


def test_small_drops_may_not_add_up_over_releases():
    now = side(north=(900, 1000), south=(900, 1000, 5))
    rule = {"delta": 0.02, "max_cumulative_drop": 0.03}
    gate = Gate(policy_from({"default": rule}))
    assert gate.judge(CHAMPION, now, TODAY, {"north": 0.91, "south": 0.91}).decision == "pass"
    late = gate.judge(CHAMPION, now, TODAY, {"north": 0.91, "south": 0.94})
    assert late.reasons == ("south: lost 4.50 points since it was learnt, more than the 3 allowed",)
    with pytest.raises(HoldfastError, match="needs the releases of a ledger"):
        gate.judge(CHAMPION, now, TODAY)
