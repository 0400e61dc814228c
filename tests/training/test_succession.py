"""Which tasks a learner goes on with: those of its own stream, in order, each once."""

from dataclasses import replace

import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.streams import Stream, digits, split
from holdfast.training.checkpoint import Checkpoints


def cut(s, *numbers):
    """A stream of some of the tasks."""
    tasks = tuple(replace(s[k], index=i) for i, k in enumerate(numbers))
    return Stream(tasks, s.scenario, s.outputs, s.shape, s.labels)


@pytest.mark.parametrize("scenario", ["class", "domain", "task"])
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            lambda s: cut(s, 1, 0, 2, 3, 4),
            "task number 0 of the stream is '2.3', but the learner was trained on '0.1' there",
        ),
        (lambda s: cut(s, 0), "has begun 2 tasks, the stream has 1"),
        (lambda s: split(digits(), 2, s.scenario), "task number 0 of the stream"),
    ],
)
@pytest.mark.parametrize("loaded", [False, True])
def test_fit_refuses_a_stream_that_the_learner_was_not_trained_on(
    tmp_path, scenario, other, message, loaded
):
    s, steps = stream(scenario), []
    ours = learner(s, epochs=1).train(s[0], s[1])
    if loaded:
        ours.save(tmp_path / "a.safetensors")
        ours = learner(s, epochs=1)
        ours.load(tmp_path / "a.safetensors")
    with pytest.raises(HoldfastError, match=message):
        ours.fit(other(s), progress=lambda *a: steps.append(a))
    assert not steps


def test_fit_refuses_tasks_of_the_same_names_with_other_outputs():
    s = stream("class")
    ours = learner(s, epochs=1).train(s[0])
    grown = Stream(
        (replace(s[0], outputs=(0, 3)), *s.tasks[1:]), "class", s.outputs, s.shape, s.labels
    )
    with pytest.raises(
        HoldfastError, match="has the outputs 0 to 2, but the learner was trained with 0 to 1"
    ):
        ours.fit(grown)


def test_fit_goes_on_with_the_tasks_that_are_left():
    s = stream("class")
    run = learner(s, epochs=1).train(s[0], s[1]).fit(s)
    assert run.matrix.score(s[0].name, after=s[2].name) == run.matrix.score(
        s[0].name, after=s[2].name
    )


def test_fit_refuses_a_learner_that_has_learnt_everything():
    s = stream("class")
    with pytest.raises(HoldfastError, match="has learnt all 5 tasks of the stream"):
        learner(s, epochs=1).train(*s).fit(s)


def test_a_finished_run_is_returned_whole_from_its_checkpoint(tmp_path):
    s = stream("class")
    first = learner(s, epochs=1).fit(s, checkpoints=Checkpoints(tmp_path, every=0.0)).matrix
    again = learner(s, epochs=1).fit(s, checkpoints=tmp_path).matrix
    assert again.cells == first.cells


def test_a_checkpoint_of_a_longer_stream_is_refused(tmp_path):
    s = stream("class")
    learner(s, epochs=1).fit(s, checkpoints=Checkpoints(tmp_path, every=0.0))
    with pytest.raises(HoldfastError, match="has begun 5 tasks, the stream has 2"):
        learner(s, epochs=1).fit(cut(s, 0, 1), checkpoints=tmp_path)


def test_a_task_that_has_not_ended_is_named():
    s = stream("class")
    ours = learner(s)
    ours.begin(s[0])
    with pytest.raises(HoldfastError, match=r"'0.1' has not ended"):
        ours.fit(s)


@pytest.mark.parametrize(
    ("scenario", "advice"),
    [
        ("class", r"a further task with another name, or append them with learner\.learn"),
        ("domain", "a further task with another name"),
        ("task", "outputs of its own"),
    ],
)
def test_a_task_that_was_learnt_is_refused_with_what_to_do(scenario, advice):
    s = stream(scenario)
    ours = learner(s, epochs=1).train(s[0], s[1])
    with pytest.raises(
        HoldfastError, match=rf"'0.1' was learnt already \(number 0 of 2\).*{advice}"
    ):
        ours.train(s[0])
    with pytest.raises(
        HoldfastError, match=r"expected task number 2, got 4 .* train the tasks before it first"
    ):
        ours.train(s[4])


def test_old_classes_are_trained_again_within_a_later_task_as_the_advice_says():
    s = stream("class")
    ours = learner(s, epochs=1).train(s[0], s[1])
    ours.begin(s[2])
    x, y, _ = s[0].train.fetch(torch.arange(32))
    assert float(ours.step((x, y))) > 0
    ours.end()


@pytest.mark.parametrize(
    "method", ["SI(0.1)", "RWalk(0.1)", "EWC(1)", "LaMAML(20)", "HAT()", "PackNet()"]
)
@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_every_moment_of_a_run_can_be_loaded(tmp_path, method, tasks):
    s = stream("task")
    ours = learner(s, method, epochs=1).train(*s.tasks[:tasks])
    for inside in (False, True):
        if inside:
            ours.begin(s[tasks])
            ours.step(next(ours.view.batches()))
        ours.save(tmp_path / "a.safetensors")
        again = learner(s, method, epochs=1)
        again.load(tmp_path / "a.safetensors", s.tasks)
        again.train(s[tasks])
        assert again.state.progress.names == [t.name for t in s.tasks[: tasks + 1]]
