"""Progress of runs: lines in a log, a board on a terminal."""

import io
import sys

import pytest
from rich.console import Console

from holdfast.cli.progress import _Board, follow
from holdfast.runs.config import RunConfig
from holdfast.training.display import Moment


def moment(step, label="2+3", number=1):
    done = 10 * (number - 1) + step
    return Moment(label, number, 2, step, 10, done, 20, 31.4)


def three_runs(tell):
    """Runs of two tasks each; the first was finished before."""
    for seed in (2, 3):
        config = RunConfig(method="ER(50)", seed=seed)
        for number in (1, 2):
            tell("ER(50)", config, moment(5, number=number))
        yield "ER(50)", config, 1.25


def test_a_log_has_a_line_per_task_and_per_run(capsys):
    follow(three_runs, total=3, done=1)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 3 runs are finished already and are skipped",
        "[2/3] ER(50), class, seed 2: 1 of 2 tasks",
        "[2/3] ER(50), class scenario, seed 2: 1.2 s",
        "[3/3] ER(50), class, seed 3: 1 of 2 tasks",
        "[3/3] ER(50), class scenario, seed 3: 1.2 s",
    ]


def test_a_log_names_the_step_of_a_long_task(capsys, monkeypatch):
    monkeypatch.setattr("holdfast.cli.progress.LOG_EVERY", 0.0)
    follow(three_runs, total=2, done=0)
    assert "[1/2] ER(50), class, seed 2: task 1 of 2 (2+3): step 5 of 10" in capsys.readouterr().err


def test_a_terminal_ends_with_a_summary(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    follow(three_runs, total=3, done=1)
    assert "2 runs in 0 s" in capsys.readouterr().err


def test_a_board_names_running_runs_steps_and_times_within_80_columns():
    times = iter([0.0, 0.0, 600.0])
    board = _Board(4, clock=lambda: next(times))
    configs = [RunConfig(method="ER(50)", seed=seed) for seed in range(3)]
    for config in configs[:2]:
        board.inside("ER(50) + LwF(alpha=1.0)", config, moment(0))
        board.inside("ER(50) + LwF(alpha=1.0)", config, moment(10))
    board.ended("ER(50)", configs[0], 3.0)
    out = io.StringIO()
    Console(file=out, width=80).print(board)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("1 of 4 runs ")
    assert lines[0].rstrip().endswith("37 %")
    assert lines[1] == "0:10:00 so far, about 0:16:40 left, step 30 of about 80"
    assert lines[2].startswith("  ER(50) + LwF(alpha=1.0), class, seed 1: task 1 of 2 (2+3): step")
    assert max(map(len, lines)) <= 80


def test_nothing_is_started_if_everything_is_finished(capsys):
    follow(lambda tell: pytest.fail("a run was started"), total=2, done=2)
    assert capsys.readouterr().err == "2 of 2 runs are finished already and are skipped\n"
