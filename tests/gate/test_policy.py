"""Policies: what they may say, waivers, and policies that ask nothing."""

import tomllib
from datetime import date, timedelta

import pandas as pd
import pytest
from test_judge import CHAMPION, TODAY, judge, scores, side

from holdfast.errors import HoldfastError
from holdfast.gate import Gate, Policy, template
from holdfast.gate.policy import policy_from, read_policy


def test_the_template_is_the_default_policy(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(template())
    assert read_policy(path) == Policy()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confidence = 2", "confidence must be less than 1, got 2"),
        ("confidense = 0.9", "did you mean 'confidence'"),
        ("[default]\ndelta = 0", "default.delta must be greater than 0, got 0"),
        ("[tasks.a]\ndelta = 'x'", "tasks.a.delta must be a number, or a share such as"),
        ("[tasks.my-task]\ndelta = 'x'", "tasks.my-task.delta must be a number"),
        ("[[waivers]]\ntask = 'a'\nreason = ''\nexpires = 2030-01-01", "waivers.0.reason"),
        ("= 3", "is not readable as TOML"),
        ("[tasks.nowhere]\ndelta = 0.1", "the policy names task 'nowhere', which neither side has"),
    ],
)
def test_mistakes_in_a_policy_are_one_sentence(tmp_path, text, message):
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(HoldfastError, match=message) as caught:
        Gate.from_policy(path).judge(CHAMPION, CHAMPION, TODAY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shipped", ["standard", "simple"])
def test_every_example_in_the_template_can_be_uncommented(shipped):
    """Every commented line that looks like TOML is TOML, so nobody has to guess."""
    uncommented = []
    for line in template(shipped).splitlines():
        is_example = line.startswith(
            ("# [", "# delta", "# floor = 0", "# task", "# reason", "# exp", "# max_i")
        )
        uncommented.append(line.removeprefix("# ") if is_example else line)
    values = tomllib.loads("\n".join(uncommented))
    assert set(values["tasks"]) == {"checkout", "checkout/new customers"}
    assert [waiver["task"] for waiver in values["waivers"]] == ["checkout"]
    assert policy_from(values).rule("checkout").delta == 0.005


@pytest.mark.parametrize(
    "policy",
    [
        {"decide_by": "figures"},
        {"decide_by": "figures", "whole": {"largest_accuracy_drop": 1.0}},
        {"decide_by": "figures", "whole": {"largest_accuracy_drop": 0.9999}},
        {"decide_by": "figures", "whole": {"lowest_transfer": -0.9999}},
        {"decide_by": "figures", "whole": {"lowest_transfer": -1.0}},
        {"decide_by": "figures", "whole": {"new_task": "north"}},
        {"decide_by": "figures", "whole": {"new_task": "north", "least_gain": -0.99}},
        {"decide_by": "figures", "default": {"floor": 0.0}},
        {"default": {"critical": False}},
        {"default": {"delta": 0.9999}},
        {"tasks": {"north": {"critical": False}, "south": {"critical": False}}},
        {"default": {"critical": False, "floor": 0.99}},
    ],
)
def test_a_policy_that_asks_nothing_is_refused(policy):
    with pytest.raises(HoldfastError, match="every candidate would pass"):
        judge(side(north=(1, 1000), south=(1, 1000)), **policy)


@pytest.mark.parametrize(
    "reason", ["", " ", "\t\n", "....", "2026-11-20", "x", "ok ok", "-------------"]
)
def test_a_waiver_needs_a_reason_in_words(reason):
    with pytest.raises(HoldfastError, match="a reason in words"):
        policy_from({"waivers": [{"task": "south", "reason": reason, "expires": TODAY}]})


@pytest.mark.parametrize("expires", [TODAY + timedelta(days=367), date(9999, 12, 31)])
def test_a_waiver_holds_for_a_year_at_most(expires):
    waiver = {"task": "south", "reason": "labels of July are wrong", "expires": expires}
    with pytest.raises(HoldfastError, match="a year at most"):
        judge(CHAMPION, waivers=[waiver])


def test_a_waiver_takes_a_date_in_words_of_iso():
    assert policy_from(
        {"waivers": [{"task": "a", "reason": "labels of July", "expires": "2026-12-31"}]}
    ).waivers[0].expires == date(2026, 12, 31)


def test_a_name_that_means_a_task_and_a_segment_is_refused_and_can_be_said_clearly():
    champion = pd.concat(
        [scores("a", 450, 500).assign(segment="b"), scores("a/b", 450, 500).assign(segment="c")],
        ignore_index=True,
    )
    candidate = champion.assign(score=champion["score"].where(champion["task"] == "a", 0))
    rule = {"delta": 0.05}
    waiver = {"task": "a/b", "reason": "known in segment b", "expires": TODAY}
    for ambiguous in ({"waivers": [waiver]}, {"tasks": {"a/b": {"delta": 0.9}}}):
        with pytest.raises(HoldfastError, match="may mean several tasks or segments"):
            judge(candidate, champion, default=rule, **ambiguous)
    clear = judge(
        candidate, champion, default=rule, waivers=[waiver | {"task": "a", "segment": "b"}]
    )
    assert clear.decision == "fail", "the segment's waiver does not cover the task of that name"


def test_two_segments_of_one_label_are_not_waived_together():
    champion = pd.concat(
        [scores("a", 450, 500).assign(segment="b/c"), scores("a/b", 450, 500).assign(segment="c")],
        ignore_index=True,
    )
    waiver = {"task": "a/b/c", "reason": "known in one of them", "expires": TODAY}
    with pytest.raises(HoldfastError, match="may mean several"):
        judge(champion, champion, default={"delta": 0.05}, waivers=[waiver])


@pytest.mark.parametrize(
    "values",
    [
        {"default": {"delta": "0.9"}},
        {"default": {"critical": "no"}},
        {"default": {"min_examples": True}},
    ],
)
def test_a_policy_is_read_as_it_is_written(values):
    with pytest.raises(
        HoldfastError, match=r"must be (a number.*|true or false|a whole number), got"
    ):
        policy_from(values)


def test_a_rule_of_tasks_at_the_top_says_where_it_belongs():
    with pytest.raises(HoldfastError, match=r"write it under \[default\]"):
        policy_from({"delta": 0.1})
