"""`holdfast gate`: exit codes, files, and names that must come out harmless."""

import json
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_judge import CHAMPION, side

from holdfast.cli.main import run_cli
from holdfast.gate import read_policy, template
from holdfast.gate.outputs import verdict_schema
from holdfast.metrics import AccuracyMatrix

BOTH = ["--champion", "champion.parquet", "--candidate", "champion.parquet"]
DOCS = Path(__file__).parents[2] / "docs"

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
    assert (code, out.splitlines()[0]) == (0, "pass; worst change: 0.00 points on north")
    worse = side(north=(990, 1000), south=(900, 1000, 60))
    code, out, _ = against(capsys, worse, "--out", "gate")
    headline = "fail; worst change: −6.00 points on south"
    assert (code, out.splitlines()[:2]) == (
        1,
        [headline, "  south: loses 6.00 points, more than the 2 allowed"],
    )
    verdict = json.loads((folder / "gate/verdict.json").read_text())
    assert (verdict["schema"], verdict["decision"], verdict["tasks"][0]["task"]) == (
        2,
        "fail",
        "south",
    )
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
    assert (code, out.splitlines()[0]) == (
        1,
        "inconclusive (fails by policy); worst change: 0.00 points on north",
    )


def test_a_policy_is_written_once_and_understood(folder, capsys):
    assert call(capsys, "--init", "--policy", "new.toml")[0] == 0
    assert against(capsys, CHAMPION, "--policy", "new.toml")[0] == 0
    assert call(capsys, "--init", "other.toml")[0] == 0
    assert (folder / "other.toml").read_text() == (folder / "new.toml").read_text()
    assert call(capsys, "champion.parquet", "candidate.csv")[0] == 2
    code, _, err = call(capsys, "--init", "--policy", "simple")
    assert code == 0
    assert read_policy(folder / "simple.toml") == read_policy(Path("simple"))
    code, _, err = call(capsys, "--init", "--policy", "new.toml")
    assert code == 2
    assert "exists already" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--init", "--candidate", "b.csv"], "--init writes a policy and judges nothing"),
        (["--init", "new.toml", "--dry-run"], "so --dry-run has no effect"),
        (["--candidate", "champion.parquet"], "two models are compared, but one is missing"),
        (["--champion", "champion.parquet"], "two models are compared, but one is missing"),
        (["--champion", "no.csv", "--candidate", "no.csv"], "there is no such file"),
        (["--champion", "nothing", "--candidate", "nothing"], "nothing is an empty folder"),
        (["--champion", "empty.csv", "--candidate", "empty.csv"], "empty.csv"),
        (["--champion", "binary.csv", "--candidate", "binary.csv"], "binary.csv"),
        ([*BOTH, "--policy", "nonsense"], "there is no policy nonsense"),
        ([*BOTH, "--policy", "."], "policy"),
        ([*BOTH, "--model", "m"], "--model says something about a model in a ledger"),
        ([*BOTH, "--trained-on", "a,b"], "--trained-on says something about a model in a ledger"),
        ([*BOTH, "--release", "2"], "give --ledger and --model too"),
        ([*BOTH, "--power", "80"], "--power must be at most 0.999, got '80'"),
        ([*BOTH, "--out", "champion.parquet"], "is a file, but a folder is needed"),
    ],
)
def test_wrong_command_lines_are_one_line_that_says_what_to_do(folder, capsys, arguments, message):
    (folder / "nothing").mkdir()
    (folder / "empty.csv").touch()
    (folder / "binary.csv").write_bytes(bytes(range(256)))
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (folder / "new.toml").exists()


def test_options_without_effect_on_a_verdict_are_named(folder, capsys):
    code, _, err = against(capsys, CHAMPION, "--power", "0.9", "--no-html")
    assert code == 0
    assert "note: --power has no effect without --plan" in err
    assert "note: --no-html has no effect without --out" in err
    assert against(capsys, CHAMPION, "--no-html", "--out", "gate")[2] == ""


def test_the_plan_names_the_examples_of_each_task(folder, capsys):
    code, out, _ = against(capsys, side(north=(900, 1000, 30), south=(900, 1000)), "--plan")
    assert code == 0
    assert "north: " in out
    assert "can show a loss below 2 points with a chance of 80 % if nothing is lost" in out
    assert "; the results have 1,000 examples\n" in out


