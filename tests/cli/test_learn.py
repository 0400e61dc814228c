"""`holdfast learn` and `holdfast predict`: options, mistakes, and files that stay whole."""

import os
import shlex
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast import Learner
from holdfast.cli.main import run_cli
from holdfast.models import mlp

# Learns like FineTune, and is interrupted at its second step.
STOPS = """
import os, signal
from holdfast.methods import Declaration, Method
class Stops(Method):
    declaration = Declaration("regularisation", "–", "is interrupted")
    def after(self, learner, step):
        if learner.task_number == 1 and learner.task_steps == 1:
            os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for month, classes in {"nov": ("a", "b"), "dec": ("b", "c")}.items():
        y = np.repeat(classes, 20)
        x = np.eye(3)[[("a", "b", "c").index(one) for one in y]]
        frame = pd.DataFrame(x, columns=["one", "two", "three"])
        frame.assign(kind=y).to_csv(f"{month}.csv", index=False)


def call(line: str, capsys) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        run_cli(shlex.split(line))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


FIRST = "learn --model m.hf --data nov.csv --label kind --method 'ER(20)' --batch-size 4"


def test_the_first_month_makes_the_file_and_the_next_needs_no_option(capsys):
    code, out, err = call(FIRST, capsys)
    assert code == 0
    assert "defaults for tables: --optimizer adam" in err
    assert "holdfast predict --model m.hf" in out
    code, out, _ = call("learn --model m.hf --data dec.csv --label kind", capsys)
    assert code == 0
    assert "new labels: c\nknown labels: b" in out
    assert "BWT:" in out
    learner = Learner.load("m.hf")
    assert repr(learner.method) == "ER(20)"
    assert learner.setup.settings.batch_size == 4
    code, out, _ = call("predict --model m.hf --data dec.csv", capsys)
    assert out.splitlines()[:2] == ["row,label,score", out.splitlines()[1]]
    assert len(out.splitlines()) == 41
    assert all(len(line) <= 80 for line in out.splitlines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--method FineTune", "--method FineTune() contradicts m.hf, which was begun with ER"),
        ("--network convnet", "--network convnet contradicts m.hf, which was begun with mlp"),
        ("--seed 3", "--seed 3 contradicts m.hf, which was begun with 0"),
        ("--batch-size 8", "--batch-size 8 contradicts m.hf, which was begun with 4"),
        ("--scenario task", "--scenario task contradicts m.hf"),
        ("--scale none", "--scale none contradicts m.hf, which was begun with first-task"),
        ("--keep-test maybe", "unknown --keep-test 'maybe'"),
        ("--name nov", "has learnt a task called 'nov' already"),
        ("--label sort", "unknown column of dec.csv 'sort'"),
        ("--data jan.csv", "there is no file or folder jan.csv"),
        ("--data digits", "there is no file or folder digits"),
    ],
)
def test_contradictions_and_mistakes_leave_the_file_as_it_was(capsys, options, message):
    call(FIRST, capsys)
    before = Path("m.hf").read_bytes()
    line = f"learn --model m.hf --data dec.csv --label kind {options}"
    code, _, err = call(line, capsys)
    assert code == 2
    assert message in err
    assert Path("m.hf").read_bytes() == before
    assert not [name for name in os.listdir() if name.endswith(".tmp")]


def test_options_that_the_file_has_already_are_welcome(capsys):
    call(FIRST, capsys)
    code, _, err = call(FIRST.replace("nov.csv", "dec.csv"), capsys)
    assert code == 0, err


def test_mistakes_of_the_first_month_write_no_file(capsys):
    for options, message in (
        ("--momentum 0.5 --optimizer adam", "momentum=0.5 has no effect"),
        ("--method EWD(1)", "did you mean"),
        ("--label sort", "unknown column of nov.csv 'sort'"),
        ("--image-size 8", "image_size=8 has no effect"),
        ("--head fixed", "a fixed head contradicts the class scenario"),
        ("--device warp", "device 'warp' cannot be used"),
    ):
        code, _, err = call(f"learn --model m.hf --data nov.csv --label kind {options}", capsys)
        assert code == 2, options
        assert message in err
        assert not os.path.exists("m.hf")


def test_an_interrupted_month_keeps_the_file_and_says_so(tmp_path, capsys):
    (tmp_path / "stopping.py").write_text(STOPS)
    first = "learn --model m.hf --data nov.csv --label kind --method stopping:Stops --batch-size 4"
    assert call(first, capsys)[0] == 0
    before = Path("m.hf").read_bytes()
    handler = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, _, err = call("learn --model m.hf --data dec.csv --label kind", capsys)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert code == 130
    assert "interrupted; m.hf is as it was. Give the same command again." in err
    assert Path("m.hf").read_bytes() == before


def test_learners_made_in_python_and_other_files(capsys):
    ours = Learner(mlp(3, "separate", seed=0), scenario="task", steps=3)
    ours.learn("nov.csv", label="kind")
    ours.save("m.hf")
    code, _, err = call("learn --model m.hf --data dec.csv --label kind --epochs 3", capsys)
    assert code == 2
    assert "made in Python, whose settings are fixed; leave --epochs out" in err
    assert call("learn --model m.hf --data dec.csv --label kind", capsys)[0] == 0
    code, _, err = call("predict --model m.hf --data dec.csv", capsys)
    assert "name it with --task, one of nov, dec" in err
    code, out, _ = call("predict --model m.hf --data dec.csv --task dec", capsys)
    assert {line.split(",")[1] for line in out.splitlines()[1:]} <= {"b", "c"}
    code, _, err = call("predict --model m.hf --data dec.csv --task feb", capsys)
    assert "unknown task 'feb'" in err
    code, _, err = call("predict --model none.hf --data dec.csv", capsys)
    assert (code, "there is no checkpoint at none.hf" in err) == (2, True)
