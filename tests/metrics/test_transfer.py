"""Metrics against brute-force twins, laws, and the worked examples."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import twins

from holdfast import metrics as h
from holdfast.metrics import AccuracyMatrix

scores = st.floats(0, 1, allow_nan=False)


@st.composite
def matrices(draw, holes=False):
    t = draw(st.integers(1, 6))
    value = st.one_of(scores, st.just(float("nan"))) if holes else scores
    return np.array(draw(st.lists(value, min_size=t * (t + 1), max_size=t * (t + 1)))).reshape(
        t + 1, t
    )


def build(a):
    m = AccuracyMatrix.from_array(a, orientation="after-by-task", untrained=True)
    r = {(i, j + 1): a[i, j] for i in range(a.shape[0]) for j in range(a.shape[1])}
    return m, r, a.shape[1]


def equal(x, y):
    assert (math.isnan(x) and math.isnan(y)) or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12), (
        x,
        y,
    )


@given(matrices(holes=True))
def test_every_metric_equals_its_twin_with_unknown_cells_too(a):
    m, r, t = build(a)
    baseline = {j: 0.1 * j for j in range(t)}
    equal(h.average_accuracy(m), twins.acc(r, t))
    equal(h.backward_transfer(m), twins.bwt(r, t))
    equal(h.forward_transfer(m, baseline), twins.fwt(r, t, {j + 1: b for j, b in baseline.items()}))
    equal(h.zero_shot_accuracy(m), twins.zero_shot(r, t))
    equal(h.forgetting(m), twins.forgetting(r, t, "learned"))
    equal(h.forgetting(m, since="any"), twins.forgetting(r, t, "any"))
    equal(h.worst_forgetting(m), twins.worst(r, t))
    equal(h.learning_accuracy(m), twins.learning(r, t))
    equal(h.average_incremental_accuracy(m), twins.incremental(r, t))
    equal(h.cumulative_gain(m), twins.gain(r, t))
    for i, value in enumerate(h.backward_transfer_after(m).values(), 1):
        equal(value, twins.trace(r, t, i))
    d = h.diaz_rodriguez(m)
    for got, expected in zip((d["A"], d["BWT_D"], d["FWT_D"]), twins.diaz(r, t), strict=True):
        equal(got, expected)
    joint = dict.fromkeys(range(t), 0.9)
    equal(h.mean_intransigence(m, joint), twins.mean(0.9 - r[k, k] for k in range(1, t + 1)))


def test_forgetting_is_negative_if_the_last_model_is_better_than_all_before():
    """The last row is not in the maximum: with it F would be 0 here."""
    m = AccuracyMatrix.from_array(
        [[0.5, 0.2, 0.1], [0.6, 0.4, 0.3], [0.9, 0.8, 0.7]], orientation="after-by-task"
    )
    assert h.task_forgetting(m) == {0: pytest.approx(0.6 - 0.9), 1: pytest.approx(0.4 - 0.8)}
    assert h.forgetting(m) == pytest.approx(-0.35)
    assert h.forgetting(m, since="any") == pytest.approx(-0.35)


@given(matrices())
def test_forgetting_is_at_least_minus_bwt(a):
    m, _, t = build(a)
    if t > 1:
        assert h.forgetting(m) >= -h.backward_transfer(m) - 1e-12
        assert h.worst_forgetting(m) >= -h.backward_transfer(m) - 1e-12


@given(matrices(), st.permutations(range(6)))
def test_renaming_tasks_changes_nothing(a, names):
    m, _, t = build(a)
    other = AccuracyMatrix.from_array(
        a, [f"t{names[k]}" for k in range(t)], orientation="after-by-task", untrained=True
    )
    for x, y in zip(h.summary(m).values(), h.summary(other).values(), strict=True):
        equal(x, y)


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


def test_the_worked_example_and_not_the_published_walk_through():
    m = AccuracyMatrix.from_records(
        [(0, 0, 0.97), (0, 1, 0.94), (0, 2, 0.91), (1, 1, 0.95), (1, 2, 0.93), (2, 2, 0.96)]
    )
    assert h.average_accuracy(m) == pytest.approx(0.93333, abs=1e-4)
    assert h.task_transfer(m) == pytest.approx({0: -0.06, 1: -0.02})
    assert h.backward_transfer(m) == pytest.approx(-0.04)  # −0.035 in print
    assert h.worst_forgetting(m) == pytest.approx(0.06)
    assert math.isnan(
        h.forward_transfer(m)
    )  # 0.94 in print, though no task was scored before it was trained
    assert math.isnan(h.forward_transfer(m, 0.5))


def test_two_tasks_that_lose_sixty_five_points():
    m = AccuracyMatrix.from_records(
        [("mnist", "mnist", 0.992), ("mnist", "fashion", 0.339), ("fashion", "fashion", 0.8)]
    )
    assert 100 * h.backward_transfer(m) == pytest.approx(-65.3)


def test_one_task_has_no_transfer():
    m = AccuracyMatrix.from_array([[0.9]], orientation="after-by-task")
    for f in (h.backward_transfer, h.forgetting, h.worst_forgetting, h.zero_shot_accuracy):
        assert math.isnan(f(m))


def test_a_missing_diagonal_is_not_a_number():
    m = AccuracyMatrix.from_records([("a", "b", 0.5), ("b", "b", 0.9)], ["a", "b"])
    assert math.isnan(h.backward_transfer(m))
    assert h.average_accuracy(m) == pytest.approx(0.7)


def test_transfer_of_segments():
    m = AccuracyMatrix(["a", "b"])
    for segment, before, after in (("old", 0.9, 0.95), ("new", 0.9, 0.2)):
        m.record("a", after="a", score=before, segment=segment)
        m.record("a", after="b", score=after, segment=segment)
    assert h.segment_transfer(m) == pytest.approx({("a", "old"): 0.05, ("a", "new"): -0.7})


def test_diaz_rodriguez_sizes_and_score():
    m = AccuracyMatrix.from_array([[0.9, 0.5], [0.7, 0.8]], orientation="after-by-task")
    weights = {"A": 0.5, "MS": 0.5}
    d = h.diaz_rodriguez(
        m,
        model_bytes=[1, 4],
        sample_bytes=[10, 20],
        data_bytes=100,
        pass_operations=[10, 10],
        training_operations=[99, 99],
        weights=weights,
    )
    assert d["MS"] == pytest.approx((1 + 0.25) / 2)
    assert d["SSS"] == pytest.approx(1 - 0.15)
    assert d["CE"] == pytest.approx(0.1)
    assert d["score"] == pytest.approx(0.5 * d["A"] + 0.5 * d["MS"])
    runs = [{"A": 0.8}, {"A": 0.9}, {"A": 1.0}]
    assert h.diaz_rodriguez_stability(runs, {"A": 1.0}) == pytest.approx(0.9)
