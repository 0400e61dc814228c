"""Sweeps as the command line names them."""

import pytest

from helpers import quick
from holdfast.bench.suites import Suite, load_suite
from holdfast.bench.sweep import parse_sweep, sweep_suite, swept
from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.validation import validated


def test_sweep_specs():
    labels = [
        label
        for label, _ in swept(
            quick("ER(10) + LwF"), [parse_sweep("ER.ratio=0.25,0.5"), parse_sweep("batch_size=8")]
        )
    ]
    assert labels == [
        "ER(10, ratio=0.25) + LwF(alpha=1.0), batch_size=8",
        "ER(10) + LwF(alpha=1.0), batch_size=8",
    ]
    assert swept(quick("ER(10)"), [("order", ["seed"])])[0][1].data.order == "seed"
    with pytest.raises(
        HoldfastError, match=r"several parts .* say which: AGEM.capacity, ER.capacity"
    ):
        swept(quick("ER(10) + AGEM(10)"), [("capacity", [1])])
    with pytest.raises(HoldfastError, match="unknown hyperparameter 'strenght'"):
        swept(quick("EWC(1)"), [("strenght", [1])])
    with pytest.raises(HoldfastError, match="expected name=value,value"):
        parse_sweep("strength")
    with pytest.raises(HoldfastError, match="strength must be a number"):
        swept(quick("EWC(1)"), [("strength", ["a"])])


def test_sweeps_of_a_suite_touch_the_methods_that_have_the_argument():
    labels = [
        label
        for label, c in sweep_suite(load_suite("demo"), [("capacity", [10, 20])])
        if c.scenario == "class" and c.seed == 1
    ]
    assert labels == ["FineTune", "EWC", "LwF", "AGEM(10)", "AGEM(20)", "ER(10)", "ER(20)", "Joint"]
    with pytest.raises(HoldfastError, match="no method of the suite demo has an argument xi"):
        sweep_suite(load_suite("demo"), [("xi", [1])])


@pytest.mark.parametrize(
    "values",
    ["{[]: 1}", "[" * 300, "-" * 9000 + "1", "\ud800", "1e999", "9" * 5000, "x", "None", "[1]"],
)
def test_no_value_of_a_sweep_raises_anything_but_one_clear_error(values):
    for name in ("capacity", "lr", "optimizer"):
        with pytest.raises(HoldfastError):
            swept(validated(RunConfig, method="ER(5)"), [parse_sweep(f"{name}={values}")])


def test_entries_that_become_the_same_run_in_a_sweep_run_once():
    entries = [{"spec": "EWC(1)"}, {"label": "strong", "spec": "EWC(5)"}]
    suite = validated(Suite, name="two", scenarios=["task"], seeds=[1], methods=entries)
    assert [c.method for _, c in sweep_suite(suite, [("strength", [1, 2])])] == ["EWC(1)", "EWC(2)"]
