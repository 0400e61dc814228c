"""What a trained network answers, and how good its answers are."""

import torch
from torch import Tensor

from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.streams.task import Part, Task
from holdfast.training.scoring import Accuracy, scores_of
from holdfast.training.view import View


@torch.no_grad()
def predict(view: View, x: Tensor, task: int | None = None) -> Tensor:
    """Logits (N, C) of raw inputs in evaluation mode, -inf at outputs that are not in play."""
    if view.scenario == "task" and task is None:
        raise HoldfastError(
            "the task scenario knows the task at test time: pass task=<the number of the task>"
        )
    known = view.setup.known_task(task)
    method = view.state.method
    with evaluating(view.model):
        inputs = view.prepare(x.to(view.device), augment=False)
        if method.uses("predict"):
            logits = method.predict(view, inputs, known)
        else:
            logits = view.model(inputs, known)
    if view.scenario == "class" and view.seen_outputs < logits.shape[1]:
        logits[:, view.seen_outputs :] = -torch.inf
    return logits


def scores(
    view: View, task: Task, part: str = "test", chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """The score of each example of a part of a task, and the label of each.

    Args:
        view: The learner.
        task: The task.
        part: "test", "validation" or "train".
        chunk: How many examples are read at once; None for as many as fit into a fixed number of
            bytes, at most 2,048.

    Returns:
        Scores (N,) and labels as output indices (N,), on the CPU, in the order of the part.

    Raises:
        HoldfastError: The task has no such part, or the scorer fails.
    """
    rows: Part | None = getattr(task, part)
    if rows is None:
        raise HoldfastError(
            f"task {task.name!r} has no {part} part; build the stream with validation=0.1, say"
        )
    timed = view.state.progress.timed("evaluation")
    # The same numbers are drawn however often this is called, and training does not notice it.
    apart = view.state.random.aside("evaluation", task.name, part)
    of_rows: list[Tensor] = []
    labels: list[Tensor] = []
    with timed, apart:
        size = chunk or view.forward.rows_at_once(task, part, rows)
        order = torch.arange(len(rows)).split(size)
        for x, y, _ in rows.batches(order, view.setup.seed):
            logits = predict(view, x, task.index)
            of_rows.append(scores_of(view.setup.scorer, logits, y.to(view.device)))
            labels.append(y.cpu())
    return torch.cat(of_rows), torch.cat(labels)


@torch.no_grad()
def rehearse(view: View, task: Task) -> None:
    """Score a few test examples of a task before its first step: a run must not fail at its end.

    The network's own logits are used, because some methods predict only after they have seen data.

    Args:
        view: The learner; it stays as it was, with its random streams.
        task: The task that is being trained.

    Raises:
        HoldfastError: As `training.scoring.scores_of`.
    """
    if isinstance(view.setup.scorer, Accuracy):
        return
    # Another number than that of the outputs, so that a score per output is not taken for one per row.
    rows = 5 if view.head.width != 5 else 6
    known = view.setup.known_task(task.index)
    with view.state.random.aside("rehearsal"), evaluating(view.model):
        x, y, _ = task.test.fetch(torch.arange(min(rows, len(task.test))))
        logits = view.model(view.prepare(x.to(view.device), augment=False), known)
        scores_of(view.setup.scorer, logits, y.to(view.device))
