"""Intervals over test examples: exact bounds, the gate's bounds, and cases without a width."""

import math

import numpy as np
import pytest
from scipy import stats

from holdfast import HoldfastError
from holdfast import metrics as h
from holdfast.gate.statistics import Aggregated, Paired
from holdfast.metrics import AccuracyMatrix

METRICS = (
    h.backward_transfer,
    h.average_accuracy,
    h.forgetting,
    h.worst_forgetting,
    h.learning_accuracy,
)


def two_rows(before, after, clusters=None, score_range=(0.0, 1.0)):
    m = AccuracyMatrix(["a", "b"], score_range=score_range)
    m.record("a", after="a", results=before, clusters=clusters)
    m.record("a", after="b", results=after)
    m.record("b", after="b", results=after)
    return m


def stream(rng, clusters, tasks=3, n=60, loss=0.1):
    """Tasks that lose some examples; `clusters(task, k)` names the cluster of example k."""
    m = AccuracyMatrix([f"t{k}" for k in range(tasks)])
    for j, task in enumerate(m.tasks):
        right = rng.random(n) < 0.9
        names = [clusters(j, k) for k in range(n)]
        for after in m.tasks[j:]:
            m.record(task, after=after, results=right, clusters=names)
            right = right & (rng.random(n) >= loss)
    return m


def test_with_losses_alone_the_bounds_are_those_of_clopper_and_pearson():
    after = np.arange(200) >= 3
    i = h.transfer_interval(two_rows(np.ones(200), after), "a")
    exact = stats.binomtest(3, 200).proportion_ci(0.95, "exact")
    assert i.low == pytest.approx(-exact.high, abs=3e-4)


@pytest.mark.parametrize(
    "clusters", [None, np.arange(120) // 6, np.minimum(np.arange(120) // 4, 9)]
)
@pytest.mark.parametrize("real", [False, True])
def test_paired_bounds_are_those_of_the_gate(clusters, real):
    rng = np.random.default_rng(0)
    before, after = rng.random((2, 120))
    if not real:
        before = (before < 0.8).astype(float)
        after = (after < 0.8).astype(float)
    i = h.transfer_interval(two_rows(before, after, clusters), "a")
    units = Paired(before, after, clusters)
    units._units = units._units[-1:]  # the gate also asks for the examples, whichever is wider
    low, high = units.interval(0.025, 0.025)
    assert i.low == pytest.approx(low, abs=4e-3)
    assert i.high == pytest.approx(high, abs=4e-3)


def test_counts_alone_give_the_bounds_of_the_gate_and_say_that_they_are_unpaired():
    m = AccuracyMatrix.from_array(
        [[0.9, 0.5], [0.8, 0.9]], orientation="after-by-task", examples=400
    )
    i = h.transfer_interval(m, 0)
    low, high = Aggregated((0.9, None, 400), (0.8, None, 400)).interval(0.025, 0.025)
    assert i.varies == "examples (unpaired)"
    assert i.low == pytest.approx(low, abs=1e-3)
    assert i.high == pytest.approx(high, abs=1e-3)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("clusters", [None, np.arange(200) // 20, np.arange(200) // 100])
def test_no_change_in_the_sample_is_not_taken_for_certainty(score, clusters):
    same = np.full(200, score)
    i = h.transfer_interval(two_rows(same, same, clusters), "a")
    units = 200 if clusters is None else len(set(clusters))
    exact = 1 - 0.025 ** (1 / units)  # the largest share of which none may well be seen
    assert i.low == pytest.approx(-exact, rel=0.02)
    assert i.high == pytest.approx(exact, rel=0.02)
    assert "±" in f"{i:.3f}" or "to" in f"{i:.3f}"


def test_another_scale_gives_the_same_interval_in_its_units():
    rng = np.random.default_rng(1)
    before, after = rng.random((2, 80))
    one = h.transfer_interval(two_rows(before, after), "a")
    ten = h.transfer_interval(two_rows(10 * before - 5, 10 * after - 5, score_range=(-5, 5)), "a")
    assert (ten.low, ten.high) == pytest.approx((10 * one.low, 10 * one.high), rel=1e-6)


def test_another_scale_gives_the_same_unpaired_interval_in_its_units():
    found = []
    for before, after, score_range in ((0.8, 0.6, (0, 1)), (4.0, 2.0, (-4, 6))):
        m = AccuracyMatrix(["a", "b"], score_range=score_range)
        m.record("a", after="a", score=before, examples=50)
        m.record("a", after="b", score=after, examples=50)
        found.append(h.transfer_interval(m, "a"))
    one, ten = found
    assert (ten.low, ten.high) == pytest.approx((10 * one.low, 10 * one.high), rel=1e-6)
    assert one.low < ten.estimate / 10 < one.high


def test_clusters_count_for_what_they_are_however_often_they_repeat_an_example():
    rng = np.random.default_rng(1)
    before, after = np.ones(50), (rng.random(50) < 0.8).astype(float)
    single = h.transfer_interval(two_rows(before, after), "a")
    users = np.repeat(np.arange(50), 4)  # every example four times: no new information
    fourfold = h.transfer_interval(two_rows(np.repeat(before, 4), np.repeat(after, 4), users), "a")
    assert (fourfold.varies, fourfold.n) == ("clusters", 50)
    assert fourfold.high - fourfold.low == pytest.approx(single.high - single.low, rel=0.05)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"results": [1, 0, 1], "clusters": ["u", "u", "u"]}, "one cluster"),
        ({"results": [1]}, "one example"),
        ({"score": 0.9}, "number of test examples is not known"),
    ],
)
def test_what_gives_no_interval_says_why(record, reason):
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", **record)
    m.record("a", after="b", **record)
    i = h.transfer_interval(m, "a")
    assert (i.estimate, i.known) == (0, False)
    assert reason in i.reason
    assert "not evaluated both times" in h.transfer_interval(AccuracyMatrix(["a", "b"]), "a").reason


