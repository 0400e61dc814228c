"""Months of real digits in processes of their own, which share nothing but the learner's file."""

import json
import os
import shlex
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forked import ended
from holdfast import Learner, optimizer
from holdfast.models import mlp
from holdfast.streams import digits

MONTH = """
import json, torch
from holdfast import Learner
torch.set_num_threads(1)  # as the process that it is compared with
learner = Learner.load("model.hf")
month = learner.learn("2026-12")
learner.save("model.hf")
print(json.dumps({
    "matrix": month.matrix.to_array(untrained=False).tolist(),
    "new": month.new_labels, "returned": month.returned, "said": repr(month),
    "stored": len(learner.method.memory),
    "weights": float(learner.state.space.theta.double().sum()),
}))
"""
FIRST = (
    "learn --model model.hf --data 2026-11 --method 'ER(200)' --epochs 10 --batch-size 32 "
    "--optimizer adam --lr 0.001 --image-size 8 --hidden 64"
)
KILLS = """
import os, signal
from holdfast.methods import Declaration, Method
class Kills(Method):
    declaration = Declaration("regularisation", "–", "kills its process")
    def after(self, learner, step):
        if learner.task_number == 1 and learner.task_steps == 3:
            os.kill(os.getpid(), signal.SIGKILL)
"""
SERVE = """
import json, torch
from holdfast import Learner
torch.set_num_threads(1)
print(json.dumps(Learner.load("model.hf").predict("unseen")))
"""


@pytest.fixture
def months(tmp_path, monkeypatch):
    """Folders of images of digits by class, and the rows of a folder without classes."""
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    source = digits()
    for month, classes in {"2026-11": (0, 1, 2), "2026-12": (3, 4, 0)}.items():
        for digit in classes:
            rows = np.flatnonzero(source.train_y == digit)[:100]
            put(tmp_path / month / f"digit {digit}", source.train_x, rows)
    rows = np.flatnonzero(source.test_y < 5)[:60]
    put(tmp_path / "unseen", source.test_x, rows)
    return [f"digit {label}" for label in source.test_y[rows]]


def put(folder, x, rows) -> None:
    """Write rows of eight times eight numbers as images."""
    folder.mkdir(parents=True)
    for row in rows:
        pixels = x[int(row)].reshape(8, 8).float()
        image = (255 * pixels / pixels.max()).byte().numpy()
        Image.fromarray(image).save(folder / f"{row:05}.png")


def other_process(*arguments: str, script: str | None = None) -> str:
    done = ended(*arguments, script=script)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_month_is_learnt_and_served_in_processes_that_have_the_file_alone(months):
    model = mlp([1, 8, 8], "growing", hidden=(64,), seed=0)
    adam = optimizer("adam", lr=0.001)
    ours = Learner(model, "ER(200)", adam, scenario="class", epochs=10, batch_size=32)
    ours.learn("2026-11", image_size=8)
    ours.save("model.hf")
    stayed = ours.learn("2026-12")
    os.rename("2026-11", "gone")  # nothing of the first month is read again

    told = json.loads(other_process(script=MONTH))
    (first, unknown), (kept, learnt) = told["matrix"]
    assert min(first, kept, learnt) > 0.8
    assert np.isnan(unknown)
    assert (told["new"], told["returned"]) == (["digit 3", "digit 4"], ["digit 0"])
    assert told["stored"] == 200
    assert f"BWT: {100 * (kept - first):.1f} points" in told["said"]
    # The same bits as without leaving the process.
    assert told["weights"] == float(ours.state.space.theta.double().sum())
    assert told["matrix"] == pytest.approx(stayed.matrix.to_array(untrained=False), nan_ok=True)

    answers = json.loads(other_process(script=SERVE))
    assert np.mean(np.array(answers) == np.array(months)) > 0.8


def test_the_commands_do_the_same_in_processes_of_their_own(months):
    said = other_process(*shlex.split(FIRST))
    assert "new labels: digit 0, digit 1, digit 2" in said
    os.rename("2026-11", "gone")
    said = other_process("learn", "--model", "model.hf", "--data", "2026-12")
    assert "new labels: digit 3, digit 4\nknown labels: digit 0" in said
    assert "BWT: -" in said or "BWT: 0" in said
    other_process("predict", "--model", "model.hf", "--data", "unseen", "--out", "answers.csv")
    lines = Path("answers.csv").read_text().splitlines()
    assert lines[0] == "file,label,score"
    labels = [line.split(",")[1] for line in lines[1:]]
    assert np.mean(np.array(labels) == np.array(months)) > 0.8


def test_kill_9_and_a_full_disk_leave_the_file_as_it_was(months):
    Path("killing.py").write_text(KILLS)
    first = FIRST.replace("'ER(200)'", "killing:Kills")
    other_process(*shlex.split(first))
    before = Path("model.hf").read_bytes()
    second = ("learn", "--model", "model.hf", "--data", "2026-12")
    assert ended(*second).returncode == -signal.SIGKILL
    assert Path("model.hf").read_bytes() == before
    Path("killing.py").write_text(KILLS.replace("learner.task_number == 1", "False"))
    done = ended(*second, limit=len(before) // 2)
    assert done.returncode == 2
    assert "model.hf" in done.stderr
    assert Path("model.hf").read_bytes() == before
    assert [path.name for path in Path().glob(".model*")] == []
    other_process(*second)
    assert Path("model.hf").read_bytes() != before
