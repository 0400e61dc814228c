"""Every command prints on terminals that are not UTF-8."""

import os
import subprocess
import sys

import pytest
import typer

from holdfast.cli.main import app, run_cli

SCORES = "task,after,score\nα,α,0.9\nα,b,0.6\nb,b,0.8\n"
PROBE = "trained,α,b\nα,,-0.1\nb,-0.2,\n"
AUDIT = "shop,prix,y\né,1,0\nb,2,1\né,3,0\nb,4,1\n"
SUITE = """\
name = "µ"
scenarios = ["domain"]
seeds = [1]
methods = [{ label = "δ", spec = "FineTune" }]
[model]
hidden = [8]
"""
COMMANDS = [
    ["--help"],
    ["--version"],
    ["methods"],
    ["advise"],
    ["advise", "--train", "t.csv", "--serve", "t.csv", "--task", "shop", "--label", "y"],
    ["metrics", "m.csv"],
    ["bench"],
    ["bench", "µ.toml", "--out", "o"],
    ["report", "o", "--markdown"],
    ["order", "plan", "--from", "p.csv"],
    ["order", "plan", "--from", "p.csv", "--html", "p.html"],
    *(
        [c, "--help"]
        for c in ("run", "bench", "gate", "record", "history", "diagnose", "report", "advise")
    ),
    ["order", "probe", "--help"],
]


ROOT = typer.main.get_command(app)
PATHS = [
    [],
    *([name] for name in ROOT.commands),
    *(["order", name] for name in ROOT.commands["order"].commands),
]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_ends_well_without_a_traceback(tmp_path, encoding):
    files = {"m.csv": SCORES, "p.csv": PROBE, "t.csv": AUDIT, "µ.toml": SUITE}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    plain = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": encoding,
    }
    for arguments in COMMANDS:
        command = [sys.executable, "-m", "holdfast.cli.main", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | plain, capture_output=True)
        assert done.returncode == 0, (arguments, done.stderr[-2000:])
        assert b"Traceback" not in done.stderr
        assert done.stdout.decode(encoding, "strict")


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_help_of_every_command_fits_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    for path in PATHS:
        with pytest.raises(SystemExit) as done:
            run_cli([*path, "--help"])
        assert not done.value.code
        page, _, examples = capsys.readouterr().out.partition("Examples:")
        assert examples.count("holdfast") >= 1, path
        for line in page.splitlines():
            # One word, such as the name of an option or a URL, may be longer than a line.
            assert len(line) <= columns or len(line.split()) <= 3, (path, line)
