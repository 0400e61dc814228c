"""Losses and logits of evaluation batches, as a Trainer asks for them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.next_token import tokens_of
from holdfast.engine.snapshot import evaluating
from holdfast.integrations.transformers.rows import LABELS, Form, rows_of
from holdfast.training.evaluation import answers_of, predict
from holdfast.training.view import View


@torch.no_grad()
def loss_and_logits(view: View, rows: Rows) -> tuple[Tensor, Tensor]:
    """Compute the plain loss and the logits of rows in evaluation mode.

    Args:
        view: The learner, whose current task the rows are of.
        rows: The rows, on its device.

    Returns:
        The mean loss of the network, without terms of the method, and what the learner predicts:
        logits (N, C), -inf at outputs that are not in play.
    """
    known = view.setup.known_task(view.task_number)
    with view.state.random.aside("prediction"), evaluating(view.model):
        x = view.prepare(rows.x, augment=False)
        features = view.model.features(x, known)
        logits = view.head(features, known)
        batch = Batch.of_stream(rows)
        loss = view.objective.loss(Step(batch, x, features, logits, view.competing(batch)))
        # Some methods answer without the head, for example by the nearest class mean.
        if view.state.method.uses("predict"):
            return loss, predict(view, rows.x, view.task_number)
        return loss, answers_of(view, logits)


def labels_of(view: View, rows: Rows) -> Tensor:
    """Return the labels of rows in the form of their logits.

    Args:
        view: The learner.
        rows: The rows.

    Returns:
        Output indices (N,), targets (N, K), or of texts the tokens that count, (N, A), -100 behind
        those of a text that has fewer.
    """
    if view.objective.sequences:
        return tokens_of(rows)[1]
    return rows.y


def prediction_of(
    view: View, batch: Mapping[str, object], form: Form, loss_only: bool
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return what a Trainer asks for of an evaluation batch.

    Args:
        view: The learner.
        batch: The tensors of the batch by name, with or without labels.
        form: What inputs look like.
        loss_only: Whether the loss is enough.

    Returns:
        The loss, the logits and the labels, each None if it is not known or not wanted.
    """
    if LABELS not in batch:
        return None, predict(view, form.inputs(batch), view.task_number), None
    rows = rows_of(batch, form, view)
    loss, logits = loss_and_logits(view, rows)
    if loss_only:
        return loss, None, None
    return loss, logits, labels_of(view, rows)
