"""The laws against leaks: what a run is judged by must have no way into what it is judged on.

A method gets the training rows alone. Test and validation rows belong to those who judge and
choose, the task id at test time to the scenarios that give it, and an evaluation leaves no trace.
A method that needs rows of its own to choose by takes them from the training part, as BiC does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.checks.parts import (
    TASKS,
    LawBroken,
    Make,
    require_same,
    same_bits,
    small_learner,
    small_stream,
    state_of,
    trained,
)
from holdfast.streams import Task
from holdfast.streams.task import ArrayPart, Part
from holdfast.training import Learner

EVALUATIONS = 3  # of the same rows, one after the other


def held_out_rows_change_nothing(make: Make, scenario: str) -> None:
    """The same bits, in weights, state and predictions, whatever the test and validation rows are."""
    s = small_stream(scenario, validation=0.2)
    other = replace(s, tasks=tuple(_beside_strange_rows(t) for t in s.tasks))
    one, two = (trained(make(), stream, epochs=1) for stream in (s, other))
    require_same(state_of(one), state_of(two), "trained beside other test and validation rows")
    for task in s.tasks:
        for part in (task.test, task.validation):
            assert part is not None
            x = part.fetch(torch.arange(len(part)))[0]
            if not same_bits(one.predict(x, task.index), two.predict(x, task.index)):
                raise LawBroken("predictions for held-out rows depend on having had them")


def _beside_strange_rows(task: Task) -> Task:
    """The task with noise under wrong labels for its test and validation rows.

    Its training rows are copied, so that the array they are a part of holds no other rows.
    """
    assert task.validation is not None
    x, y, _ = task.train.fetch(torch.arange(len(task.train)))
    test, validation = _strange(task.test), _strange(task.validation)
    return replace(task, train=ArrayPart(x, y, task.index), test=test, validation=validation)


def _strange(part: Part) -> ArrayPart:
    x, y, tasks = part.fetch(torch.arange(len(part)))
    noise = torch.randint(256, x.shape, generator=torch.Generator().manual_seed(0))
    labels, number = y.unique(return_inverse=True)
    return ArrayPart(noise.to(x.dtype), labels.roll(1)[number], int(tasks[0]))


def task_id_hidden(make: Make, scenario: str) -> None:
    """Names of tasks change nothing, nor do task ids where they are hidden.

    Rows are predicted one by one: their neighbours would tell of the task as well.
    """
    s = small_stream(scenario)
    learner = trained(make(), s)
    renamed = replace(s, tasks=tuple(replace(t, name=f"other {t.index}") for t in s.tasks))
    again = trained(make(), renamed)
    require_same(state_of(learner, False), state_of(again, False), "tasks under other names")
    x = torch.cat([t.test.fetch(torch.arange(6))[0] for t in s.tasks])
    together = learner.predict(x, 0)
    if scenario != "task":
        for t in (*range(1, TASKS), None):
            if not torch.equal(together, learner.predict(x, t)):
                what = f"which the {scenario} scenario hides"
                raise LawBroken(f"predictions depend on the task id, {what}")
    single = torch.cat([learner.predict(row[None], 0) for row in x])
    if not torch.allclose(together, single, atol=1e-5):
        raise LawBroken("a row's prediction depends on the rows beside it")


def evaluation_changes_nothing(make: Make, scenario: str) -> None:
    """Evaluating leaves weights, statistics, state and generators alone, during training too."""
    s = small_stream(scenario)
    quiet, watched = trained(make(), s), small_learner(make(), s)
    for k, task in enumerate(s.tasks):
        watched.begin(task)
        for batch in watched.view.batches():
            watched.step(batch)
            _evaluate(watched, task)
        watched.end()
        for ended in s.tasks[: k + 1]:
            before = state_of(watched)
            scores = [_evaluate(watched, ended) for _ in range(EVALUATIONS)]
            require_same(before, state_of(watched), "before and after evaluations")
            if any(not torch.equal(scores[0], other) for other in scores[1:]):
                raise LawBroken(f"{EVALUATIONS} evaluations in a row differ")
    what = "trained without and with evaluations in between"
    require_same(state_of(quiet), state_of(watched), what)


def _evaluate(learner: Learner, task: Task) -> Tensor:
    """The scores on a task's test part, from a network in eval mode."""
    with _refusing_training_mode(learner.model):
        return learner.evaluate(task)


@contextmanager
def _refusing_training_mode(model: nn.Module) -> Iterator[None]:
    """Inside, a forward pass in training mode breaks the law: BatchNorm would learn from it."""

    def refuse(module: nn.Module, _: Any) -> None:
        if module.training:
            raise LawBroken("the network runs in training mode while it is evaluated")

    handles = [m.register_forward_pre_hook(refuse) for m in model.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
