"""The laws against leaks: what a run is judged by must have no way into what it is judged on.

A method gets the training rows alone. Test and validation rows belong to those who judge and
choose, the task id at test time to the scenarios that give it, and an evaluation leaves no trace.
A method that needs rows of its own to choose by takes them from the training part, as BiC does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from holdfast.checks.parts import (
    TASKS,
    LawBroken,
    Subject,
    first_rows,
    require_same,
    same_bits,
    small_learner,
    small_stream,
    state_of,
    trained,
    without_method,
)
from holdfast.named_inputs import need_one_tensor
from holdfast.streams import Task
from holdfast.streams.task import ArrayPart, Part
from holdfast.training import Learner

EVALUATIONS = 3  # of the same rows, one after the other
CLOSE = 1e-5  # kernels for one row and for several may differ by rounding


def held_out_rows_change_nothing(subject: Subject) -> None:
    """Check that weights, state and predictions have no trace of test and validation rows.

    The method is trained twice, with the true rows held out and with noise under wrong labels.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The two learners differ.
    """
    stream = small_stream(subject.scenario, validation=0.2, objective=subject.objective)
    strange = replace(stream, tasks=tuple(_beside_strange_rows(task) for task in stream.tasks))
    one = trained(subject.method(), stream, epochs=1)
    other = trained(subject.method(), strange, epochs=1)
    require_same(state_of(one), state_of(other), "trained beside other test and validation rows")
    # The state may hide what it knows, so predictions for the true rows are compared too.
    for task in stream.tasks:
        for part in (task.test, _validation_of(task)):
            x = part.fetch(torch.arange(len(part)))[0]
            if not same_bits(one.predict(x, task.index), other.predict(x, task.index)):
                raise LawBroken("predictions for held-out rows depend on having had them")


def _validation_of(task: Task) -> Part:
    """Return the validation part, which the streams of this law have."""
    if task.validation is None:
        raise LawBroken(f"task {task.name!r} of the law's own stream has no validation rows")
    return task.validation


def _beside_strange_rows(task: Task) -> Task:
    """Give a task noise under wrong labels for its test and validation rows.

    Its training rows are copied, so that the array they are a part of holds no other rows.
    """
    x, y, _ = task.train.fetch(torch.arange(len(task.train)))
    return replace(
        task,
        train=ArrayPart(x, y, task.index),
        test=_strange(task.test),
        validation=_strange(_validation_of(task)),
    )


def _strange(part: Part) -> ArrayPart:
    """Replace inputs by noise and each label by another one of the part."""
    inputs, y, tasks = part.fetch(torch.arange(len(part)))
    x = need_one_tensor(inputs, "a law")
    noise = torch.randint(256, x.shape, generator=torch.Generator().manual_seed(0))
    # The labels of the part in another order, so that each row has a wrong but possible one.
    labels, number = y.unique(return_inverse=True)
    return ArrayPart(noise.to(x.dtype), labels.roll(1)[number], int(tasks[0]))


def task_id_hidden(subject: Subject) -> None:
    """Check that names of tasks change nothing, nor do task ids where they are hidden.

    Rows are also predicted one by one, because their neighbours would give the task away.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: A name, a hidden task id or a neighbouring row has an effect.
    """
    stream = subject.stream
    other_names = [replace(task, name=f"other {task.index}") for task in stream.tasks]
    learner = trained(subject.method(), replace(stream, tasks=tuple(other_names)))
    require_same(
        without_method(subject.plain_state),
        without_method(state_of(learner)),
        "tasks under other names",
    )
    x = torch.cat([first_rows(task, 6) for task in stream.tasks])
    together = learner.predict(x, 0)
    # In the task scenario the id selects the outputs, as it should.
    if subject.scenario != "task":
        for number in (*range(1, TASKS), None):
            if not torch.equal(together, learner.predict(x, number)):
                raise LawBroken(
                    "predictions depend on the task id, which the "
                    f"{subject.scenario} scenario hides"
                )
    single = torch.cat([learner.predict(row[None], 0) for row in x])
    if not torch.allclose(together, single, atol=CLOSE):
        raise LawBroken("a row's prediction depends on the rows beside it")


def evaluation_changes_nothing(subject: Subject) -> None:
    """Check that evaluations leave weights, statistics, state and generators alone.

    Evaluations happen after each step of one learner and never in another one. Both must end in the
    same state. Evaluations in a row must agree as well.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: An evaluation left a trace, or ran the network in training mode.
    """
    stream = subject.stream
    watched = small_learner(subject.method(), stream)
    for number, task in enumerate(stream.tasks):
        watched.begin(task)
        for batch in watched.view.batches():
            watched.step(batch)
            _evaluate(watched, task)
        watched.end()
        # Between tasks, earlier tasks are evaluated too.
        for ended in stream.tasks[: number + 1]:
            before = state_of(watched)
            # More than once: noise with a generator of its own leaves the state alone.
            scores = [_evaluate(watched, ended) for _ in range(EVALUATIONS)]
            require_same(before, state_of(watched), "before and after evaluations")
            if any(not torch.equal(scores[0], other) for other in scores[1:]):
                raise LawBroken(f"{EVALUATIONS} evaluations in a row differ")
    what = "trained without and with evaluations in between"
    require_same(subject.plain_state, state_of(watched), what)


def _evaluate(learner: Learner, task: Task) -> Tensor:
    """Score the test part of a task with a network that must be in evaluation mode."""
    with _refusing_training_mode(learner.model):
        return learner.evaluate(task)


@contextmanager
def _refusing_training_mode(model: nn.Module) -> Iterator[None]:
    """Break the law if the network runs in training mode, where BatchNorm would learn."""

    def refuse(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if module.training:
            raise LawBroken("the network runs in training mode while it is evaluated")

    # On every module, because a method may switch the mode of a part only.
    handles = [module.register_forward_pre_hook(refuse) for module in model.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
