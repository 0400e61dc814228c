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

from holdfast import HoldfastError
from holdfast import metrics as h
from holdfast.metrics import AccuracyMatrix

scores = st.floats(0, 1, allow_nan=False)


@st.composite
def matrices(draw, holes=False):
    """Scores of 1 to 6 tasks, (T + 1, T), with unknown cells if there are to be holes."""
    tasks = draw(st.integers(1, 6))
    value = scores
    if holes:
        value = st.one_of(scores, st.just(float("nan")))
    size = tasks * (tasks + 1)
    cells = draw(st.lists(value, min_size=size, max_size=size))
    return np.array(cells).reshape(tasks + 1, tasks)


def build(a):
    """The matrix, the same cells as the twins read them, and the number of tasks."""
    m = AccuracyMatrix.from_array(a, orientation="after-by-task", untrained=True)
    r = {}
    for i, row in enumerate(a):
        for j, score in enumerate(row, 1):
            r[i, j] = score
    return m, r, a.shape[1]


def equal(x, y):
    both_unknown = math.isnan(x) and math.isnan(y)
    assert both_unknown or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12), (x, y)


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
    a = [[0.5, 0.2, 0.1], [0.6, 0.4, 0.3], [0.9, 0.8, 0.7]]
    m = AccuracyMatrix.from_array(a, orientation="after-by-task")
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
    m, _, tasks = build(a)
    renamed = [f"t{name}" for name in names[:tasks]]
    other = AccuracyMatrix.from_array(a, renamed, orientation="after-by-task", untrained=True)
    for x, y in zip(h.summary(m).values(), h.summary(other).values(), strict=True):
        equal(x, y)


def test_the_worked_example_and_not_the_published_walk_through():
    m = AccuracyMatrix.from_records(
        [(0, 0, 0.97), (0, 1, 0.94), (0, 2, 0.91), (1, 1, 0.95), (1, 2, 0.93), (2, 2, 0.96)]
    )
    assert h.average_accuracy(m) == pytest.approx(0.93333, abs=1e-4)
    assert h.task_transfer(m) == pytest.approx({0: -0.06, 1: -0.02})
    assert h.backward_transfer(m) == pytest.approx(-0.04)  # −0.035 in print
    assert h.worst_forgetting(m) == pytest.approx(0.06)
    # FWT is 0.94 in print, though no task was scored before it was trained.
    assert math.isnan(h.forward_transfer(m))
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


def test_a_baseline_that_lacks_a_task_is_refused():
    m = AccuracyMatrix.from_array(np.eye(2), ["a", "b"], orientation="after-by-task")
    with pytest.raises(HoldfastError, match="lacks task 'b'"):
        h.forward_transfer(m, {"a": 0.5})


def test_transfer_of_segments():
    m = AccuracyMatrix(["a", "b"])
    for segment, before, after in (("old", 0.9, 0.95), ("new", 0.9, 0.2)):
        m.record("a", after="a", score=before, segment=segment)
        m.record("a", after="b", score=after, segment=segment)
    assert h.segment_transfer(m) == pytest.approx({("a", "old"): 0.05, ("a", "new"): -0.7})


@pytest.mark.parametrize("metric", [h.forgetting, h.task_forgetting])
def test_forgetting_since_an_unknown_point_is_refused(metric):
    m = AccuracyMatrix.from_array([[0.9, 0.1], [0.7, 0.9]], orientation="after-by-task")
    with pytest.raises(HoldfastError, match="since"):
        metric(m, since="yesterday")
