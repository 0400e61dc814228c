"""Runs that meet kill -9, damaged checkpoints, dying workers or a full disk.

Nothing that was finished may be lost, and the same command must then give the same bits.
benchmarks/kill_and_resume.py checks the same with many more kills.
"""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.helpers import learner, same, stream, weights

from forked import ended, started
from holdfast.errors import HoldfastError
from holdfast.training.checkpoint import Checkpoints
from holdfast.training.checkpoint_file import DamagedCheckpoint, read

DYING = """
import os, signal, sys
where, nth = sys.argv[1], int(sys.argv[2])
from holdfast.models.heads import GrowingHead
from holdfast.methods import EWC, ER
from holdfast.engine.memory import Memory
from holdfast.training.view import View
import safetensors.torch

def die(*a, **k):
    os.kill(os.getpid(), signal.SIGKILL)

def dying(owner, name, act):
    inner, calls = getattr(owner, name), [0]
    def outer(*a, **k):
        calls[0] += 1
        return act(inner, *a, **k) if calls[0] == nth else inner(*a, **k)
    setattr(owner, name, outer)

def after(inner, *a, **k):
    inner(*a, **k)
    die()

def half_a_file(inner, tensors, path, metadata):
    inner(tensors, path, metadata)
    os.truncate(path, os.path.getsize(path) // 2)
    die()

if where == "head":
    dying(GrowingHead, "open", after)
elif where == "consolidate":
    dying(View, "fisher", after)
elif where == "insert":
    dying(Memory, "insert", after)
elif where == "checkpoint":
    dying(safetensors.torch, "save_file", half_a_file)
from holdfast.cli.main import run_cli
run_cli(sys.argv[3:])
"""
SETTINGS = ["--scenario", "class", "--epochs", "3", "--hidden", "16", "--evaluate-every", "7"]
RUN = ["run", "--method", "ER(40) + EWC(1)", *SETTINGS]
WARNED = ["run", "--method", "ER(40) + EWC(300)", *SETTINGS]  # strong enough for a warning


def result(out: Path) -> dict:
    found = json.loads(next(out.rglob("result.json")).read_text())
    return {k: found[k] for k in ("matrix", "curves", "weights", "warnings")}


