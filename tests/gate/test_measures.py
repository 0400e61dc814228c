"""Every measure against its definition, its derivative, and the decisions that it leads to."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from holdfast.errors import HoldfastError
from holdfast.gate import Gate
from holdfast.gate.measures import MEASURES, Answers, measure_named
from holdfast.gate.policy import policy_from
from holdfast.gate.statistics import Paired

COUNT = 400


def answers(seed=0, weights=False):
    """Answers of a fair classifier of two classes that also predicts numbers."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, COUNT)
    score = np.clip(0.3 + 0.3 * truth + rng.normal(0, 0.25, COUNT), 0.01, 0.99).round(2)
    weight = rng.uniform(0.5, 2, COUNT) if weights else None
    return Answers(
        COUNT,
        names=("0", "1"),
        truth=truth,
        prediction=(score > 0.5).astype(int),
        probability=score,
        by_class={"0": 1 - score, "1": score},
        weight=weight,
        positive=1,
    )


REFERENCES = {
    "accuracy": lambda a: sklearn.metrics.accuracy_score(
        a.truth, a.prediction, sample_weight=a.weight
    ),
    "balanced_accuracy": lambda a: sklearn.metrics.balanced_accuracy_score(
        a.truth, a.prediction, sample_weight=a.weight
    ),
    "f1_macro": lambda a: sklearn.metrics.f1_score(
        a.truth, a.prediction, average="macro", sample_weight=a.weight
    ),
    "brier": lambda a: sklearn.metrics.brier_score_loss(
        a.truth, a.probability, sample_weight=a.weight
    ),
    "log_loss": lambda a: sklearn.metrics.log_loss(a.truth, a.probability, sample_weight=a.weight),
    "mae": lambda a: sklearn.metrics.mean_absolute_error(
        a.truth, a.prediction, sample_weight=a.weight
    ),
    "rmse": lambda a: sklearn.metrics.root_mean_squared_error(
        a.truth, a.prediction, sample_weight=a.weight
    ),
    "r2": lambda a: sklearn.metrics.r2_score(a.truth, a.prediction, sample_weight=a.weight),
    "f1": lambda a: sklearn.metrics.f1_score(a.truth, a.prediction, sample_weight=a.weight),
    "precision": lambda a: sklearn.metrics.precision_score(
        a.truth, a.prediction, sample_weight=a.weight
    ),
    "recall": lambda a: sklearn.metrics.recall_score(a.truth, a.prediction, sample_weight=a.weight),
    "auc": lambda a: sklearn.metrics.roc_auc_score(a.truth, a.probability, sample_weight=a.weight),
    "ap": lambda a: sklearn.metrics.average_precision_score(
        a.truth, a.probability, sample_weight=a.weight
    ),
}


def selected(measure, found):
    """The answers that count for a measure."""
    chosen = measure.selected(found)
    return found if chosen is None else found.at(chosen)


def test_every_measure_has_a_reference():
    assert set(REFERENCES) == set(MEASURES)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_what_scikit_learn_computes_and_the_mean_of_its_rows(name, weights):
    found = answers(weights=weights)
    measure = measure_named(name)
    values = measure.values(selected(measure, found))
    assert values.value == pytest.approx(REFERENCES[name](found), abs=1e-12)
    assert values.rows.mean() == pytest.approx(values.value, abs=1e-9)
    assert values.lowest - 1e-9 <= values.rows.min()
    assert values.rows.max() <= values.highest + 1e-9


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "recall"])
def test_the_influence_of_an_example_is_the_derivative_by_its_weight(name):
    """The definition: more weight on one example moves the value by its influence."""
    found = answers()
    measure = measure_named(name)
    influence = measure.estimate(found).influence
    step = 1e-5
    for position in range(0, COUNT, 57):
        weight = np.ones(COUNT)
        weight[position] += step * COUNT
        moved = REFERENCES[name](
            Answers(
                COUNT,
                truth=found.truth,
                prediction=found.prediction,
                probability=found.probability,
                weight=weight,
            )
        )
        slope = (moved - REFERENCES[name](found)) / step
        assert slope == pytest.approx(influence[position], rel=2e-3, abs=2e-3)