def test_names_come_out_harmless(folder, capsys):
    frame = CHAMPION.assign(task=CHAMPION["task"].replace("north", NASTY))
    frame.to_parquet("champion.parquet")
    worse = frame.assign(score=[0] * 100 + list(frame["score"][100:]))
    worse.to_parquet("candidate.parquet")
    code, out, err = call(
        capsys,
        "--champion",
        "champion.parquet",
        "--candidate",
        "candidate.parquet",
        "--out",
        "gate",
    )
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
MATRIX = AccuracyMatrix.from_array(
    [[0.9, np.nan], [0.8, 0.7]], ["a", "b"], orientation="after-by-task", examples=100
)
NOISE = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"nan", b'"', b"-1", b"[", b"}", b"\n", b",", b"null", b"1e999"]),
)
VALID = {
    ".csv": CHAMPION.iloc[::100].to_csv(index=False).encode(),
    ".jsonl": CHAMPION.iloc[::100].to_json(orient="records", lines=True).encode(),
    ".json": json.dumps(MATRIX.to_json()).encode(),
    ".parquet": CHAMPION.iloc[::100].to_parquet(),
    ".toml": template().encode(),
}


@st.composite
def damaged(draw, valid: bytes) -> bytes:
    """A valid file, cut, with bytes replaced, inserted or taken out."""
    out = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        a = draw(st.integers(0, len(out)))
        b = min(a + draw(st.integers(0, 40)), len(out))
        out[a:b] = draw(NOISE)
    return bytes(out)


def judged_with(folder, capsys, content: bytes, suffix: str):
    (folder / f"broken{suffix}").write_bytes(content)
    # Hundreds of inputs are tried in one folder.
    if not Path("candidate.csv").exists():
        CHAMPION.to_csv("candidate.csv", index=False)
    sides = [
        "--champion",
        "champion.parquet" if suffix == ".toml" else f"broken{suffix}",
        "--candidate",
        "candidate.csv",
    ]
    return call(capsys, *sides, *(["--policy", "broken.toml"] if suffix == ".toml" else []))


def refused(code: int, out: str, err: str) -> bool:
    return (
        code == 2
        and not out
        and err.startswith("holdfast: error: ")
        and len(err.strip().splitlines()) == 1
    )


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=BYTES, suffix=st.sampled_from([*VALID]))
def test_what_is_no_input_at_all_is_refused_in_one_line(folder, capsys, content, suffix):
    got = judged_with(folder, capsys, content, suffix)
    if suffix == ".toml" and got[0] == 0:
        return  # white space and comments are a policy of defaults
    assert refused(*got), got


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), suffix=st.sampled_from([*VALID]))
def test_a_damaged_file_is_refused_in_one_line_or_judged_but_never_a_fault(
    folder, capsys, data, suffix
):
    """What is left may still be valid: a policy with another figure, or results with fewer ids.

    Results that lost rows never pass.
    """
    content = data.draw(damaged(VALID[suffix]))
    got = judged_with(folder, capsys, content, suffix)
    if suffix == ".toml" and got[0] in (0, 1):
        tomllib.loads(content.decode())
        return
    assert refused(*got), (got, content)


MISTAKES = tomllib.loads((Path(__file__).parent / "mistakes.toml").read_text())


@pytest.mark.parametrize(
    ("suffix", "text"), [(s, t) for s, texts in MISTAKES.items() for t in texts]
)
def test_every_mistake_is_refused_in_one_line(folder, capsys, suffix, text):
    got = judged_with(folder, capsys, text.encode(), f".{suffix}")
    assert refused(*got), got


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"task": [1.5], "example_id": [None], "score": [1]}),
        pd.DataFrame({"task": ["a"], "example_id": [1], "score": [[1]]}),
        pd.DataFrame({"task": ["a"], "example_id": [1], "score": [pd.Timestamp("2026-01-01")]}),
        pd.DataFrame({"task": ["a"], "example_id": [1], "score": [b"x"]}),
        pd.DataFrame({"task": ["a"], "score": [1]}),
        pd.DataFrame({"task": []}),
        pd.DataFrame(),
    ],
)
def test_parquet_of_another_kind_is_refused_in_one_line(folder, capsys, frame):
    got = judged_with(folder, capsys, frame.to_parquet(), ".parquet")
    assert refused(*got), got


def test_the_schema_in_the_docs_is_that_of_the_verdict(folder, capsys):
    schema = json.loads((DOCS / "verdict.schema.json").read_text())
    assert schema == verdict_schema(), "python -m holdfast.gate.outputs > docs/verdict.schema.json"
    worse = side(north=(990, 1000), south=(900, 1000, 60))
    against(capsys, worse, "--out", "gate")
    jsonschema.validate(json.loads((folder / "gate/verdict.json").read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": 1, "decision": "perhaps"}, schema)
