"""lr="auto" in the settings of a run: one rate for all methods, kept in the result."""

import pytest

from holdfast import HoldfastError
from holdfast.results import found_rates, summarise
from holdfast.results.record import RunResult
from holdfast.runs.config import RunConfig
from holdfast.runs.execute import execute
from holdfast.runs.options import refuse_idle

SMALL = {"data": {"tasks": 5, "examples": 300}, "model": {"hidden": [16]}}


def result(method="FineTune", label="m", **training):
    config = RunConfig(**SMALL, method=method, training=training)
    return execute(config, label)


def test_all_methods_of_a_seed_have_the_same_rate_which_their_files_keep():
    results = [result(method, method, lr="auto") for method in ("FineTune()", "ER(40)")]
    rates = {each.found_lr for each in results}
    assert len(rates) == 1
    again = RunResult.model_validate(results[0].to_json())
    assert again.found_lr == results[0].found_lr
    assert again.config.training["lr"] == "auto"
    rate = f"class scenario: lr=auto found {again.found_lr:g}"
    assert found_rates(summarise(results[:1])) == [f"{rate} (FineTune())"]
    # One line is enough for methods that share a rate.
    (line,) = found_rates(summarise(results))
    assert set(line.removeprefix(f"{rate} (").removesuffix(")").split(", ")) == {
        "FineTune()",
        "ER(40)",
    }


def test_a_file_without_a_search_is_as_earlier_versions_wrote_it():
    plain = result(lr=0.1)
    assert "found_lr" not in plain.to_json()
    assert RunResult.model_validate(plain.to_json()).found_lr is None


def test_a_result_says_why_nothing_was_learnt(causes_sought):
    causes = result(lr=1e-5).causes
    assert any("far below" in cause and "--lr auto" in cause for cause in causes)
    (group,) = summarise([result(lr=1e-5)])
    assert group.causes == causes
    assert group.results[0].remarks == []


def test_a_method_that_trains_nothing_refuses_a_search():
    config = RunConfig(**SMALL | {"model": {"frozen": True}}, method="NCM", training={"lr": "auto"})
    with pytest.raises(HoldfastError, match=r"training\.lr='auto' has no effect"):
        refuse_idle([config])
