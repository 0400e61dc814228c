"""The plugin for pytest: what a test that judges a model says."""

import re
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import HoldfastError
from holdfast.gate import Gate, Policy
from holdfast.integrations import pytest_gate
from holdfast.integrations.failed_verdict import MOST_ROWS, WIDTH, failure_message
from holdfast.integrations.pytest_gate import assert_not_worse

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


def side(examples: int = 1000, **wrong: int) -> pd.DataFrame:
    """Results in which the first examples of each task are wrong."""
    tables = []
    for task, count in wrong.items():
        score = [0] * count + [1] * (examples - count)
        tables.append(pd.DataFrame({"task": task, "example_id": range(examples), "score": score}))
    return pd.concat(tables, ignore_index=True)


OLD = side(north=100, south=100)
WORSE = side(north=100, south=160)
FEW = side(examples=100, north=10)


def message(*sides, **options) -> str:
    with pytest.raises(AssertionError) as failed:
        assert_not_worse(*sides, **options)
    return str(failed.value)


def test_the_entry_point_names_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (module,) = project["entry-points"]["pytest11"].values()
    assert import_module(module).assert_not_worse is assert_not_worse


def test_in_a_run_of_pytest(pytester, monkeypatch):
    """The example of the documentation, a loss, too few examples and a missing file."""
    # An installed Holdfast would register the plugin a second time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    OLD.to_csv(pytester.path / "champion.csv", index=False)
    OLD.to_csv(pytester.path / "candidate.csv", index=False)
    WORSE.to_csv(pytester.path / "worse.csv", index=False)
    FEW.to_csv(pytester.path / "few.csv", index=False)
    page = (ROOT / "docs" / "gate.md").read_text()
    section = page.split("## In tests")[1].split("\n## ")[0]
    examples = "\n".join(re.findall(r"```python\n(.*?)```", section, re.S))
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(
        f"""
import pytest

@pytest.fixture
def results():
    return "champion.csv"

{examples}

def test_worse(assert_not_worse):
    assert_not_worse("champion.csv", "worse.csv")

def test_few(assert_not_worse):
    assert_not_worse("few.csv", "few.csv")

def test_missing(assert_not_worse):
    assert_not_worse("champion.csv", "nothing.csv")
"""
    )
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", plugins=[pytest_gate])
    done.assert_outcomes(passed=2, failed=3)
    text = done.stdout.str()
    done.stdout.fnmatch_lines(
        [
            "E * fail: the candidate does not keep what the policy asks",
            "E * south: loses 6.00 points, more than the 2 allowed",
            "E * south * fail *90.00  84.00   −6.00  −7.38 to −4.49    −2.00     1,000",
            "E * inconclusive: the results show neither a loss nor that there is none",
            "E * To decide, north needs about 710 examples; it has 100 examples.",
            "E * candidate nothing.csv: there is no such file",
        ]
    )
    # pytest's own header (its path and plugins) may be wider than a table.
    message_lines = [line for line in text.splitlines() if line.startswith("E ")]
    assert max(map(len, message_lines)) <= WIDTH + 8
    # Only the lines of the tests themselves are shown, and none of Holdfast.
    assert set(re.findall(r"^(\S+\.py):\d+", text, re.M)) == {"test_in_a_run_of_pytest.py"}


def test_inconclusive_results_fail_unless_the_test_says_otherwise():
    assert 'pass inconclusive="pass"' in message(FEW, FEW)
    verdict = assert_not_worse(FEW, FEW, inconclusive="pass")
    assert (verdict.decision, verdict.passed) == ("inconclusive", True)
    by_policy = Policy(inconclusive="pass")
    assert assert_not_worse(FEW, FEW, policy=by_policy).passed
    assert "To decide, north" in message(FEW, FEW, policy=by_policy, inconclusive="fail")


def test_the_margin_replaces_that_of_the_policy_but_not_that_of_a_task():
    assert assert_not_worse(OLD, WORSE, 0.1).passed
    assert assert_not_worse(OLD, WORSE, "10%").passed
    strict = Policy(tasks={"south": {"delta": 0.01}})
    assert "more than the 1 allowed" in message(OLD, WORSE, 0.1, policy=strict)


def test_columns_segments_and_clusters_are_chosen_by_options():
    few = side(examples=60, north=0)
    rows = few.assign(ms=few.index + 1, region=["a", "b"] * 30, user=few.index // 4)
    options = {"metric": "ms", "direction": "lower", "range": (0, 90), "inconclusive": "pass"}
    verdict = assert_not_worse(rows, rows, 20, segment="region", cluster="user", **options)
    north = next(row for row in verdict.tasks if row.label == "north/a")
    assert (north.metric, north.lower_is_better, north.delta) == ("ms", True, 20)
    assert north.clusters == 15


def test_the_table_has_the_worst_rows_and_keeps_its_width():
    verdict = Gate(Policy()).judge(side(examples=60, task=0), side(examples=60, task=20))
    row = verdict.tasks[0]
    name = "a task with a long name, of which there are many: number {}\x1b"
    rows = [replace(row, task=name.format(k), change=-0.02 * (k + 1)) for k in range(40)]
    rows += [replace(row, task="waived", change=-0.9, waived="its labels are wrong")]
    rows += [replace(row, task="undecided", change=-0.9, decision="inconclusive")]
    lines = failure_message(replace(verdict, tasks=tuple(rows)), Policy()).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert not any("\x1b" in line for line in lines)
    table = "\n".join(lines[lines.index("") :])
    assert table.count(" fail ") == MOST_ROWS
    assert table.index("−80.00") < table.index("−78.00") < table.index("−22.00")
    assert "−20.00" not in table
    assert "12 more rows are not shown." in table


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": 0}, "margin=0: default.delta must be greater than 0"),
        ({"margin": "a bit"}, "must be a number, or a share such as"),
        ({"margin": 0.1, "policy": "simple"}, "margin has no effect"),
        ({"policy": "strict"}, "there is no policy strict"),
        ({"policy": 3}, "policy must be a Policy, a TOML file or the name"),
        ({"inconclusive": "maybe"}, "must be 'fail' or 'pass', got 'maybe'"),
        ({"segmnt": "region"}, "did you mean 'segment'?"),
        ({"segment": None}, "option segment must be a text, got None"),
        ({"segment": "region"}, "no column 'region'"),
        ({"range": (1, 0)}, "range needs the smallest score first"),
    ],
)
def test_impossible_options_are_refused_in_one_line(options, said):
    with pytest.raises(HoldfastError) as refused:
        assert_not_worse(OLD, OLD, **options)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
