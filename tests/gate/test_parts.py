"""Parts of tasks: segments and classes are judged by themselves, and none can be hidden."""

import numpy as np
import pandas as pd
import pytest
from test_judge import TODAY, judge, scores

from holdfast.errors import HoldfastError
from holdfast.gate import Gate
from holdfast.gate.policy import policy_from
from holdfast.gate.reading import Side
from holdfast.metrics.releases import Standing

# ---- segments


def segments(low: int, high: int) -> pd.DataFrame:
    """1,000 examples of one task in two segments of 500; how many of each are right."""
    parts = [
        scores("a", right, 500).assign(segment=name)
        for name, right in (("old customers", low), ("new customers", high))
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(example_id=[f"e{k}" for k in range(1000)])


def test_a_segment_that_was_destroyed_fails_while_its_task_rises():
    before, after = segments(450, 400), segments(490, 340)
    plain = judge(
        after.drop(columns="segment"), before.drop(columns="segment"), default={"delta": 0.05}
    )
    assert plain.decision == "pass", "without segments nobody sees it"
    v = judge(after, before, default={"delta": 0.05})
    assert v.reasons == ("a/new customers: loses 12.00 points, more than the 5 allowed",)
    assert (
        judge(after.drop(columns="segment"), before, default={"delta": 0.05}).decision == "fail"
    ), "one side's labels are enough"
    assert judge(after, before, default={"delta": 0.05, "segments": "ignore"}).decision == "pass"
    assert (
        judge(
            after, before, default={"delta": 0.05}, tasks={"a/new customers": {"delta": 0.2}}
        ).decision
        == "pass"
    )
    waiver = {"task": "a/new customers", "reason": "known loss", "expires": TODAY}
    assert judge(after, before, default={"delta": 0.05}, waivers=[waiver]).decision == "pass"
    with pytest.raises(HoldfastError, match="a different segment on each side"):
        judge(after.assign(segment="x"), before)


def test_a_segment_passes_only_if_it_is_shown_to_keep_its_limit_or_the_policy_lets_it():
    same = segments(450, 400)
    strict = judge(same, same, default={"delta": 0.005})
    assert strict.decision == "inconclusive"
    assert {v.label: v.decision for v in strict.tasks} == {
        "a": "pass",
        "a/old customers": "inconclusive",
        "a/new customers": "inconclusive",
    }
    worse = judge(same, same, default={"delta": 0.005, "segments": "worse"})
    assert worse.decision == "pass"
    assert [v.decision for v in worse.tasks] == ["pass", "inconclusive", "inconclusive"], (
        "never a green pass"
    )
    assert sum("not shown to be within the limit" in w for w in worse.warnings) == 2
    ignored = judge(same, same, default={"delta": 0.005, "segments": "ignore"})
    assert [v.label for v in ignored.tasks] == ["a"]
    assert judge(same, same, default={"delta": 0.01}).decision == "pass", "500 examples show it"


def test_a_segment_has_a_cumulative_limit_of_its_own():
    frame = pd.concat(
        [
            scores("a", 450, 500).assign(segment=s, example_id=[f"{s}{k}" for k in range(500)])
            for s in "xy"
        ]
    )
    now = Standing(0.9, 0.0, {"a": 0.01}, {"a/x": 0.08})
    sides = Side(frame, Standing(0.9, 0.0, {})), Side(frame, now)
    policy = {"tasks": {"a/x": {"max_cumulative_drop": 0.05}, "a/y": {"max_cumulative_drop": 0.05}}}
    v = Gate(policy_from(policy)).judge(*sides, TODAY)
    assert v.reasons == ("a/x: lost 8.00 points since it was learnt, more than the 5 allowed",)
    with pytest.raises(HoldfastError, match="max_cumulative_drop"):
        judge(frame, frame, **policy)


# ---- classes


def rare(n: int = 20_000, share: float = 0.01) -> pd.DataFrame:
    label = (np.arange(n) < share * n).astype(int)
    return pd.DataFrame(
        {"task": "transfer", "example_id": np.arange(n), "score": 1, "label": label}
    )


def test_a_rare_class_is_warned_of_and_its_recall_is_judged():
    champion = rare()
    candidate = champion.assign(score=np.where(np.arange(20_000) < 144, 0, 1))
    blind = judge(candidate.drop(columns="label"), champion.drop(columns="label"))
    assert blind.decision == "pass"
    assert "misses a whole rare class" in blind.warnings[0]
    v = judge(candidate, champion)
    assert v.reasons == ("transfer, class 1: loses 72.00 points, more than the 2 allowed",)
    assert any("rare classes (transfer: 1)" in w for w in v.warnings)
    assert [(t.class_label, t.decision) for t in v.tasks] == [
        ("", "pass"),
        ("1", "fail"),
        ("0", "pass"),
    ]
    unchanged = judge(champion, champion)
    assert unchanged.decision == "pass", "a recall that shows nothing is a warning by default"
    strict = judge(champion.iloc[:400], champion.iloc[:400], default={"classes": "strict"})
    assert strict.decision == "pass"
    by_segment = judge(
        candidate.rename(columns={"label": "segment"}),
        champion.rename(columns={"label": "segment"}),
    )
    assert by_segment.decision == "fail"
    assert any("small segments (transfer: 1)" in w for w in by_segment.warnings)


def test_an_area_that_falls_is_said_even_if_the_right_answers_stay():
    rng = np.random.default_rng(0)
    champion = rare().assign(probability=lambda f: 0.4 * f["label"] + 0.1 * rng.random(len(f)))
    candidate = champion.assign(probability=0.4 * rng.random(len(champion)))
    v = judge(candidate, champion)
    assert v.decision == "pass"
    assert any("the area under the ROC curve fell from 1.000 to 0.5" in w for w in v.warnings)


def test_one_score_between_0_and_1_does_not_stop_the_judging_by_class():
    n = 5000
    label = np.where(np.arange(n) < 200, "fraud", "ok")
    champion = pd.DataFrame({"task": "a", "example_id": range(n), "score": 1.0, "label": label})
    candidate = champion.copy()
    candidate.loc[:100, "score"] = 0.0
    for value in (1.0, 0.99, 0.5):
        candidate.loc[n - 1, "score"] = value
        assert judge(candidate, champion).decision == "fail"
    candidate.loc[:100, "score"] = 0.00001
    assert judge(candidate, champion).decision == "fail"


def test_a_class_that_the_candidate_leaves_out_fails_even_if_ids_may_be_missing():
    champion = rare(2_000, 0.1)
    v = judge(champion[champion["label"] == 0], champion, unmatched="ignore")
    assert (
        v.reasons[0]
        == "transfer, class 1: the candidate was not tested on it, although the champion was"
    )


def test_a_part_that_the_candidate_thinned_out_is_not_passed_over():
    champion = rare(2_000, 0.05)
    few = champion[(champion["label"] == 0) | (champion["example_id"] == 0)]
    v = judge(few, champion, unmatched="ignore")
    assert (v.decision, v.passed) == ("inconclusive", False)
    parts = pd.DataFrame(
        {
            "task": "a",
            "segment": ["", "x"],
            "score": [0.9, 0.9],
            "sd": [0.05, 0.05],
            "examples": [5000, 50],
        }
    )
    wide = parts.assign(score=[0.9, 0.8], sd=[0.05, 0.2])
    lenient = {"default": {"segments": "worse"}}
    assert judge(parts.assign(score=[0.9, 0.8]), parts, **lenient).decision == "fail"
    assert judge(wide, parts, **lenient).decision == "inconclusive"


def test_one_row_of_the_champion_does_not_switch_off_the_check_of_scores():
    n = 2000
    label = np.where(np.arange(n) < 200, 1, 0)
    champion = pd.DataFrame(
        {"task": "a", "example_id": range(n), "score": 1, "label": label, "prediction": label}
    )
    champion.loc[0, "score"] = 0
    wrong = np.where(np.arange(n) < 40, 0, label)
    with pytest.raises(HoldfastError, match="say what label and prediction say"):
        judge(champion.assign(score=1, prediction=wrong), champion)
