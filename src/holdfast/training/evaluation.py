"""What a trained network answers, and how good its answers are."""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.objectives import Custom
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Part, Task
from holdfast.training.scoring import Accuracy, scores_of, scores_whole_set
from holdfast.training.view import View


@torch.no_grad()
def predict(view: View, x: Inputs, task: int | None = None) -> Tensor:
    """Compute the logits of raw inputs in evaluation mode.

    Args:
        view: The learner.
        x: Raw inputs (N, ...).
        task: The number of the task, from 0. Only the task scenario uses it.

    Returns:
        Logits (N, C), with -inf at outputs that are not in play. For regression, predictions in the
        unit of the targets.

    Raises:
        HoldfastError: The task scenario needs the number of the task, and there is none.
    """
    if view.scenario == "task" and task is None:
        raise HoldfastError(
            "the task scenario knows the task at test time: pass task=<the number of the task>"
        )
    # In the other scenarios the network must not know the task, even if the caller does.
    known = view.setup.known_task(task)
    method = view.state.method
    with evaluating(view.model):
        inputs = view.prepare(x.to(view.device), augment=False)
        # Some methods answer without the head, for example by the nearest class mean.
        if method.uses("predict"):
            logits = method.predict(view, inputs, known)
        else:
            logits = view.model(inputs, known)
    return answers_of(view, logits)


def answers_of(view: View, logits: Tensor) -> Tensor:
    """Turn the logits of a learner into what a user is told.

    Args:
        view: The learner.
        logits: Logits (N, C) of its network or its method. They are changed in place.

    Returns:
        What `predict` returns.
    """
    # Outputs of classes that did not come yet may be open, but no example is one of them.
    if view.scenario == "class" and view.seen_outputs < logits.shape[1]:
        logits[:, view.seen_outputs :] = -torch.inf
    return view.objective.answers(logits)


def scores(
    view: View, task: Task, part: str = "test", chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """Score each example of a part of a task.

    The same numbers are drawn however often this is called, and training does not notice it.

    Args:
        view: The learner.
        task: The task.
        part: "test", "validation" or "train".
        chunk: How many examples are read at once. None reads as many as fit into a fixed number of
            bytes, at most 2,048.

    Returns:
        Scores (N,) and labels as output indices (N,), or targets (N, K), on the CPU, in the order
        of the part. If the scorer scores whole sets, only the mean of the scores is one.

    Raises:
        HoldfastError: The task has no such part, or the scorer fails.
    """
    rows: Part | None = getattr(task, part)
    if rows is None:
        raise HoldfastError(
            f"task {task.name!r} has no {part} part; build the stream with validation=0.1, say"
        )
    timed = view.state.progress.timed("evaluation")
    # Data sets and scorers of the user may draw random numbers, so they get a stream of their own.
    aside = view.state.random.aside("evaluation", task.name, part)
    scorer = view.setup.scorer
    of_chunks: list[Tensor] = []
    labels: list[Tensor] = []
    with timed, aside:
        size = chunk or view.forward.rows_at_once(task, part, rows)
        order = torch.arange(len(rows)).split(size)
        for x, y, tasks in rows.batches(order, view.setup.seed):
            answers = predict(view, x, task.index)
            if scores_whole_set(scorer):
                of_chunks.append(answers.cpu())
            else:
                asked = Rows(x.to(view.device), y.to(view.device), tasks)
                of_chunks.append(scores_of(scorer, answers, asked.y, asked))
            labels.append(y.cpu())
        targets = torch.cat(labels)
        if scores_whole_set(scorer):
            return scores_of(scorer, torch.cat(of_chunks), targets), targets
    return torch.cat(of_chunks), targets


@torch.no_grad()
def rehearse(view: View, task: Task) -> None:
    """Try a scorer and a loss of the user before the first step, on a few examples.

    A run must not fail at its end. The network's own logits are used, because some methods predict
    only after they have seen data. The learner and its random streams stay as they were.

    Args:
        view: The learner.
        task: The task that is being trained.

    Raises:
        HoldfastError: The scorer or the loss fails, or returns something else than one number per
            example.
    """
    if isinstance(view.objective, Custom):
        _try_loss(view, task)
    if isinstance(view.setup.scorer, Accuracy):
        return
    # Not as many rows as outputs: a score per output would have the same shape as one per row.
    rows = 5
    if view.head.width == rows:
        rows = 6
    known = view.setup.known_task(task.index)
    with view.state.random.aside("rehearsal"), evaluating(view.model):
        x, y, tasks = task.test.fetch(torch.arange(min(rows, len(task.test))))
        asked = Rows(x.to(view.device), y.to(view.device), tasks)
        logits = view.model(view.prepare(asked.x, augment=False), known)
        scores_of(view.setup.scorer, view.objective.answers(logits), asked.y, asked)


def _try_loss(view: View, task: Task) -> None:
    """Compute the user's loss of a few training examples."""
    with view.state.random.aside("rehearsal"), evaluating(view.model):
        x, y, tasks = task.train.fetch(torch.arange(min(5, len(task.train))))
        batch = Batch.of_stream(Rows(x.to(view.device), y.to(view.device), tasks))
        step = view.forward(batch)
        rows = Rows(step.x, batch.y, batch.task)
        view.objective.losses(step.logits, rows, step.competing)
