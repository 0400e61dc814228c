"""Intervals over seeds, Wilson's interval, and how an interval is printed."""

import math

import numpy as np
import pytest
from scipy import stats

from holdfast import HoldfastError
from holdfast import metrics as h
from holdfast.metrics import Interval


def test_the_seed_interval_is_students():
    v = [0.91, 0.93, 0.90, 0.95]
    i = h.seed_interval(v, 0.9)
    low, high = stats.t.interval(0.9, 3, np.mean(v), stats.sem(v))
    assert (i.low, i.high) == pytest.approx((low, high))
    assert (i.varies, i.n, i.reason) == ("seeds", 4, "")
    with pytest.raises(HoldfastError):
        h.seed_interval([])
    with pytest.raises(HoldfastError, match="confidence"):
        h.seed_interval([1.0], 95)


def test_one_seed_and_an_unknown_value_give_no_interval_and_a_reason():
    one = h.seed_interval([0.5])
    assert (one.estimate, one.known, f"{one:.1f}") == (0.5, False, "0.5")
    assert "one seed" in one.reason
    unknown = h.seed_interval([0.5, float("nan")])
    assert math.isnan(unknown.estimate)
    assert "not known" in unknown.reason


@pytest.mark.parametrize("values", [[0.1, 0.1], [0.1 + 0.2, 0.3, 0.3], [0.0] * 5])
def test_equal_seeds_say_so_in_place_of_a_width(values):
    i = h.seed_interval(values)
    assert i.all_equal
    assert f"{i:.2f}" == f"{values[-1]:.2f} (equal)"
    assert f"all {len(values)} seeds" in i.reason


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-0.02, 0.0, "-0.01 ± 0.01"),
        (-0.04, 0.0, "-0.01 (-0.04 to +0.00)"),
        (float("nan"), float("nan"), "-0.01"),
        (-0.01, -0.01, "-0.01 (equal)"),
        (-math.inf, 0.0, "-0.01"),
        (-0.04, math.inf, "-0.01"),
    ],
)
def test_bounds_are_printed_unless_they_are_symmetric(low, high, text):
    assert f"{Interval(-0.01, low, high, 0.95, 'examples', 9):+.2f}" == text


def test_narrow_bounds_are_symmetric_only_if_they_are_so_for_their_width():
    one_sided = Interval(0.5, 0.4994, 0.5004, 0.95, "examples", 9)
    assert f"{one_sided:.4f}" == "0.5000 (0.4994 to 0.5004)"
    rounded = Interval(0.3, 0.3 - 1e-3, 0.3 + 1e-3 + 1e-10, 0.95, "seeds", 9)
    assert f"{rounded:.4f}" == "0.3000 ± 0.0010"


def test_points_are_the_same_interval_times_100():
    i = Interval(-0.01, -0.04, 0.02, 0.95, "examples", 9, "why").scaled(100)
    assert (i.estimate, i.low, i.high, i.n, i.reason) == (-1, -4, 2, 9, "why")


def test_wilson_agrees_with_scipy():
    i = h.wilson_interval(0.85, 40)
    reference = stats.binomtest(34, 40).proportion_ci(0.95, "wilson")
    assert (i.low, i.high) == pytest.approx((reference.low, reference.high))


def test_pairs_and_shares_that_cannot_be_are_refused():
    with pytest.raises(HoldfastError, match="equal lengths, got 2 and 1"):
        h.paired_seed_interval([0.1, 0.2], [0.1])
    with pytest.raises(HoldfastError, match=r"a score in \[0, 1\]"):
        h.wilson_interval(1.5, 10)
