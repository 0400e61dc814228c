"""`holdfast gate run`, `plan` and `init`, beside the spelling without a command."""

import json
import os
import re

import numpy as np
import pandas as pd
import pytest
from test_command import call, folder  # noqa: F401 (folder is a fixture)
from test_judge import side
from test_outputs import failing, names

from holdfast.gate.outputs import FILES

WORSE = side(north=(990, 1000), south=(900, 1000, 60))
GOOD = side(north=(990, 1000), south=(950, 1000))


@pytest.fixture
def two(folder):  # noqa: F811
    """A champion, a good candidate and a bad one, without a policy."""
    (folder / "gate.toml").unlink()
    GOOD.to_csv("good.csv", index=False)
    WORSE.to_csv("bad.csv", index=False)
    return folder


def test_run_needs_no_policy_and_says_which_one_decided(two, capsys):
    code, out, err = call(capsys, "run", "champion.parquet", "bad.csv")
    assert (code, err) == (1, "")
    assert out.startswith("fail; worst change: −6.00 points on south")
    assert "The shipped policy was used" in out


def test_run_decides_as_the_spelling_without_a_command_does(two, capsys):
    sides = ["--champion", "champion.parquet", "--candidate", "bad.csv"]
    plain = call(capsys, *sides)
    assert call(capsys, "run", *sides) == plain
    assert call(capsys, "run", "champion.parquet", "bad.csv") == plain


def test_run_writes_the_same_files(two, capsys):
    assert call(capsys, "run", "champion.parquet", "bad.csv", "--out", "gate")[0] == 1
    assert names(two / "gate") == set(FILES)
    assert json.loads((two / "gate/verdict.json").read_text())["policy"] == "standard"


