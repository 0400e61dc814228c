"""What `log` receives: steps, ends of tasks, evaluations."""

import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.methods import parse_method
from holdfast.models import mlp
from holdfast.training import Learner
from holdfast.training.checkpoint import Checkpoints


def trained(records, **options):
    s = stream("class")
    return s, learner(s, log=records.append, **options)


def steps(records):
    return [r for r in records if "score" not in r]


@pytest.mark.parametrize("every", [1, 4, 100, 10**6])
@pytest.mark.parametrize("own_loop", [False, True])
def test_steps_rise_over_all_tasks_and_every_end_is_logged(every, own_loop):
    records = []
    s, ours = trained(records, log_every=every, epochs=1)
    if own_loop:
        ours.train(*s)
    else:
        ours.fit(s)
    found = steps(records)
    lengths = [ours.view.order(t).steps for t in s]
    ends = [sum(lengths[: k + 1]) for k in range(5)]
    assert [r["step"] for r in found] == sorted({r["step"] for r in found})
    assert {r["step"] for r in found} >= set(ends)
    assert {(r["task"], r["task_step"]) for r in found} >= {
        (t.name, n) for t, n in zip(s, lengths, strict=True)
    }
    assert all(isinstance(r["loss"], torch.Tensor) and r["loss"].dim() == 0 for r in found)
    assert len(found) == sum(-(-n // every) for n in lengths)


def test_evaluations_are_logged_with_the_score_of_every_task():
    records = []
    s, ours = trained(records, epochs=1)
    m = ours.fit(s, evaluate_every=3).matrix
    rows = [r for r in records if "score" in r and r["task_step"] == ours.view.order(s[0]).steps]
    for task in s:
        last = [r for r in records if "score" in r and r["task"] == task.name][-1]
        assert last["score"] == {
            t.name: m.score(t.name, after=task.name) for t in s.tasks[: task.index + 1]
        }
        assert isinstance(last["step"], int)
    assert rows
    assert [r["step"] for r in records] == sorted(r["step"] for r in records)


def test_scores_on_validation_rows_are_logged_beside():
    records = []
    s = stream("class", validation=0.2)
    learner(s, log=records.append, epochs=1).fit(s)
    assert records[-1]["validation"].keys() == records[-1]["score"].keys() == {t.name for t in s}


def test_a_resumed_run_goes_on_counting(tmp_path):
    class Killed(Exception):
        pass

    whole, parts = [], []
    s, ours = trained(whole, log_every=5)
    ours.fit(s)
    saves, done = Checkpoints(tmp_path, every=0.0), []

    def kill(*_):
        done.append(1)
        if len(done) == 31:
            raise Killed

    with pytest.raises(Killed):
        trained(parts, log_every=5)[1].fit(s, checkpoints=saves, progress=kill)
    trained(parts, log_every=5)[1].fit(s, checkpoints=saves)
    assert [(r["step"], r["task"]) for r in parts] == [(r["step"], r["task"]) for r in whole]


def test_methods_that_train_no_weight_log_steps_without_a_loss():
    records = []
    s = stream("class")
    model = mlp(s.shape, "growing", hidden=(16,), seed=0).freeze()
    Learner(model, parse_method("NCM()"), scenario="class", log=records.append).fit(s)
    assert [r["task"] for r in steps(records)] == [t.name for t in s]
    assert not any("loss" in r for r in records)


def test_phases_after_a_task_are_counted_and_logged():
    records = []
    s = stream("task")
    ours = learner(s, "PackNet()", log=records.append, epochs=1).train(s[0])
    assert records[-1]["step"] == ours.state.progress.steps > ours.view.order(s[0]).steps


def test_the_number_of_steps_between_records_is_checked_when_the_learner_is_made():
    with pytest.raises(HoldfastError, match="log_every is a number of steps of at least 1, got 0"):
        learner(stream(), log_every=0)