OWN_CLUSTERS = {
    "each cluster in one task": lambda j, k: f"t{j}d{k % 4}",
    "two clusters in each task": lambda j, k: f"t{j}d{k % 2}",
    "every cluster in all tasks": lambda j, k: f"d{k % 8}",
    "some clusters in two tasks": lambda j, k: f"d{k % 5 + 3 * j}",
    "one large cluster in each task": lambda j, k: f"t{j}" if k < 50 else f"t{j}k{k}",
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("clusters", OWN_CLUSTERS.values(), ids=OWN_CLUSTERS)
def test_every_metric_has_bounds_wherever_clusters_live(metric, clusters):
    m = stream(np.random.default_rng(3), clusters)
    i = h.example_interval(m, metric, resamples=100)
    assert i.known, i.reason
    assert i.low < i.estimate < i.high
    assert i.varies == "clusters"


def test_a_task_of_one_cluster_is_named_but_only_if_the_metric_reads_it():
    m = stream(np.random.default_rng(3), lambda j, k: f"t{j}" if j == 2 else f"t{j}d{k % 5}")
    refused = h.example_interval(m, h.average_accuracy, resamples=100)
    assert not refused.known
    assert "'t2' has one cluster" in refused.reason
    assert h.example_interval(m, h.backward_transfer, resamples=100).known, (
        "the last task has no transfer"
    )


def test_clusters_that_span_tasks_are_drawn_together():
    """Shared users make the losses of tasks rise and fall together, so their mean varies more."""
    rng = np.random.default_rng(4)
    bad = rng.random(40) < 0.3
    shared, own = AccuracyMatrix(range(5)), AccuracyMatrix(range(5))
    for j in range(5):
        for m, names in ((shared, range(40)), (own, [f"{j}/{k}" for k in range(40)])):
            m.record(j, after=j, results=np.ones(40), clusters=list(names))
            if j < 4:
                m.record(j, after=4, results=~bad)
    one, five = (h.example_interval(m, h.backward_transfer, resamples=400) for m in (own, shared))
    assert five.high - five.low > 1.5 * (one.high - one.low)


def test_the_bootstrap_of_one_task_is_the_interval_of_its_transfer():
    rng = np.random.default_rng(0)
    before = rng.random(200) < 0.9
    m = two_rows(before, before & (rng.random(200) < 0.95))
    i = h.transfer_interval(m, "a")
    boot = h.example_interval(m, h.backward_transfer, resamples=3000)
    assert boot.low == pytest.approx(i.low, abs=0.004)
    assert boot.high == pytest.approx(i.high, abs=0.004)


def test_bounds_of_a_maximum_make_up_for_its_bias():
    """The largest of nine noisy losses is far above 0, though no task has lost anything."""
    rng = np.random.default_rng(0)
    m = AccuracyMatrix(range(10))
    for j in range(10):
        m.record(j, after=j, results=rng.random(100) < 0.9)
        if j < 9:
            m.record(j, after=9, results=rng.random(100) < 0.9)
    i = h.example_interval(m, h.worst_forgetting, resamples=100)
    assert i.estimate > 0.05
    assert -0.3 < i.low < 0
    # Downwards, a minimum is biased as much.
    down = h.example_interval(m, lambda x: -h.worst_forgetting(x), resamples=100)
    assert 0 < down.high < 0.3
    # A mean has no bias, so only its own noise is in the bounds.
    mean = h.example_interval(m, h.backward_transfer, resamples=200)
    error = np.sqrt(0.9 * 0.1 * 2 / 100 / 9)
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_a_metric_that_is_not_known_is_refused_with_its_reason():
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", results=[1, 0, 1])
    m.record("b", after="b", results=[1, 0, 1])
    unknown = h.example_interval(m, h.backward_transfer, resamples=100)
    assert math.isnan(unknown.low)
    assert "was not evaluated" in unknown.reason
    m.record("a", after="b", results=[1, 0, 1])

    def undefined(x):
        return 1.0 if x.score("a", after="a") > 0.6 else float("nan")

    assert "not defined in" in h.example_interval(m, undefined, resamples=100).reason
    with pytest.raises(HoldfastError, match="at least 100"):
        h.example_interval(m, h.backward_transfer, resamples=10)
    bare = AccuracyMatrix.from_array([[0.9]], orientation="after-by-task")
    with pytest.raises(HoldfastError, match="results of each example"):
        h.example_interval(bare, h.average_accuracy)


def test_the_same_seed_gives_the_same_bounds():
    m = stream(np.random.default_rng(3), lambda j, k: k % 7)
    one, two = (h.example_interval(m, h.forgetting, resamples=100, seed=5) for _ in range(2))
    assert (one.low, one.high) == (two.low, two.high)


def test_results_of_one_of_both_models_are_compared_by_their_counts():
    m = AccuracyMatrix(["a", "b", "c"])
    m.record("a", after="a", results=[1] * 80 + [0] * 20)
    m.record("a", after="c", score=0.6, examples=300)
    m.record("b", after="b", results=[1] * 50)
    m.record("b", after="c", results=[1] * 46 + [0] * 4)
    i = h.transfer_interval(m, "a")
    assert (i.varies, i.n, i.estimate) == ("examples (unpaired)", 100, pytest.approx(-0.2))
    # The largest of two normal variables with mean 0 is √((σ₁² + σ₂²) / 2π) on average. The pooled
    # share of a is 0.65, and 4 of the 50 examples of b changed.
    unpaired = 0.65 * 0.35 * (1 / 100 + 1 / 300)
    expected = math.sqrt((unpaired + 4 / 50**2) / (2 * math.pi))
    assert h.expected_worst_forgetting(m) == pytest.approx(expected, rel=1e-3)


def test_expected_worst_forgetting_matches_a_simulation_of_counts_and_of_pairs():
    rng = np.random.default_rng(2)
    draws = rng.binomial(200, 0.95, (4000, 2, 49)) / 200
    simulated = (draws[:, 0] - draws[:, 1]).max(1).mean()
    m = AccuracyMatrix.from_array(
        np.full((50, 50), 0.95), orientation="after-by-task", examples=200
    )
    assert h.expected_worst_forgetting(m) == pytest.approx(simulated, rel=0.05)

    def pairs():  # in each task 2 % of the examples are lost and 2 % won
        change = rng.choice([-1, 0, 1], (20, 300), p=[0.02, 0.96, 0.02])
        return (change < 0).astype(float), (change > 0).astype(float)

    expected = []
    largest = []
    for _ in range(40):
        m = AccuracyMatrix(range(20))
        for j, (lost, won) in enumerate(zip(*pairs(), strict=True)):
            m.record(j, after=j, results=lost)
            if j < 19:
                m.record(j, after=19, results=won)
        expected.append(h.expected_worst_forgetting(m))
        largest.append(h.worst_forgetting(m))
    assert np.mean(expected) == pytest.approx(np.mean(largest), rel=0.1)