def test_the_spread_of_an_area_is_that_of_delong():
    """DeLong's variance, from its definition over all pairs of examples."""
    found = answers()
    rows = measure_named("auc").values(found).rows
    positive = found.probability[found.truth == 1]
    negative = found.probability[found.truth == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = wins.mean(1).var(ddof=1) / len(positive) + wins.mean(0).var(ddof=1) / len(negative)
    assert rows.var() / COUNT == pytest.approx(variance, rel=0.01)


def table(seed, spoilt=0.0, **columns):
    """Predictions of 3,000 examples, of which a share has its score drawn anew."""
    rng = np.random.default_rng(1)
    truth = (rng.random(3000) < 0.3).astype(int)
    score = truth + rng.normal(0, 0.7, 3000)
    anew = np.random.default_rng(seed)
    random = anew.normal(0.3, 0.9, 3000)
    score = np.where(anew.random(3000) < spoilt, random, score)
    frame = pd.DataFrame({"id": range(3000), "y_true": truth, "y_score": score})
    frame["y_pred"] = (score > 0.5).astype(int)
    return frame.assign(**columns)


def judged(champion, candidate, **fields):
    """The verdict of a policy with these fields."""
    return Gate(policy_from(fields)).judge(champion, candidate, date(2026, 12, 1))


@pytest.mark.parametrize(
    "metric",
    ["auc", "ap", "f1", "f1_macro", "precision@1", "recall@1", "balanced_accuracy", "accuracy"],
)
def test_a_spoilt_candidate_fails_by_each_metric_and_an_equal_one_passes(metric):
    rule = {"metric": metric, "delta": 0.05}
    spoilt = judged(table(1), table(2, spoilt=0.5), default=rule)
    assert spoilt.decision == "fail", spoilt.reasons
    equal = judged(table(1), table(2, spoilt=0.0), default=rule)
    assert (equal.decision, equal.tasks[0].metric) == ("pass", metric)


@pytest.mark.parametrize("metric", ["rmse", "mae", "brier", "log_loss"])
def test_an_error_that_rises_is_a_change_above_zero(metric):
    def numbers(noise):
        rng = np.random.default_rng(3)
        truth = rng.integers(0, 2, 4000)
        score = np.clip(0.15 + 0.7 * truth + noise * rng.normal(0, 0.05, 4000), 0.02, 0.98)
        return pd.DataFrame({"id": range(4000), "y_true": truth, "y_pred": score, "proba_1": score})

    rule = {"metric": metric, "delta": "20%"}
    if metric in ("brier", "log_loss"):
        good, bad = numbers(0.5).drop(columns="y_pred"), numbers(4.0).drop(columns="y_pred")
    else:
        good, bad = numbers(0.5), numbers(4.0)
    worse = judged(good, bad, default=rule)
    row = worse.tasks[0]
    assert worse.decision == "fail", worse.reasons
    assert row.lower_is_better
    assert (row.unit, row.change > 0.2, row.low > 0.2) == ("percent", True, True)
    better = judged(bad, good, default=rule)
    assert better.decision == "pass", better.reasons
    assert better.tasks[0].change < 0
    json.dumps(better.to_json(), allow_nan=False)


def test_segments_have_a_value_of_their_own():
    segment = np.where(np.arange(3000) % 2, "odd", "even")
    bad_part = table(2, spoilt=0.9)
    mixed = table(1).where(pd.Series(segment == "even"), bad_part)
    verdict = judged(
        table(1, segment=segment),
        mixed.assign(segment=segment),
        default={"metric": "auc", "delta": 0.05},
    )
    decisions = {row.segment: row.decision for row in verdict.tasks}
    assert (decisions["odd"], decisions["even"]) == ("fail", "pass")


def test_a_column_of_ones_own_needs_a_direction_and_a_limit():
    frame = pd.DataFrame({"task": "a", "example_id": range(500), "points": np.arange(500) % 7})
    with pytest.raises(HoldfastError, match="say whether higher or lower"):
        judged(frame, frame, default={"metric": "points"})
    with pytest.raises(HoldfastError, match="set delta"):
        judged(frame, frame, default={"metric": "points", "direction": "higher"})
    rule = {"metric": "points", "direction": "higher", "delta": 1.0, "range": [0.0, 6.0]}
    assert judged(frame, frame, default=rule).decision == "pass"
    lower = frame.assign(points=(frame.points - 3).clip(0))
    assert judged(frame, lower, default=rule).decision == "fail"
    with pytest.raises(HoldfastError, match="declared range ends at 6"):
        judged(frame, frame.assign(points=7.0), default=rule)


def test_without_a_range_a_few_large_differences_decide_nothing():
    rng = np.random.default_rng(0)
    seconds = rng.lognormal(0, 1, 2000)
    slow = seconds.copy()
    slow[7] += 500
    frame = pd.DataFrame({"task": "a", "example_id": range(2000), "seconds": seconds})
    rule = {"metric": "seconds", "direction": "lower", "delta": "50%"}
    verdict = judged(frame, frame.assign(seconds=slow), default=rule)
    assert verdict.decision == "inconclusive"
    assert "no known range" in verdict.reasons[0]
    # Equal costs prove nothing about rare ones either.
    assert judged(frame, frame, default=rule).decision == "inconclusive"
    assert judged(frame, frame.assign(seconds=seconds * 1.1), default=rule).decision == "pass"


def test_a_rare_class_is_too_few_to_judge():
    frame = table(1)
    few = frame[(frame.y_true == 0) | (np.cumsum(frame.y_true) <= 5)]
    verdict = judged(few, few, default={"metric": "auc"})
    assert verdict.decision == "inconclusive"
    assert "5 positive examples" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("change", "decision"), [(1.0, "pass"), (1.3, "fail"), (1.1, "inconclusive")]
)
@pytest.mark.parametrize("name", ["p95_latency_ms", "mean_latency_ms", "total_latency_ms"])
def test_costs_have_the_same_three_verdicts(name, change, decision):
    rng = np.random.default_rng(0)
    latency = rng.gamma(9, 10, 4000)
    noise = rng.normal(1, 0.01, 4000)
    frame = pd.DataFrame({"task": "a", "example_id": range(4000), "score": 1.0})
    verdict = judged(
        frame.assign(latency_ms=latency),
        frame.assign(latency_ms=latency * noise * change),
        cost={name: {"max_increase": "10%"}},
    )
    row = next(row for row in verdict.tasks if row.task == f"cost {name}")
    assert row.decision == decision, row.reason
    assert row.change == pytest.approx(change - 1, abs=0.02)


