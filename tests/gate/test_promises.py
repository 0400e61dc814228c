"""What the gate promises: adding nothing never helps, and no candidate chooses its test."""

import re

import numpy as np
import pandas as pd
import pytest
from test_judge import CHAMPION, TODAY, judge, scores, side

from holdfast.errors import HoldfastError
from holdfast.gate import Gate
from holdfast.gate.junit import as_junit
from holdfast.gate.policy import policy_from
from holdfast.gate.reading import Side
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.releases import Standing

RANK = {"fail": 0, "inconclusive": 1, "pass": 2}


def paired(before: np.ndarray, after: np.ndarray, **more) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = pd.DataFrame(
        {"task": "a", "example_id": np.arange(len(before)), "score": before, **more}
    )
    return frame, frame.assign(score=after)


def outcome(
    rng: np.random.Generator, n: int, lost: float, won: float
) -> tuple[np.ndarray, np.ndarray]:
    draw = rng.random(n)
    before = np.where(draw < lost, 1.0, np.where(draw < lost + won, 0.0, (rng.random(n) < 0.9)))
    after = np.where(draw < lost, 0.0, np.where(draw < lost + won, 1.0, before))
    return before, after


@pytest.mark.parametrize("seed", range(12))
def test_labels_that_add_nothing_never_help(seed):
    """Clusters and segments of any kind never turn a decision into a better one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 500))
    before, after = outcome(rng, n, rng.choice([0.0, 0.005, 0.02]), rng.choice([0.0, 0.01]))
    plain = judge(*paired(before, after)[::-1], default={"delta": 0.02})
    for labels in (np.arange(n), np.arange(n) % 3, np.zeros(n), np.minimum(np.arange(n), 5)):
        clustered = judge(*paired(before, after, cluster=labels)[::-1], default={"delta": 0.02})
        assert RANK[clustered.decision] <= RANK[plain.decision]
    own = judge(*paired(before, after, cluster=np.arange(n))[::-1], default={"delta": 0.02})
    assert own.tasks[0].p_loses_less == plain.tasks[0].p_loses_less, (
        "a cluster of its own says nothing"
    )
    segmented = judge(
        *paired(before, after, segment=np.arange(n) % 4)[::-1], default={"delta": 0.02}
    )
    if plain.decision != "fail":
        assert RANK[segmented.decision] <= RANK[plain.decision]


@pytest.mark.parametrize(("n", "losses", "delta"), [(150, 1, 0.02), (100, 0, 0.02), (200, 3, 0.03)])
def test_a_score_next_to_one_does_not_change_the_test(n, losses, delta):
    before = np.ones(n)
    after = before - (np.arange(n) < losses)
    exact = judge(*paired(before, after)[::-1], default={"delta": delta})
    assert exact.decision == "inconclusive"
    for value in (0.9999, 0.99, 0.5):
        champion, candidate = paired(before, after)
        champion.loc[n - 1, "score"] = candidate.loc[n - 1, "score"] = value
        assert judge(candidate, champion, default={"delta": delta}).decision == "inconclusive"
        candidate.loc[n - 1, "score"] = min(value, 1.0)
        champion.loc[n - 1, "score"] = 1.0
        assert judge(candidate, champion, default={"delta": delta}).decision == "inconclusive"


def test_a_few_clusters_decide_nothing_and_the_number_that_would_is_named():
    before = np.ones(1000)
    frame = paired(before, before, cluster=np.arange(1000) // 50)
    v = judge(frame[1], frame[0], default={"delta": 0.02})
    row = v.tasks[0]
    assert (row.decision, row.clusters) == ("inconclusive", 20)
    assert row.needed_clusters is not None
    assert row.needed_clusters >= 149, "a cluster that is lost as a whole happens in 2 of 100"
    assert f"about {row.needed_clusters:,} clusters" in row.reason
    one = paired(before, before, cluster=np.zeros(1000))
    alone = judge(one[1], one[0]).tasks[0]
    assert (alone.decision, alone.clusters) == ("inconclusive", 1)
    assert -1 <= alone.low <= alone.high <= 1, "intervals are finite"


def test_a_large_measured_loss_is_never_a_green_pass_and_the_correction_is_named():
    champion = pd.concat(
        [scores(f"t{k}", 95, 100).assign(segment="s") for k in range(12)], ignore_index=True
    )
    candidate = champion.copy()
    lost = (candidate["task"] == "t3") & (candidate.groupby("task").cumcount() < 14)
    candidate.loc[lost, "score"] = 0
    for segments in ("strict", "worse"):
        v = judge(candidate, champion, default={"segments": segments, "delta": 0.05})
        row = next(t for t in v.tasks if t.label == "t3/s")
        assert row.decision in ("inconclusive", "fail")
        assert row.correction == "Holm's correction for 24 comparisons"
        assert row.p_corrected >= row.p_loses_more
        assert (row.high < -0.05) == (row.decision == "fail"), "the corrected end decides"
        assert v.worst.change == pytest.approx(-0.14)
        assert "−14.00 points on t3" in v.headline


def test_decision_and_interval_say_the_same():
    rng = np.random.default_rng(5)
    for _ in range(40):
        before, after = outcome(
            rng, int(rng.integers(50, 900)), rng.choice([0.0, 0.02, 0.06]), 0.01
        )
        row = judge(*paired(before, after)[::-1], default={"delta": 0.03}).tasks[0]
        decided = "pass" if row.low > -0.03 else "fail" if row.high < -0.03 else "inconclusive"
        assert row.decision == decided


def test_warnings_are_corrected_among_themselves_and_do_not_weaken_what_counts():
    rng = np.random.default_rng(0)
    before, after = outcome(rng, 400, 0.07, 0.01)
    alone = judge(*paired(before, after)[::-1], default={"delta": 0.02})
    frames = [paired(before, after)]
    for k in range(30):
        b, a = outcome(rng, 400, 0.02, 0.01)
        frames.append(tuple(f.assign(task=f"w{k}") for f in paired(b, a)))
    champion, candidate = (pd.concat(part, ignore_index=True) for part in zip(*frames, strict=True))
    warned = {f"w{k}": {"critical": False} for k in range(30)}
    v = judge(candidate, champion, default={"delta": 0.02}, tasks=warned)
    row = next(t for t in v.tasks if t.task == "a")
    assert row.p_corrected == alone.tasks[0].p_corrected
    assert (
        next(t for t in v.tasks if t.task == "w0").correction
        == "Holm's correction for 30 comparisons"
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"cluster": np.zeros(2000)},
        {"cluster": np.arange(2000)},
        {"segment": np.arange(2000)},
        {"label": np.arange(2000)},
        {"segment": "x", "cluster": "y", "label": "z"},
    ],
)
def test_columns_of_the_candidate_alone_change_nothing_but_a_warning(columns):
    worse = side(north=(900, 1000), south=(900, 1000, 60))
    plain, dressed = judge(worse), judge(worse.assign(**columns))
    assert dressed.decision == plain.decision == "fail"
    assert dressed.tasks == plain.tasks
    assert len(dressed.warnings) > len(plain.warnings)


def test_what_the_candidate_leaves_out_never_passes_for_being_inconclusive():
    means = pd.DataFrame({"task": ["a"], "score": [0.9], "examples": [10_000]})
    lenient = {"inconclusive": "pass", "unmatched": "ignore"}
    for examples in (0, 1, 20):
        worse = means.assign(score=0.5 if examples != 1 else 1.0, examples=examples)
        v = judge(worse, means, **lenient)
        assert not v.passed
        with pytest.raises(HoldfastError, match="not tested on the same examples"):
            judge(worse, means, inconclusive="pass")
    with pytest.raises(HoldfastError, match="sd"):
        judge(means.assign(sd=1e6, score=0.5), means.assign(sd=0.1), inconclusive="pass")
    spread = judge(means.assign(sd=0.5, score=0.5), means, inconclusive="pass")
    assert spread.decision == "fail", "a deviation of the candidate alone is left aside"
    unshared = judge(means.assign(score=0.5012345), means, inconclusive="pass")
    assert not unshared.passed, "a score that is no share of right answers"
    few = judge(CHAMPION.iloc[[0, 1, 1000, 1001]], CHAMPION, **lenient)
    assert (few.decision, few.passed) == ("inconclusive", False)
    assert "lack what the test needs" in few.reasons[-1]


def test_changes_have_one_sign_everywhere_and_no_negative_zero():
    worse = side(north=(900, 1000), south=(900, 1000, 60))
    v = judge(worse)
    assert v.tasks[0].change == pytest.approx(-0.06)
    assert v.mean_change == pytest.approx(-0.03)
    assert v.headline == "fail; worst change: −6.00 points on south"
    same = judge(CHAMPION)
    assert same.headline == "pass; worst change: 0.00 points on north"
    assert re.search(r"-0\.0\b(?!\d)", str(same.to_json())) is None


def test_a_task_above_its_limit_since_it_was_learnt_is_told_in_points_lost():
    sides = (
        Side(CHAMPION, Standing(0.9, 0.0, {}), release="7"),
        Side(CHAMPION, Standing(0.9, -0.04, {"south": 0.08})),
    )
    v = Gate(policy_from({"default": {"max_cumulative_drop": 0.05}})).judge(*sides, TODAY)
    assert v.reasons == ("south: lost 8.00 points since it was learnt, more than the 5 allowed",)
    assert v.champion_release == "7"


def test_new_tasks_have_a_word_of_their_own():
    v = judge(pd.concat([CHAMPION, scores("east", 700, 1000)]))
    assert (v.decision, v.tasks[-1].decision) == ("pass", "new")
    low = judge(pd.concat([CHAMPION, scores("east", 700, 1000)]), tasks={"east": {"floor": 0.8}})
    assert low.reasons == ("east: is a new task, and its score 0.7000 is below the floor 0.8",)


def test_a_wider_deviation_of_the_candidate_does_not_make_it_pass():
    champion = pd.DataFrame({"task": ["a"], "score": [0.95], "sd": [0.05], "examples": [50]})
    candidate = champion.assign(score=0.85)
    assert not judge(candidate, champion, inconclusive="pass").passed
    assert not judge(candidate.assign(sd=0.34), champion, inconclusive="pass").passed


def test_a_matrix_of_the_candidate_does_not_tell_its_own_baseline():
    def matrix(learnt: float, now: float) -> AccuracyMatrix:
        m = AccuracyMatrix(["a", "b"])
        for task, after, score in (("a", "a", learnt), ("a", "b", now), ("b", "b", 0.9)):
            m.record(task, after=after, score=score, examples=2000)
        return m

    champion, honest, forged = matrix(0.95, 0.93), matrix(0.95, 0.89), matrix(0.9, 0.89)
    for candidate in (honest, forged):
        v = judge(candidate, champion, default={"delta": 0.1, "max_cumulative_drop": 0.05})
        assert v.reasons == ("a: lost 6.00 points since it was learnt, more than the 5 allowed",)


def test_a_row_that_the_policy_lets_pass_is_not_red_in_junit():
    small = side(north=(90, 100), south=(90, 100))
    v = judge(small, small, inconclusive="pass")
    assert v.passed
    assert 'failures="0"' in as_junit(v)


@pytest.mark.parametrize("right", [0, 1, 10, 20])
def test_a_poor_champion_does_not_stop_the_gate(right):
    poor, good = side(north=(right, 1000)), side(north=(900, 1000))
    assert judge(good, poor).decision == "pass"
    assert (
        judge(good, poor, decide_by="figures", whole={"largest_accuracy_drop": 0.02}).decision
        == "pass"
    )


def test_a_warning_about_unmatched_examples_says_what_was_compared():
    ignoring = {"unmatched": "ignore"}
    warning = judge(CHAMPION.iloc[:-7], CHAMPION, **ignoring).warnings[-1]
    assert warning == (
        "south: 7 examples are on one side only (champion only: south-993; candidate only: none), "
        "and only the others were compared"
    )
    means = pd.DataFrame({"task": ["a"], "score": [0.9], "examples": [1000]})
    fewer = judge(means.assign(examples=990), means, **ignoring)
    assert fewer.warnings[-1] == (
        "a: 10 examples are on one side only, so the scores are not those of the same examples"
    )
    unknown = judge(means.assign(examples=0), means, **ignoring)
    told = "the champion was tested on 1,000 examples, the candidate on an unknown number of"
    assert f"a: {told} examples" in unknown.warnings[-1]


def test_an_id_that_holds_the_word_examples_is_shown_as_an_id():
    champion = CHAMPION.assign(example_id="examples-" + CHAMPION["example_id"])
    warning = judge(champion.iloc[:-1], champion, unmatched="ignore").warnings[-1]
    assert warning.startswith("south: 1 example is on one side only (champion only: examples-")
