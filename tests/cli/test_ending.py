"""Commands with worker processes end as a whole: with their workers, and soon."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs /proc to find processes"
)
CHECKPOINT = "checkpoint.safetensors"
SUITE = """
name = "long"
scenarios = ["class"]
seeds = [1, 2, 3, 4]
methods = [{ spec = "ER(50)" }]
[model]
hidden = [64]
[training]
epochs = 2000
[only.class.training]
lr = 0.001
"""


def in_group(group: int) -> list[str]:
    """The command lines of the processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rsplit(")", 1)[1].split()[:3]
            line = (stat.parent / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(line)
    return found


def gone(group: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while in_group(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not in_group(group)


def wait_for_checkpoint(folder: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not list(folder.rglob(CHECKPOINT)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(folder.rglob(CHECKPOINT))


@pytest.fixture
def start(tmp_path):
    """Starts a command in a process group of its own, and waits until its workers train."""
    (tmp_path / "long.toml").write_text(SUITE)
    started = []

    def begin(*arguments: str, trains: bool = True) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "holdfast.cli.main",
            *arguments,
            "--out",
            str(tmp_path / "o"),
        ]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            start_new_session=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        deadline = time.monotonic() + 60
        while (
            trains
            and len(list(tmp_path.rglob("o/*/config.json"))) < 2
            and time.monotonic() < deadline
        ):
            time.sleep(0.1)
        return process

    yield begin
    for process in started:
        if in_group(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


COMMANDS = {
    "bench": ("bench", "long.toml", "--jobs", "2", "--checkpoint-every", "0.5"),
    "run": ("run", "--epochs", "2000", "--seeds", "1-4", "--jobs", "2"),
    "order probe": ("order", "probe", "--suite", "long.toml", "--jobs", "2", "--seeds", "1"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_sigterm_ends_a_command_with_its_workers_and_closes_its_pipes(start, name, tmp_path):
    process = start(*COMMANDS[name])
    assert len(in_group(process.pid)) > 2, "it has workers"
    if "--checkpoint-every" in COMMANDS[name]:
        wait_for_checkpoint(tmp_path)
    sent = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(
        timeout=20
    )  # ends once every process has closed the pipes, as `| tee` would
    assert process.returncode == 143, err
    assert time.monotonic() - sent < 10
    assert gone(process.pid, 5), in_group(process.pid)
    assert "ended by SIGTERM" in err
    assert "Traceback" not in err, err[-6000:]
    if "--checkpoint-every" in COMMANDS[name]:
        assert list(tmp_path.rglob(CHECKPOINT)), "what was kept stays"


def test_sigterm_in_a_run_without_workers_ends_it_too(start):
    process = start("run", "--epochs", "2000", "--jobs", "1", trains=False)
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    assert gone(process.pid, 5)


def test_workers_end_with_a_parent_that_had_no_chance_to_end_them(start):
    process = start(*COMMANDS["bench"])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert gone(process.pid, 15), in_group(process.pid)


def test_ctrl_c_of_a_terminal_reaches_the_workers_too_and_prints_no_traceback(start):
    process = start(*COMMANDS["bench"])
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err, err[-6000:]
    assert gone(process.pid, 5)