def test_a_cost_that_the_candidate_does_not_tell_never_passes():
    frame = pd.DataFrame({"task": "a", "example_id": range(2000), "score": 1.0, "price": 2.0})
    noisy = frame.assign(price=np.random.default_rng(0).uniform(1, 3, 2000))
    some = noisy.assign(price=noisy.price.where(noisy.example_id > 3))
    limits = {"cost": {"price": {"max_increase": 0.5}}}
    assert judged(noisy, some, **limits).decision == "inconclusive"
    with pytest.raises(HoldfastError, match="no column price"):
        judged(noisy, frame.drop(columns="price"), **limits)


def test_a_relative_limit_is_that_of_the_linear_combination():
    """By hand: "loses 10 % or more" says that the mean of c - 0.9 b is at most 0."""
    rng = np.random.default_rng(0)
    before = rng.integers(0, 2, 800).astype(float)
    after = np.where(rng.random(800) < 0.02, 1 - before, before)
    frame = pd.DataFrame({"task": "a", "example_id": range(800), "score": before})
    verdict = judged(frame, frame.assign(score=after), default={"delta": "10%"})
    by_hand = Paired(0.9 * before, after, span=1.0).p_loses_less(0.0)
    assert verdict.tasks[0].p_loses_less == pytest.approx(by_hand, rel=1e-6)


