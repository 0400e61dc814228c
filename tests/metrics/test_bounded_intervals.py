"""Intervals over seeds that stay inside the range of a score, against independent formulas."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from holdfast import HoldfastError
from holdfast.metrics import bounded_seed_interval, seed_interval


def twin(values, bounds, confidence=0.95):
    """The same from the definition: the t interval by scipy, moved to the logit scale."""
    lowest, highest = bounds
    shares = (np.array(values) - lowest) / (highest - lowest)
    low, _ = stats.t.interval(confidence, len(values) - 1, shares.mean(), stats.sem(shares))
    slope = 1 / (shares.mean() * (1 - shares.mean()))  # the derivative of the logit
    half = slope * (shares.mean() - low)
    ends = expit(logit(shares.mean()) + np.array([-half, half]))
    return tuple(lowest + (highest - lowest) * ends)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        ([0.18, 0.28], (0, 1)),
        ([0.97, 0.99, 1.0], (0, 1)),
        ([-0.4, -0.1, 0.05, -0.2], (-1, 1)),
        ([12.0, 35.0, 20.0], (0, 100)),
    ],
)
def test_the_interval_is_the_t_interval_on_the_logit_scale(values, bounds, confidence):
    found = bounded_seed_interval(values, bounds, confidence)
    assert (found.low, found.high) == pytest.approx(twin(values, bounds, confidence))
    assert found.estimate == pytest.approx(np.mean(values))
    assert (found.varies, found.n, found.confidence) == ("seeds", len(values), confidence)


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.999999, 1.0], [1e-9, 0.0], [0.5, 0.9, 0.1]])
def test_no_bound_leaves_the_range(values):
    for shift, bounds in ((0, (0, 1)), (-1, (-1, 1))):
        found = bounded_seed_interval([(1 - shift) * v + shift for v in values], bounds)
        assert bounds[0] <= found.low <= found.estimate <= found.high <= bounds[1]


def test_far_from_the_ends_it_is_students_interval():
    values = [0.501, 0.499, 0.503, 0.498]
    bounded, student = bounded_seed_interval(values, (0, 1)), seed_interval(values)
    assert (bounded.low, bounded.high) == pytest.approx((student.low, student.high), abs=1e-6)


def test_values_without_a_largest_one_are_cut_at_zero_alone():
    found = bounded_seed_interval([1.0, 3.0], (0, math.inf))
    assert found.low == 0
    assert found.high == seed_interval([1.0, 3.0]).high
    free = bounded_seed_interval([1.0, 3.0], (-math.inf, math.inf))
    assert free == seed_interval([1.0, 3.0])


def test_one_seed_an_unknown_value_and_equal_values_are_those_of_the_t_interval():
    assert "one seed" in bounded_seed_interval([0.5], (0, 1)).reason
    assert "not known" in bounded_seed_interval([0.5, math.nan], (0, 1)).reason
    assert bounded_seed_interval([1.0, 1.0], (0, 1)).all_equal


def test_a_value_outside_of_its_range_is_refused():
    with pytest.raises(HoldfastError, match=r"value 97 of a seed lies outside .* from 0 to 1"):
        bounded_seed_interval([97, 98], (0, 1))
    # A mean of accuracies may exceed 1 in its last bit.
    assert bounded_seed_interval([1 + 1e-15, 0.9], (0, 1)).high <= 1 + 1e-9


def test_a_value_may_leave_its_range_by_rounding_alone():
    """Rounding is a billionth of the value, or of 1 if the value is smaller."""
    for value, highest in ((-1e-9, 1), (1e6 + 9e-4, 1e6)):
        assert bounded_seed_interval([value, highest / 2], (0, highest)).known
    for value, highest in ((-2e-9, 1), (1 + 2e-9, 1), (1e6 + 2e-3, 1e6)):
        with pytest.raises(HoldfastError, match="lies outside of its range"):
            bounded_seed_interval([value, highest / 2], (0, highest))


def test_near_the_top_it_holds_the_level_that_students_interval_loses():
    rng = np.random.default_rng(0)
    held = {"bounded": 0, "student": 0}
    for values in rng.beta(49, 1, (600, 3)):  # the mean is 0.98
        for name, found in (
            ("bounded", bounded_seed_interval(values, (0, 1))),
            ("student", seed_interval(values)),
        ):
            held[name] += found.low <= 0.98 <= found.high
    assert held["bounded"] >= 0.93 * 600
    assert held["student"] <= 0.92 * 600
