"""The criteria of Díaz-Rodríguez et al. on worked examples, and their refusals."""

import math

import pytest

from holdfast import HoldfastError
from holdfast import metrics as h
from holdfast.metrics import AccuracyMatrix


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


def test_a_larger_epsilon_raises_computational_efficiency():
    m = AccuracyMatrix.from_array([[0.9, 0.5], [0.7, 0.8]], orientation="after-by-task")
    passes = {"pass_operations": [10, 10], "training_operations": [99, 399]}
    # ε · 10 / 100 and ε · 10 / 400, averaged.
    assert h.diaz_rodriguez(m, **passes, epsilon=4)["CE"] == pytest.approx((0.4 + 0.1) / 2)


def test_a_single_task_has_no_transfer_and_no_remembering():
    d = h.diaz_rodriguez(AccuracyMatrix.from_array([[0.9]], orientation="after-by-task"))
    assert d["A"] == 0.9
    assert all(math.isnan(d[name]) for name in ("BWT_D", "REM", "BWT_plus", "FWT_D"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_bytes": [1]}, "model_bytes needs one number for each of the 2 tasks"),
        ({"sample_bytes": [1, 2]}, "sample_bytes needs data_bytes"),
        ({"weights": {"A": 0.5}}, "weights must sum to 1"),
        ({"weights": {"accuracy": 1.0}}, "weights must sum to 1"),
    ],
)
def test_costs_and_weights_that_do_not_fit_are_refused(arguments, message):
    m = AccuracyMatrix.from_array([[0.9, 0.5], [0.7, 0.8]], orientation="after-by-task")
    with pytest.raises(HoldfastError, match=message):
        h.diaz_rodriguez(m, **arguments)