def test_whole_rules_refuse_changes_without_a_common_unit():
    frame = pd.DataFrame({"id": range(200), "y_true": np.arange(200.0), "y_pred": 1.0})
    with pytest.raises(HoldfastError, match="another unit"):
        judged(
            frame,
            frame,
            default={"metric": "mae", "delta": 1.0},
            whole={"largest_accuracy_drop": 0.1},
        )


@pytest.mark.parametrize(
    ("metric", "match"),
    [
        ("rmse@1", "takes no @"),
        ("nonsense@1", "unknown metric"),
        ("recall@purple", "unknown class"),
        ("rmse", "needs numbers"),
        ("ap", "y_score"),
    ],
)
def test_a_metric_that_does_not_fit_says_what_it_needs(metric, match):
    frame = pd.DataFrame({"id": range(90), "y_true": ["x", "y", "z"] * 30, "y_pred": "x"})
    if metric == "ap":
        frame = frame[frame.y_true != "z"]
    with pytest.raises(HoldfastError, match=match):
        judged(frame, frame, default={"metric": metric, "delta": 0.5})


def test_repeats_of_an_example_are_one_unit():
    """Ten copies of the same results say no more than one: by scores and by F1."""
    once = table(1)
    often = pd.concat([once.assign(epoch=epoch) for epoch in range(10)], ignore_index=True)
    for rule in ({"delta": 0.05}, {"delta": 0.05, "metric": "f1"}):
        single = judged(once, table(2, spoilt=0.02), default=rule)
        spoilt = table(2, spoilt=0.02)
        repeated = pd.concat([spoilt.assign(epoch=epoch) for epoch in range(10)])
        many = judged(often, repeated.reset_index(drop=True), default=rule)
        assert many.tasks[0].change == pytest.approx(single.tasks[0].change)
        assert many.tasks[0].p_loses_less >= 0.99 * single.tasks[0].p_loses_less
    with pytest.raises(HoldfastError, match='repeats = "average"'):
        judged(often.drop(columns="epoch"), once)
    averaged = judged(often.drop(columns="epoch"), once, repeats="average")
    assert averaged.decision == "pass"


def test_odd_tables_of_predictions_are_read_or_refused():
    frame = table(1)
    auc = {"default": {"metric": "auc"}}
    # Truth values on one side are the numbers of the other, and the champion's labels are enough.
    assert judged(frame.assign(y_true=frame.y_true == 1), frame, **auc).decision == "pass"
    assert judged(frame, frame.drop(columns="y_true"), **auc).decision == "pass"
    with pytest.raises(HoldfastError, match="same weights"):
        judged(frame.assign(weight=1.0), frame.assign(weight=2.0 * frame.id), **auc)
    with pytest.raises(HoldfastError, match="neither a known metric"):
        judged(frame, frame, default={"metric": "points", "direction": "higher", "delta": 1.0})
    with pytest.raises(HoldfastError, match="name a metric"):
        judged(frame.drop(columns="y_pred"), frame.drop(columns="y_pred"))
    # A new task and a task of one class have no champion, or no value.
    new = pd.concat([frame.assign(task="a"), frame.assign(task="b")])
    rows = judged(frame.assign(task="a"), new, **auc).tasks
    assert [(row.task, row.decision) for row in rows] == [("a", "pass"), ("b", "new")]
    single = judged(frame.assign(y_true=1), frame.assign(y_true=1), **auc)
    assert "all of its examples have the class 1" in single.reasons[0]


@pytest.mark.parametrize("metric", ["f1", "precision", "auc", "ap", "f1_macro", "recall@1"])
def test_a_class_without_weight_is_as_good_as_none(metric):
    frame = table(1)
    frame["weight"] = np.where(frame.y_true == 1, 0.0, 1.0)
    verdict = judged(frame, frame, default={"metric": metric})
    assert verdict.decision == "inconclusive"
    assert "cannot be tested" in verdict.reasons[0]