def test_killed_in_every_delicate_moment_it_ends_with_the_same_bits(tmp_path):
    """One run is killed four times.

    It dies while rows enter the memory, while a checkpoint is written, while the head grows, and
    while the method consolidates.
    """
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert ended(*WARNED, "--out", str(whole)).returncode == 0
    for where, nth in (("insert", 12), ("checkpoint", 8), ("head", 4), ("consolidate", 2)):
        done = ended(
            where, str(nth), *WARNED, "--checkpoint-every", "0", "--out", str(torn), script=DYING
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not list(torn.rglob("result.json"))
        assert list(torn.rglob("checkpoint.safetensors"))
    assert ended(*WARNED, "--checkpoint-every", "0", "--out", str(torn)).returncode == 0
    assert result(torn) == result(whole)
    assert any(
        "unstable" in w for w in result(whole)["warnings"]
    )  # from a task that ended before the kills
    assert [p.name for p in next(torn.glob("*/")).iterdir()] == ["result.json"]


class Stop(Exception):
    pass


def interrupted(folder: Path, steps: int = 60):
    """A run that wrote two checkpoints at least and then stopped."""
    s, seen = stream("class"), [0]

    def progress(*_):
        seen[0] += 1
        if seen[0] == steps:
            raise Stop

    with pytest.raises(Stop):
        learner(s, "ER(40)").fit(s, checkpoints=Checkpoints(folder, every=0), progress=progress)
    return s


@pytest.mark.parametrize("damage", ["truncated", "altered tensor", "altered text", "emptied"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_used(tmp_path, damage):
    s = interrupted(tmp_path)
    kept = Checkpoints(tmp_path)
    raw = kept.newest.read_bytes()
    if damage == "truncated":
        kept.newest.write_bytes(raw[: len(raw) * 2 // 3])
    elif damage == "emptied":
        kept.newest.write_bytes(b"")
    elif damage == "altered tensor":
        kept.newest.write_bytes(raw[:-5] + bytes([raw[-5] ^ 1]) + raw[-4:])
    else:
        kept.newest.write_bytes(raw.replace(b'\\"task_steps\\": ', b'\\"task_steps\\":1', 1))
    with pytest.raises(DamagedCheckpoint):
        read(kept.newest)
    again, whole = learner(s, "ER(40)"), learner(s, "ER(40)")
    with pytest.warns(UserWarning, match="resumes from the one before"):
        run = again.fit(s, checkpoints=tmp_path)
    assert run.matrix == whole.fit(s).matrix
    assert same(weights(again.model), weights(whole.model))


def test_with_both_damaged_it_starts_again(tmp_path):
    s = interrupted(tmp_path)
    kept = Checkpoints(tmp_path)
    for path in (kept.newest, kept.before):
        path.write_bytes(path.read_bytes()[:100])
    ours, whole = learner(s, "ER(40)"), learner(s, "ER(40)")
    with pytest.warns(UserWarning, match="from the start") as caught:
        run = ours.fit(s, checkpoints=tmp_path)
    assert len(caught) == 2
    assert run.matrix == whole.fit(s).matrix


def test_what_is_no_checkpoint_is_refused(tmp_path):
    import pickle

    s = stream("class")
    file = tmp_path / "c.safetensors"
    file.write_bytes(pickle.dumps({"theta": [1.0]}))
    with pytest.raises(DamagedCheckpoint):
        learner(s).load(file)
    save_file({"a": torch.zeros(2)}, file)
    with pytest.raises(HoldfastError, match="not a checkpoint of a learner"):
        learner(s).load(file)
    ours = learner(s)
    ours.train(s[0])
    ours.save(file)
    tensors = load_file(file)
    save_file(tensors, file, {"holdfast": json.dumps({"format": 99}), "sha256": "0"})
    with pytest.raises(HoldfastError, match="format 99, this version reads 3"):
        learner(s).load(file)
    save_file(tensors, file, {"holdfast": json.dumps({"format": 3}), "sha256": "0", "extra": "1"})
    with pytest.raises(HoldfastError, match="checkpoint format"):
        learner(s).load(file)


def test_a_full_disk_stops_with_a_message_and_keeps_what_is_finished(tmp_path):
    """A limit on the size of files gives the same errors as a disk without room."""
    assert ended(*RUN, "--seeds", "1", "--out", str(tmp_path)).returncode == 0
    full = ended(
        *RUN, "--seeds", "1-3", "--checkpoint-every", "0", "--out", str(tmp_path), limit=20_000
    )
    assert full.returncode == 2
    assert "could not be written" in full.stderr
    assert "Traceback" not in full.stderr
    assert "finished runs are kept" in full.stderr
    assert len(list(tmp_path.rglob("result.json"))) == 1
    assert not [p for p in tmp_path.rglob(".*") if p.is_file()]
    again = ended(*RUN, "--seeds", "1-3", "--out", str(tmp_path))
    assert again.returncode == 0
    assert "1 of 3 runs are finished already" in again.stderr


def children(pid: int) -> list[int]:
    """Worker processes below a process: those that run loky's loop."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
            line = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == pid and "popen_loky" in line:
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find the workers")
def test_a_worker_that_dies_costs_nothing_that_is_finished(tmp_path):
    arguments = [
        *RUN,
        "--epochs",
        "12",
        "--seeds",
        "1-4",
        "--jobs",
        "2",
        "--checkpoint-every",
        "0.1",
        "--out",
        str(tmp_path),
    ]
    with started(*arguments) as running:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("result.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(children(running.pid)[0], signal.SIGKILL)
        broken = running.ended()
    assert broken.returncode == 2, broken.stderr
    assert "a worker process died" in broken.stderr
    assert "Traceback" not in broken.stderr
    kept = len(list(tmp_path.rglob("result.json")))
    assert kept >= 1
    # In one process, because where runs were carried out is no part of what they are.
    again = ended(*arguments, "--jobs", "1")
    assert again.returncode == 0, again.stderr
    assert f"{kept} of 4 runs are finished already" in again.stderr


def test_a_run_that_fails_does_not_stop_the_others(tmp_path):
    done = ended(*RUN, "--sweep", "lr=0.05,1e30", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "the loss became" in done.stderr
    assert "lr=1e+30" in done.stderr
    assert len(list(tmp_path.rglob("result.json"))) == 1
    assert "│ ER(40) + EWC(1), lr=0.05 │" in done.stdout  # what is finished is shown
