"""What a person sees while a run trains, and that training does not notice it."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from holdfast import HoldfastError
from holdfast.methods import ER, EWC, FineTune, iCaRL
from holdfast.models import mlp
from holdfast.streams import digits, split
from holdfast.training import Learner, display, showing
from holdfast.training.boundary_free import fit_boundary_free

STREAM = split(digits().limited(200, 0), 5, "class")
TEN_STEPS = {"steps": 2, "batch_size": 16}


def learner(method=None, scenario="class"):
    head = "fixed" if scenario == "domain" else "growing"
    model = mlp(STREAM.shape, head, 2 if scenario == "domain" else 10, hidden=[8], seed=0)
    return Learner(model, method, scenario=scenario, **TEN_STEPS)


class Kept(display.Silent):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def step(self, task, step, steps):
        self.told.append((task.index, step, steps))

    def phase(self, task, name):
        self.told.append((task.index, name))

    def close(self):
        self.told.append("closed")


def test_a_watch_hears_of_every_step_and_of_phases_by_name():
    kept = Kept()
    learner(ER(10) + EWC(1.0)).fit(STREAM, progress=kept)
    assert kept.told[:4] == [
        (0, 1, 2),
        (0, 2, 2),
        (0, "consolidation by ER + EWC"),
        (0, "evaluation"),
    ]
    assert kept.told[-1] == "closed"
    assert len(kept.told) == 5 * 4 + 1
    assert display.consolidation_of(iCaRL(20)).startswith("consolidation by iCaRL")
    assert display.consolidation_of(FineTune()) == "end of the task"


def test_a_failed_run_is_closed_too():
    kept = Kept()
    kept.step = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        learner().fit(STREAM, progress=kept)
    assert kept.told == ["closed"]


def test_progress_changes_no_weight(capsys):
    silent = learner(ER(10))
    silent.fit(STREAM, progress=False)
    shown = learner(ER(10))
    shown.fit(STREAM, progress=True)
    assert capsys.readouterr().err
    for one, other in zip(silent.model.parameters(), shown.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_function_is_called_after_each_step_as_before():
    seen = []
    learner().fit(STREAM, progress=lambda task, step, steps: seen.append((task.name, step, steps)))
    assert seen[:3] == [("0+1", 1, 2), ("0+1", 2, 2), ("2+3", 1, 2)]


def test_a_log_has_lines_some_seconds_apart_and_one_at_the_end(capsys, monkeypatch):
    learner().fit(STREAM, progress=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("holdfast: task 5 of 5 (8+9): step 2 of 2, ")
    monkeypatch.setattr(showing, "LOG_EVERY", 0.0)
    learner().fit(STREAM, progress=True)
    assert len(capsys.readouterr().err.splitlines()) > 10


def test_a_script_is_silent_and_an_interactive_session_is_not(capsys, monkeypatch):
    learner().fit(STREAM)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert not showing.is_interactive(), "stderr is no terminal here"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert showing.is_interactive()


def test_a_terminal_has_one_line_within_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(showing, "EVERY", 0.0)
    learner(ER(10)).fit(STREAM, progress=True)
    assert "task 5 of 5" in capsys.readouterr().err


def test_a_notebook_has_one_line_that_is_replaced(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle["text/plain"]))

    def show(bundle, raw, display_id):
        shown.append(bundle["text/plain"])
        return handle

    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    of_display = ModuleType("IPython.display")
    of_display.display = show
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", of_display)
    learner().fit(STREAM)
    assert shown[0].startswith("task 1 of 5 (0+1)")
    assert shown[-1].startswith("task 5 of 5 (8+9): step 2 of 2")


def test_what_cannot_show_progress_is_refused():
    with pytest.raises(HoldfastError, match="progress is True, False, None or a function"):
        learner().fit(STREAM, progress="yes")


def test_unannounced_boundaries_show_their_progress():
    stream = split(digits().limited(200, 0), 5, "domain")
    kept = Kept()
    fit_boundary_free(learner(scenario="domain"), stream, None, progress=kept)
    assert (4, 2, 2) in kept.told
    assert kept.told[-1] == "closed"


def test_the_rest_of_a_resumed_run_is_estimated_by_its_own_steps():
    moments = []
    pulse = display.Pulse(moments.append, {0: 100, 1: 100}, every=0.0)
    pulse.step(SimpleNamespace(index=1, name="b"), 41, 100)
    assert (moments[0].done, moments[0].total, moments[0].tasks) == (141, 200, 2)
    clock = iter([0.0, 10.0, 20.0])
    left = display.TimeLeft(clock.__next__)
    assert [left(141, 200), left(151, 200), left(151, 200)] == ["", "0:00:49 left", "0:01:38 left"]
