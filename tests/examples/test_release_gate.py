"""The example, the action and the CI files: their lines are run as they are printed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from holdfast.cli.main import app
from holdfast.gate.comment import MARK

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "release-gate"
PRINTS = '#!/bin/bash\nprintf "%s\\n" "$(basename "$0")" "$@" --end\n'


def lines_of(readme: Path) -> list[str]:
    """The indented lines of a Markdown file: commands."""
    return [line.strip() for line in readme.read_text().splitlines() if line.startswith("    ")]


@pytest.mark.data
def test_the_readme_s_lines_let_the_careful_model_pass_and_stop_the_careless_one(
    data_dir, tmp_path
):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    codes = []
    for line in lines_of(EXAMPLE / "README.md"):
        done = subprocess.run(
            shlex.split(line),
            cwd=tmp_path,
            env=os.environ | {"PATH": path, "HOLDFAST_DATA": data_dir},
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stderr
        codes.append(done.returncode)
    assert codes == [0, 0, 1]
    verdict = json.loads((tmp_path / "gate-careless" / "verdict.json").read_text())
    decided = {t["task"]: t["decision"] for t in verdict["tasks"]}
    assert decided["winter"] == decided["autumn"] == "fail"
    assert decided["summer"] == "pass"


def steps() -> list[str]:
    """The shell of the composite action."""
    return [s["run"] for s in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]]


@pytest.fixture
def fakes(tmp_path):
    """A folder with a `python` and a `holdfast` that print their arguments."""
    for name in ("python", "holdfast"):
        (tmp_path / name).write_text(PRINTS)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def bash(script: str, fakes: Path, **values: str) -> list[str]:
    environment = values | {"PATH": f"{fakes}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("ledger", "champion", "extras"),
    [
        ("", "a.csv", ""),
        ("", "a.parquet", "[parquet]"),
        ("sqlite:///l.db", "", "[ledger]"),
        ("sqlite:///l.db", "a.pq", "[parquet,ledger]"),
        ("postgresql+psycopg://u@h/d", "", "[postgresql]"),
        ("", "runs:/1/a.csv", "[mlflow]"),
        ("", "models:/m@champion", "[mlflow]"),
        ("postgres://u@h/d", "runs:/1/a.csv", "[postgresql,mlflow]"),
    ],
)
def test_the_action_installs_its_own_checkout_under_its_constraints(
    fakes, ledger, champion, extras
):
    here = "/a path/of the action"
    said = bash(
        steps()[0],
        fakes,
        GITHUB_ACTION_PATH=here,
        LEDGER=ledger,
        CHAMPION=champion,
        CANDIDATE="b.csv",
        PROMOTE="",
    )
    assert said == [
        "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        f"{here}/constraints.txt",
        here + extras,
        "--end",
    ]


def test_the_action_runs_the_command_with_its_inputs(fakes):
    values = {"CHAMPION": "", "CANDIDATE": "b c.csv", "POLICY": "gate.toml", "OUT": "gate"}
    values |= {"LEDGER": "sqlite:///l.db", "MODEL": "m", "RELEASE": "1.2"}
    values |= {"COMMENT": "true", "PROMOTE": "models:/m@champion", "PROMOTE_VERSION": "7"}
    values |= {"RUNNER_TEMP": "/a path", "METRIC": "exact match", "FORMAT": "lm-eval"}
    expected = [
        "holdfast",
        "gate",
        "--candidate",
        "b c.csv",
        "--policy",
        "gate.toml",
        "--out",
        "gate",
    ]
    expected += ["--ledger", "sqlite:///l.db", "--model", "m", "--release", "1.2"]
    expected += ["--metric", "exact match", "--format", "lm-eval"]
    expected += ["--comment", "/a path/holdfast-comment.md"]
    expected += ["--promote", "models:/m@champion", "--promote-version", "7", "--end"]
    assert bash(steps()[1], fakes, **values) == expected


@pytest.mark.parametrize("own", ["", "IC_1\nIC_2"])
def test_the_action_updates_its_own_comment_or_writes_the_first(fakes, own):
    """`gh` is a fake that finds the comments `own` and keeps the arguments of each call."""
    found = f"printf '%s\\n' '{own}'" if own else ":"
    (fakes / "gh").write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" --end >> "{fakes}/calls"\n'
        f'case "$*" in *--paginate*) {found} ;; esac\n'
    )
    (fakes / "gh").chmod(0o755)
    comment = fakes / "holdfast-comment.md"
    values = {"RUNNER_TEMP": str(fakes), "PULL_REQUEST": "12", "GITHUB_REPOSITORY": "o/r"}
    assert "::notice::" in bash(steps()[2], fakes, **values)[0]
    comment.write_text(MARK)
    assert "::notice::" in bash(steps()[2], fakes, **values | {"PULL_REQUEST": ""})[0]
    assert not (fakes / "calls").exists()
    assert bash(steps()[2], fakes, **values) == []
    first, second, rest = (fakes / "calls").read_text().split("--end\n")
    assert not rest
    assert {"owner=o", "name=r", "number=12"} <= set(first.splitlines())
    assert f'startswith("{MARK}")' in first
    sent = second.splitlines()
    assert f"body=@{comment}" in sent
    assert ("id=IC_1" in sent) == bool(own)
    assert ("repos/o/r/issues/12/comments" in sent) == (not own)


def test_a_comment_that_is_refused_warns_and_leaves_the_verdict(fakes):
    (fakes / "gh").write_text("#!/bin/bash\nexit 1\n")
    (fakes / "gh").chmod(0o755)
    (fakes / "holdfast-comment.md").write_text(MARK)
    values = {"RUNNER_TEMP": str(fakes), "PULL_REQUEST": "12", "GITHUB_REPOSITORY": "o/r"}
    assert bash(steps()[2], fakes, **values)[-1].startswith("::warning::")


def test_every_option_of_the_action_is_one_of_the_gate():
    named = set(re.findall(r"--[a-z-]+", steps()[1]))
    gate = get_command(app).commands["gate"]
    assert {"--metric", "--promote-version"} <= named
    assert named <= {option for each in gate.unnamed.params for option in each.opts}


def test_no_input_of_the_action_reaches_a_shell_except_through_the_environment():
    assert len(steps()) == 3
    for script in steps():
        assert "${{" not in script


def test_the_gitlab_job_checks_out_one_commit_and_installs_that(fakes):
    job = yaml.safe_load((EXAMPLE / "gitlab-ci.yml").read_text())["release-gate"]
    assert re.fullmatch("0{40}", job["variables"]["HOLDFAST_COMMIT"])
    copy = fakes / "copy"
    copy.mkdir()
    (copy / "constraints.txt").write_text("")
    git = ["git", "-C", str(copy), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    work = fakes / "work"
    work.mkdir()
    script = f"cd {shlex.quote(str(work))}\n" + "\n".join(job["before_script"] + job["script"])
    said = bash(script, fakes, HOLDFAST_URL=str(copy), HOLDFAST_COMMIT=head)
    assert said[: said.index("--end")][-3:] == [
        "--constraint",
        ".holdfast/constraints.txt",
        "./.holdfast[parquet]",
    ]
    assert said[said.index("--end") + 1 :][:2] == ["holdfast", "gate"]
    assert (work / ".holdfast" / "constraints.txt").exists()


def test_the_github_workflow_uses_the_action_of_one_commit():
    job = yaml.safe_load((EXAMPLE / "workflow.yml").read_text())["jobs"]["gate"]
    checkouts = [
        s["with"]
        for s in job["steps"]
        if s.get("uses", "").startswith("actions/checkout") and "with" in s
    ]
    assert len(checkouts) == 1
    assert re.fullmatch("0{40}", checkouts[0]["ref"])
    gate = next(s for s in job["steps"] if s.get("uses") == f"./{checkouts[0]['path']}")
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    assert gate["with"].keys() <= inputs.keys()
    assert {k for k, v in inputs.items() if v.get("required")} <= gate["with"].keys()


BY_NAME = re.compile(r"pip3? install[^\n]*?(?<![\w./@:-])holdfast(?![\w/.@+-]*[/@])")


def test_a_line_that_installs_by_name_would_be_found():
    for line in (
        "pip install holdfast",
        "pip install -U 'holdfast[train]'",
        "python -m pip install --quiet holdfast==0.1",
    ):
        assert BY_NAME.search(line), line
    for line in (
        "pip install ./holdfast",
        "pip install --constraint c.txt ./.holdfast",
        "pip install git+https://h/o/holdfast@0a1b",
    ):
        assert not BY_NAME.search(line), line


@pytest.mark.parametrize("place", ["action.yml", "examples", "docs", "README.md", "CHANGELOG.md"])
def test_nothing_tells_anybody_to_install_holdfast_by_name_from_an_index(place):
    """Nobody owns that name there, so whoever takes it would run their code in users' pipelines."""
    path = ROOT / place
    files = (
        [p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        if path.is_dir()
        else [path]
    )
    found = [
        f"{p.relative_to(ROOT)}: {m[0]}"
        for p in files
        for m in BY_NAME.finditer(p.read_text(errors="replace"))
    ]
    assert found == []
