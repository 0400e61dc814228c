"""Metrics of what happens during training against brute-force twins, and their refusals."""

import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import twins

from holdfast import HoldfastError
from holdfast import metrics as h

scores = st.floats(0, 1, allow_nan=False)


def equal(x, y):
    both_unknown = math.isnan(x) and math.isnan(y)
    assert both_unknown or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12), (x, y)


@given(st.data())
def test_anytime_metrics_equal_their_twins(data):
    t, n = data.draw(st.integers(1, 4)), data.draw(st.integers(4, 12))
    steps = list(range(1, n + 1))
    ends = sorted(data.draw(st.lists(st.integers(1, n), min_size=t, max_size=t, unique=True)))
    a = [data.draw(st.lists(scores, min_size=t, max_size=t)) for _ in steps]
    c = h.Curves(list(range(t)), steps, a, ends)
    for now in steps:
        equal(h.min_acc(c, now), twins.min_acc(a, steps, ends, now)[0])
        equal(h.worst_case_accuracy(c, now), twins.wc_acc(a, steps, ends, now))
    for w in (1, 2, 5):
        assert h.windowed_forgetting(c, w) == pytest.approx(
            twins.window(a, steps, w, -1), abs=1e-9, nan_ok=True
        )
        assert h.windowed_plasticity(c, w) == pytest.approx(
            twins.window(a, steps, w, 1), abs=1e-9, nan_ok=True
        )


@given(st.data())
def test_average_anytime_accuracy_and_learning_speed_equal_plain_sums(data):
    n = data.draw(st.integers(2, 10))
    a, b = (data.draw(st.lists(scores, min_size=n, max_size=n)) for _ in "ab")
    c = h.Curves(
        ["x", "y"], list(range(1, n + 1)), [[u, v] for u, v in zip(a, b, strict=True)], [1, n]
    )
    equal(
        h.average_anytime_accuracy(c),
        sum([a[0]] + [(u + v) / 2 for u, v in zip(a[1:], b[1:], strict=True)]) / n,
    )
    area = sum((a[k] - b[k] + a[k + 1] - b[k + 1]) / 2 for k in range(n - 1)) / (n - 1)
    assert math.isclose(h.learning_speed_transfer(range(n), a, b)["area"], area, abs_tol=1e-9)
    first = [next((k for k, v in enumerate(curve) if v >= 0.5), math.nan) for curve in (a, b)]
    equal(h.learning_speed_transfer(range(n), a, b, 0.5)["steps"], first[0] - first[1])


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ((["a"], [1, 2], [[0.5]], [2]), "expected scores of shape"),
        ((["a"], [1], [[0.5]], [1, 2]), "one end per task"),
        ((["a"], [2, 1], [[0.5], [0.6]], [2]), "steps and ends must increase"),
        ((["a", "b"], [1, 2], [[0.5, 0.5]] * 2, [2, 2]), "steps and ends must increase"),
    ],
)
def test_curves_that_do_not_fit_are_refused(curves, message):
    with pytest.raises(HoldfastError, match=message):
        h.Curves(*curves)


def test_learning_curves_may_start_at_any_step():
    got = h.learning_speed_transfer([100, 110, 130], [0.5, 0.9, 0.9], [0.1, 0.5, 0.9], 0.9)
    # 0.4 over 10 steps, then from 0.4 to 0 over 20, divided by the 30 steps from 100 to 130.
    assert got["area"] == pytest.approx((4 + 4) / 30)
    assert got["steps"] == -20


def test_learning_curves_that_do_not_fit_are_refused():
    with pytest.raises(HoldfastError, match="three sequences of one length"):
        h.learning_speed_transfer([0, 1], [0.1, 0.2], [0.1])
    with pytest.raises(HoldfastError, match="steps must increase"):
        h.learning_speed_transfer([0, 0], [0.1, 0.2], [0.1, 0.2])
