"""Commands with worker processes end as a whole: with their workers, and soon."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forked import started

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
def folder(tmp_path):
    """The folder in which a command runs, with the suite that takes long."""
    (tmp_path / "long.toml").write_text(SUITE)
    return tmp_path


def wait_for_workers(folder: Path, group: int, number: int = 2, seconds: float = 60) -> None:
    """Wait until as many runs have begun as there are workers."""
    deadline = time.monotonic() + seconds
    while len(list(folder.rglob("o/*/config.json"))) < number and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(in_group(group)) > number, "it has workers"


COMMANDS = {
    "bench": ("bench", "long.toml", "--jobs", "2", "--checkpoint-every", "0.5", "--out", "o"),
    "run": (
        *("run", "--epochs", "20", "--hidden", "64", "--seeds", "1-99", "--jobs", "2"),
        *("--out", "o"),
    ),
    "order probe": (
        *("order", "probe", "--suite", "long.toml", "--jobs", "2", "--seeds", "1", "--out", "o"),
    ),
}


def test_sigterm_ends_a_command_with_its_workers_and_closes_its_pipes(folder):
    """This process is started as a shell does it, and not forked from another one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli.main", *COMMANDS["bench"]],
        cwd=folder,
        start_new_session=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for_workers(folder, process.pid)
        wait_for_checkpoint(folder)
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        # This ends once every process has closed the pipes, as `| tee` would.
        _, err = process.communicate(timeout=20)
        assert process.returncode == 143, err
        assert time.monotonic() - sent < 10
        assert gone(process.pid, 5), in_group(process.pid)
    finally:
        if in_group(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    assert "ended by SIGTERM" in err
    assert "Traceback" not in err, err[-6000:]
    assert list(folder.rglob(CHECKPOINT)), "what was kept stays"


def test_sigterm_ends_the_workers_of_a_probe_too(folder):
    with started(*COMMANDS["order probe"], folder=folder) as running:
        wait_for_workers(folder, running.pid)
        os.kill(running.pid, signal.SIGTERM)
        done = running.ended(20)
        assert gone(running.pid, 5), in_group(running.pid)
    assert done.returncode == 143, done.stderr
    assert "ended by SIGTERM" in done.stderr
    assert "Traceback" not in done.stderr, done.stderr[-6000:]


def test_sigterm_in_a_run_without_workers_ends_it_too(folder):
    with started("run", "--epochs", "2000", "--jobs", "1", "--out", "o", folder=folder) as running:
        while not list(folder.rglob("o/*/config.json")):
            time.sleep(0.1)
        os.kill(running.pid, signal.SIGTERM)
        assert running.ended(20).returncode == 143
        assert gone(running.pid, 5)


def test_workers_end_with_a_parent_that_had_no_chance_to_end_them(folder):
    with started(*COMMANDS["bench"], folder=folder) as running:
        wait_for_workers(folder, running.pid)
        os.kill(running.pid, signal.SIGKILL)
        assert running.ended(20).returncode == -signal.SIGKILL
        assert gone(running.pid, 15), in_group(running.pid)


def test_ctrl_c_of_a_terminal_reaches_the_workers_too_and_prints_no_traceback(folder):
    with started(*COMMANDS["run"], folder=folder) as running:
        wait_for_workers(folder, running.pid)
        while not list(folder.rglob("result.json")):
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        done = running.ended(20)
        assert gone(running.pid, 5)
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr
    assert "of 99 runs are finished and kept" in done.stderr
    assert list(folder.rglob("result.json"))
    assert "Traceback" not in done.stderr, done.stderr[-6000:]