@pytest.mark.parametrize(
    "broken",
    [
        ["champion.parquet"],
        ["champion.parquet", "good.csv", "surplus"],
        ["champion.parquet", "nowhere.csv"],
        ["champion.parquet", "good.csv", "--candidate", "good.csv"],
        ["champion.parquet", "good.csv", "--nonsense"],
        ["champion.parquet", "good.csv", "--plan"],
        ["champion.parquet", "good.csv", "--policy", "nowhere.toml"],
        ["champion.parquet", "good.csv", "--ledger", "sqlite:///l.db", "--model", "m"],
        [],
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_mistake_leaves_a_failing_report_in_place_of_an_old_pass(two, capsys, broken, first):
    out = ["--out", "gate"]
    words = [*out, *broken]
    if not first:
        words = [*broken, *out]
    (two / "gate").mkdir()
    (two / "gate/verdict.json").write_text("{}")
    code, _, err = call(capsys, "run", *words)
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert failing(two / "gate")


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "champion.parquet", "nowhere.csv"],
        ["plan", "champion.parquet", "good.csv", "--out", "gate"],
        ["init", "champion.parquet", "--out", "gate"],
        ["run", "champion.parquet", "bad.csv", "--dry-run", "--nonsense", "--out", "gate"],
    ],
)
def test_commands_that_write_no_verdict_leave_an_older_one(two, capsys, words):
    (two / "gate").mkdir()
    (two / "gate/verdict.json").write_text("{}")
    assert call(capsys, *words)[0] == 2
    assert names(two / "gate") == {"verdict.json"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "b.csv"], "as two paths after `holdfast gate run`"),
        (["rnu", "a.csv", "b.csv"], "did you mean `holdfast gate run`?"),
        (["run", "a.csv"], "but only 'a.csv' is named"),
        (["run", "a.csv", "b.csv", "c.csv"], "but 3 results are named"),
        (["run", "b.csv", "--candidate", "a.csv"], "either with --champion and --candidate, or"),
        (["plan", "a.csv"], "but only 'a.csv' is named"),
        (["plan", "a.csv", "b.csv", "--power", "7"], "--power must be at most 0.999"),
        (["run", "a.csv", "b.csv", "--nonsense"], "`holdfast gate run --help` explains"),
        (["run", "a.csv", "b.csv", "--ledger", "sqlite:///l.db"], "the champion is from the"),
        (["init", "gate.toml", "more"], "unexpected extra argument"),
    ],
)
def test_wrong_command_lines_say_what_to_do(two, capsys, words, message):
    code, out, err = call(capsys, *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_a_plan_and_a_policy_have_commands_of_their_own(two, capsys):
    code, out, _ = call(capsys, "plan", "champion.parquet", "bad.csv", "--power", "0.9")
    assert code == 0
    assert "with a chance of 90 % if nothing is lost" in out
    assert call(capsys, "init", "own.toml")[0] == 0
    assert call(capsys, "run", "champion.parquet", "good.csv", "--policy", "own.toml")[0] == 0
    assert "own.toml exists already" in call(capsys, "init", "own.toml")[2]
    assert call(capsys, "init", "simple")[0] == 0
    assert call(capsys, "init")[0] == 0
    assert {"own.toml", "simple.toml", "gate.toml"} <= set(os.listdir())
    _, out, _ = call(capsys, "run", "champion.parquet", "good.csv")
    assert "shipped policy" not in out


def test_a_file_that_has_the_name_of_a_command_can_be_a_policy(two, capsys):
    assert call(capsys, "--init", "run")[0] == 0
    assert (two / "run").exists()


def test_noise_compares_runs_of_the_same_model_with_the_policy(two, capsys):
    again = GOOD.assign(score=[*GOOD["score"][:-50], *[1] * 50])
    again.to_csv("again.csv", index=False)
    code, out, err = call(capsys, "noise", "--repeat", "good.csv", "again.csv")
    assert (code, err) == (0, "")
    # 50 of 1,000 examples changed, all in one direction: 1.96 times the measured difference.
    cells = ["south", "9.80 points", "2 points", "5.00 points", "5.0 %", "1,000"]
    assert cells in [line.strip("│ ").split(" │ ") for line in squeezed(out).splitlines()]
    assert "warning: 'south': delta is 2 points" in out
    assert "warning: 'north'" not in out
    (two / "wide.toml").write_text("default.delta = 0.1")
    _, out, _ = call(capsys, "noise", "good.csv", "again.csv", "--policy", "wide.toml")
    assert "The policy allows more than the noise" in out


def test_the_runs_of_one_file_are_told_apart_by_their_repeats(two, capsys):
    both = pd.concat([GOOD.assign(seed=1), GOOD.assign(seed=2)])
    both.to_csv("seeds.csv", index=False)
    assert call(capsys, "noise", "seeds.csv")[0] == 0
    for arguments, message in (
        (["good.csv"], "no column that numbers the repeats"),
        ([], "compared, got none"),
    ):
        code, out, err = call(capsys, "noise", *arguments)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert message in err


def test_noise_and_its_limit_have_the_unit_of_the_metric(two, capsys):
    for name, seed in (("one.csv", 1), ("two.csv", 2)):
        seconds = np.random.default_rng(seed).normal(200, 5, 50)
        table = pd.DataFrame({"task": "a", "example_id": range(50), "ms": seconds})
        table.to_csv(name, index=False)
    rule = 'default = {metric = "ms", direction = "lower", delta = "1%"}'
    (two / "slow.toml").write_text(rule)
    code, out, _ = call(capsys, "noise", "one.csv", "two.csv", "--policy", "slow.toml")
    assert code == 0
    assert "1 %" in out
    (two / "slow.toml").write_text(rule.replace('"1%"', "10"))
    out = call(capsys, "noise", "one.csv", "two.csv", "--policy", "slow.toml")[1]
    assert " 10 │" in squeezed(out)


def squeezed(text: str) -> str:
    """The text with one space in place of several."""
    return re.sub(" +", " ", text)
