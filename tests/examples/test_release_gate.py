"""The example: the careful candidate passes, the careless one fails for the season it forgot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "release-gate"


@pytest.mark.data
def test_the_example_lets_the_careful_model_pass_and_stops_the_careless_one(data_dir, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLE / "train.py", "--data", data_dir, "--out", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    codes = {}
    for name in ("careful", "careless"):
        sides = ["--champion", tmp_path / "champion.parquet", "--candidate", tmp_path / f"{name}.parquet"]
        gate = [sys.executable, "-m", "holdfast.cli.main", "gate", *sides, "--policy", EXAMPLE / "gate.toml", "--out", tmp_path / name]
        codes[name] = subprocess.run(gate, capture_output=True, text=True, check=False).returncode
    assert codes == {"careful": 0, "careless": 1}
    verdict = json.loads((tmp_path / "careless" / "verdict.json").read_text())
    decided = {t["task"]: t["decision"] for t in verdict["tasks"]}
    assert decided["spring"] == "fail"
    assert decided["summer"] == "pass"


def test_the_action_runs_the_command_with_its_inputs(tmp_path):
    """The shell of the composite action itself, with a `holdfast` that prints its arguments."""
    text = (EXAMPLE.parents[1] / "action.yml").read_text()
    script = text[text.index("arguments=(") : text.index('holdfast gate "${arguments[@]}"')] + 'holdfast gate "${arguments[@]}"'
    fake = tmp_path / "holdfast"
    fake.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    values = {
        "CHAMPION": "",
        "CANDIDATE": "b c.csv",
        "POLICY": "gate.toml",
        "OUT": "gate",
        "LEDGER": "sqlite:///l.db",
        "MODEL": "m",
        "RELEASE": "1.2",
    }
    environment = values | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, text=True, check=True)
    expected = ["gate", "--candidate", "b c.csv", "--policy", "gate.toml", "--out", "gate", "--ledger", "sqlite:///l.db", "--model", "m"]
    expected += ["--release", "1.2"]
    assert done.stdout.splitlines() == expected
