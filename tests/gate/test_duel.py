"""The simulated releases of `benchmarks/gate_duel.py`, which other tools judge as well."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RUNS = 25


@pytest.fixture(scope="module")
def duel(tmp_path_factory):
    """The modules of the duel, and a folder with a few releases of every case."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        names = ("releases", "test_sets", "tools", "judge_holdfast", "judge_rule")
        modules = {name: importlib.import_module(f"duel.{name}") for name in names}
    finally:
        sys.path.remove(str(BENCHMARKS))
    folder = tmp_path_factory.mktemp("duel")
    modules["releases"].write(folder, RUNS)
    return modules | {"folder": folder}


def area(labels, scores):
    positive, negative = scores[labels == 1], scores[labels == 0]
    return (positive[:, None] > negative).mean()


def losses(release):
    """What each test set of a release loses, by its measured scores."""
    for part in release:
        if part.labels is None:
            yield part.champion.mean() - part.candidate.mean()
        else:
            yield area(part.labels, part.champion) - area(part.labels, part.candidate)


def test_the_first_test_set_loses_what_its_case_says(duel):
    sets, folder = duel["test_sets"], duel["folder"]
    for case in sets.read_cases(folder):
        if case["name"] in ("auc-2000", "right-2-5-1000-50", "right-2-5-5000-10"):
            continue  # the same as others, and slow
        for scenario, times in sets.LOSSES.items():
            measured = [next(losses(r)) for r in sets.releases(folder, case, scenario)]
            error = np.std(measured) / len(measured) ** 0.5
            assert abs(np.mean(measured) - times * case["delta"]) < 4.5 * error + 1e-6, case


@pytest.mark.parametrize("name", ["right-2-5-200-1", "segments-10-200", "clusters-20-5", "auc-400"])
def test_the_adapter_decides_as_the_gate(duel, name):
    sets, folder, ours = duel["test_sets"], duel["folder"], duel["judge_holdfast"]
    (case,) = (case for case in sets.read_cases(folder) if case["name"] == name)
    for scenario in ("none", "twice"):
        release = next(sets.releases(folder, case, scenario))
        expected = ours.decide_by_gate(release, case["delta"], case["segments"])
        assert ours.decide(release, case["delta"]) == expected


def test_a_release_fails_if_one_of_its_test_sets_does(duel):
    sets, rule = duel["test_sets"], duel["judge_rule"]
    fine, lost = sets.from_counts(1, 1, 98), sets.from_counts(10, 0, 90)
    assert fine.champion.mean() == 0.9
    assert rule.decide([fine, fine], 0.05) == "pass"
    assert rule.decide([fine, lost], 0.05) == "fail"


def test_every_tool_has_its_adapter_and_pinned_requirements(duel):
    tools = duel["tools"]
    for tool in tools.TOOLS:
        assert (BENCHMARKS / "duel" / f"{tool.adapter}.py").exists()
        if tool.package:
            pinned = (tools.REQUIREMENTS / f"{tool.package}.txt").read_text().split()
            assert pinned[0].startswith(f"{tool.package}==")
            assert all(re.fullmatch(r"[\w-]+==[\w.]+", line) for line in pinned)
            module = tool.package.replace("-", "_")
            assert (BENCHMARKS / "duel" / "shown" / f"{module}.py").exists()


def test_the_releases_are_the_same_at_each_call(duel):
    case, make = next(iter(duel["releases"].cases()))
    again = duel["releases"].made_of(case, make, RUNS)
    with np.load(duel["folder"] / f"{case.name}.npz") as kept:
        assert set(again) == set(kept.files)
        assert all(np.array_equal(again[name], kept[name]) for name in again)
