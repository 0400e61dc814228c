"""Every command prints on terminals that are not UTF-8."""

import json
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


# Runs command lines one after another in one process, each with files for what it prints. Streams
# and arguments are those that Python made for ASCII. The locale of the second encoding is the same,
# so only the streams differ, in the way of PYTHONIOENCODING.
ONE_AFTER_ANOTHER = """
import json, os, sys
from holdfast.cli.main import run_cli

assert sys.stdout.encoding == "ascii"
for encoding in sys.argv[2:]:
    os.chdir(encoding)
    sys.stdout.reconfigure(encoding=encoding)
    sys.stderr.reconfigure(encoding=encoding)
    for number, line in enumerate(json.loads(sys.argv[1])):
        for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
            os.dup2(os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT), stream.fileno())
        try:
            run_cli(line)
        except SystemExit as done:
            sys.stdout.flush()
            sys.stderr.flush()
            open(f"{number}.code", "w").write(str(done.code or 0))
    os.chdir("..")
"""
ENCODINGS = ("ascii", "cp1252")


def test_every_command_ends_well_without_a_traceback(tmp_path):
    files = {"m.csv": SCORES, "p.csv": PROBE, "t.csv": AUDIT, "µ.toml": SUITE}
    for encoding in ENCODINGS:
        (tmp_path / encoding).mkdir()
        for name, text in files.items():
            (tmp_path / encoding / name).write_text(text, encoding="utf-8")
    plain = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    lines = json.dumps(COMMANDS, ensure_ascii=False)
    command = [sys.executable, "-c", ONE_AFTER_ANOTHER, lines, *ENCODINGS]
    subprocess.run(command, cwd=tmp_path, env=os.environ | plain, check=True)
    for encoding in ENCODINGS:
        for number, arguments in enumerate(COMMANDS):
            place = tmp_path / encoding / str(number)
            said = place.with_suffix(".err").read_bytes()
            code = place.with_suffix(".code").read_text()
            assert code == "0", (encoding, arguments, said[-2000:])
            assert b"Traceback" not in said
            printed = place.with_suffix(".out").read_bytes()
            assert printed.decode(encoding, "strict"), (encoding, arguments)


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
