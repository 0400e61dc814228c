"""Intervals: coverage where it can be simulated, agreement of independent ways, labels."""

import math

import numpy as np
import pytest
from scipy import stats

from holdfast import HoldfastError
from holdfast import metrics as h
from holdfast.metrics import AccuracyMatrix


def test_the_seed_interval_is_students():
    v = [0.91, 0.93, 0.90, 0.95]
    i = h.seed_interval(v, 0.9)
    low, high = stats.t.interval(0.9, 3, np.mean(v), stats.sem(v))
    assert (i.low, i.high, i.varies, i.n) == (pytest.approx(low), pytest.approx(high), "seeds", 4)
    assert math.isnan(h.seed_interval([0.5]).low)
    assert math.isnan(h.seed_interval([0.5, float("nan")]).estimate)
    with pytest.raises(HoldfastError):
        h.seed_interval([])
    with pytest.raises(HoldfastError, match="confidence"):
        h.seed_interval([1.0], 95)


def two_rows(before, after, clusters=None):
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", results=before, clusters=clusters)
    m.record("a", after="b", results=after)
    m.record("b", after="b", results=after)
    return m


def test_paired_results_give_the_paired_t_interval():
    rng = np.random.default_rng(0)
    before = rng.random(200) < 0.9
    after = before & (rng.random(200) < 0.95)
    i = h.transfer_interval(two_rows(before, after), "a")
    expected = stats.ttest_1samp(after.astype(float) - before, 0).confidence_interval(0.95)
    assert (i.low, i.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    boot = h.example_interval(two_rows(before, after), h.backward_transfer, resamples=600)
    assert (boot.low, boot.high) == (pytest.approx(i.low, abs=0.01), pytest.approx(i.high, abs=0.01))


def test_clusters_widen_the_interval_as_much_as_they_repeat_examples():
    rng = np.random.default_rng(1)
    before, after = np.ones(50), (rng.random(50) < 0.8).astype(float)
    single = h.transfer_interval(two_rows(before, after), "a")
    users = np.repeat(np.arange(50), 4)  # every example four times: no new information
    fourfold = h.transfer_interval(two_rows(np.repeat(before, 4), np.repeat(after, 4), users), "a")
    assert (fourfold.varies, fourfold.n) == ("clusters", 50)
    assert fourfold.high - fourfold.low == pytest.approx(single.high - single.low, rel=0.02)


def test_counts_alone_give_the_unpaired_interval_and_say_so():
    m = AccuracyMatrix.from_array([[0.9, 0.5], [0.8, 0.9]], orientation="after-by-task", examples=400)
    i = h.transfer_interval(m, 0)
    assert i.varies == "examples (unpaired)"
    assert i.high - i.low == pytest.approx(2 * 1.96 * math.sqrt(0.9 * 0.1 / 400 + 0.8 * 0.2 / 400), rel=1e-3)


def test_wilson_agrees_with_scipy():
    ours, theirs = h.wilson_interval(0.85, 40), stats.binomtest(34, 40).proportion_ci(0.95, "wilson")
    assert (ours.low, ours.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


def test_expected_worst_forgetting_matches_a_simulation():
    rng = np.random.default_rng(2)
    draws = rng.binomial(200, 0.95, (4000, 2, 49)) / 200
    simulated = (draws[:, 0] - draws[:, 1]).max(1).mean()
    m = AccuracyMatrix.from_array(np.full((50, 50), 0.95), orientation="after-by-task", examples=200)
    assert h.expected_worst_forgetting(m) == pytest.approx(simulated, rel=0.05)


def test_the_bootstrap_needs_results():
    m = AccuracyMatrix.from_array([[0.9]], orientation="after-by-task")
    with pytest.raises(HoldfastError, match="results of each example"):
        h.example_interval(m, h.average_accuracy)
