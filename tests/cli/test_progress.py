"""Progress of runs: lines in a log, a bar on a terminal."""

import sys
from types import SimpleNamespace

import pytest

from holdfast.cli.progress import follow


def three_runs(tell):
    """Runs of two tasks each; the first was finished before."""
    for seed in (2, 3):
        for step in range(1, 5):
            tell("ER(50)", step / 2, 2)
        yield "ER(50)", SimpleNamespace(scenario="class", seed=seed), 1.25


def test_a_log_has_a_line_per_task_and_per_run(capsys):
    follow(three_runs, total=3, done=1)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 3 runs are finished already and are skipped",
        "[2/3] ER(50): 1 of 2 tasks",
        "[2/3] ER(50), class scenario, seed 2: 1.2 s",
        "[3/3] ER(50): 1 of 2 tasks",
        "[3/3] ER(50), class scenario, seed 3: 1.2 s",
    ]


def test_a_terminal_has_a_bar_that_ends_with_a_summary(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    follow(three_runs, total=3, done=1)
    err = capsys.readouterr().err
    assert "2 runs in 0 s" in err
    assert "100%" in err


def test_nothing_is_started_if_everything_is_finished(capsys):
    follow(lambda tell: pytest.fail("a run was started"), total=2, done=2)
    assert capsys.readouterr().err == "2 of 2 runs are finished already and are skipped\n"
