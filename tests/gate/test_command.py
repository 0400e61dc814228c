"""`holdfast gate`: exit codes, files, and names that must come out harmless."""

import json
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_judge import CHAMPION, side

from holdfast.cli.main import run_cli

NASTY = "<script>alert(\"1\")</script>\n=cmd|' /C calc'!A0 %s \x1b[31m|`x`"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    CHAMPION.to_parquet("champion.parquet")
    (tmp_path / "gate.toml").write_text("")
    return tmp_path


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        run_cli(["gate", *arguments])
    out = capsys.readouterr()
    return done.value.code or 0, out.out, out.err


def against(capsys, candidate: pd.DataFrame, *more):
    candidate.to_csv("candidate.csv", index=False)
    return call(capsys, "--champion", "champion.parquet", "--candidate", "candidate.csv", *more)


def test_exit_codes_and_files(folder, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    code, out, _ = against(capsys, CHAMPION, "--out", "gate")
    assert (code, out.splitlines()[0]) == (0, "pass")
    worse = side(north=(990, 1000), south=(900, 1000, 60))
    code, out, _ = against(capsys, worse, "--out", "gate")
    assert (code, out.splitlines()[:2]) == (1, ["fail", "  south: loses 6.00 points, more than the 2 allowed"])
    verdict = json.loads((folder / "gate/verdict.json").read_text())
    assert (verdict["schema"], verdict["decision"], verdict["tasks"][0]["task"]) == (1, "fail", "south")
    page = (folder / "gate/verdict.html").read_text()
    assert "does not replace the champion" in page
    assert page.index(">south<") < page.index(">north<")
    suite = ET.parse(folder / "gate/junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert (folder / "summary.md").read_text().count("# Release gate") == 2
    assert against(capsys, worse, "--dry-run")[0] == 0
    few = side(north=(90, 100), south=(90, 100))
    few.to_parquet("champion.parquet")
    code, out, _ = against(capsys, few)
    assert (code, out.splitlines()[0]) == (1, "inconclusive (fails by policy)")


def test_a_policy_is_written_once_and_understood(folder, capsys):
    assert call(capsys, "--init", "--policy", "new.toml")[0] == 0
    assert against(capsys, CHAMPION, "--policy", "new.toml")[0] == 0
    code, _, err = call(capsys, "--init", "--policy", "new.toml")
    assert code == 2
    assert "exists already" in err


def test_the_plan_names_the_examples_of_each_task(folder, capsys):
    code, out, _ = against(capsys, side(north=(900, 1000, 30), south=(900, 1000)), "--plan")
    assert code == 0
    assert "north: " in out
    assert "examples for δ = 2 points, 1000 there" in out


def test_names_come_out_harmless(folder, capsys):
    frame = CHAMPION.assign(task=CHAMPION["task"].replace("north", NASTY))
    frame.to_parquet("champion.parquet")
    worse = frame.assign(score=[0] * 100 + list(frame["score"][100:]))
    worse.to_parquet("candidate.parquet")
    code, out, err = call(capsys, "--champion", "champion.parquet", "--candidate", "candidate.parquet", "--out", "gate")
    assert (code, err) == (1, "")
    assert "\x1b" not in out
    text = (folder / "gate/verdict.md").read_text()
    assert "<script>" not in text
    assert "\x1b" not in text
    assert all(line.count(" | ") == 7 for line in text.splitlines() if line.startswith("| &lt;"))
    page = (folder / "gate/verdict.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    names = [c.get("name") for c in ET.parse(folder / "gate/junit.xml").getroot()]
    assert any("<script>" in n for n in names), "escaped in XML, whole after parsing"
    assert json.loads((folder / "gate/verdict.json").read_text())["tasks"][0]["task"] == NASTY


BYTES = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=BYTES, suffix=st.sampled_from([".csv", ".parquet", ".jsonl", ".toml"]))
def test_broken_inputs_never_pass(folder, capsys, content, suffix):
    name = f"broken{suffix}"
    (folder / name).write_bytes(content)
    CHAMPION.to_csv("candidate.csv", index=False)
    given_ = ["--policy", name] if suffix == ".toml" else []
    champion = "champion.parquet" if suffix == ".toml" else name
    code, out, err = call(capsys, "--champion", champion, "--candidate", "candidate.csv", *given_)
    if suffix == ".toml" and code == 0:
        return  # white space and comments are a policy of defaults
    assert code == 2, (out, err)
    assert err.startswith("holdfast: error: ")
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
