"""The model on one or two rows before it is trained, so that a failure is explained clearly."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from holdfast.engine.one_row import has_batch_norm, take_single_rows
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, first_line
from holdfast.models.network import Network
from holdfast.models.per_task import PerTask
from holdfast.named_inputs import Inputs, described, types_of
from holdfast.streams.task import Task
from holdfast.training.forward import Forward
from holdfast.training.looking import looking


def try_model(forward: Forward, task: Task, x: Inputs) -> None:
    """Run the model on a few rows, and say in one sentence what is wrong with it or them.

    Args:
        forward: The learner's forward pass.
        task: The task that the rows are of.
        x: Raw rows (N, ...), one or two.

    Raises:
        HoldfastError: The model fails, or does not give features and logits of the right shape.
    """
    first_task = forward.setup.known_task(0)
    inputs = forward.prepare(x.to(forward.setup.device), augment=False)
    attempt = f"the model cannot take the inputs of task {task.name!r}, {described(x)}"
    with (
        looking(forward.state, task.outputs) as model,
        torch.no_grad(),
        evaluating(model),
        forward.casting(),
    ):
        with _explained(attempt, inputs):
            features = model.features(inputs, first_task)
        _check_features(forward, model, features, len(inputs))
        # A network that could not be copied has no outputs yet.
        if not model.head.ranges:
            return
        with _explained(attempt, inputs):
            logits = model(inputs, first_task)
    dimensions = _dimensions(forward)
    if not isinstance(logits, Tensor) or logits.dim() != dimensions or len(logits) != len(inputs):
        form = "(rows, tokens, outputs)" if dimensions == 3 else "(rows, outputs)"
        raise HoldfastError(
            f"the model must return logits {form}, got {_shape(logits)} for {len(inputs)} rows"
        )


def _dimensions(forward: Forward) -> int:
    """The number of dimensions of features and logits: one more if each token has its own."""
    return 3 if forward.setup.objective.sequences else 2


@contextmanager
def _explained(attempt: str, inputs: Inputs) -> Iterator[None]:
    """Turn what a model raises into one sentence."""
    try:
        yield
    except HoldfastError:
        raise
    except Exception as error:  # a user's network fails in any way
        raise HoldfastError(
            f"{attempt} (passed as {types_of(inputs)}): {first_line(error)}; check its first layer "
            "against the shape of an input, and its parameters for one device and type"
        ) from error


def _check_features(forward: Forward, model: Network, features: object, rows: int) -> None:
    """Refuse features that the head cannot read."""
    width = forward.state.head.features
    if not isinstance(features, Tensor):
        raise HoldfastError(
            f"the model's features must be a tensor (rows, {width}), got "
            f"{type(features).__name__}; wrap the network in a module whose forward returns the "
            "tensor, such as .logits or the first entry"
        )
    fits = features.dim() == _dimensions(forward) and len(features) == rows
    # A network with a part per task may give each its own number of features.
    if fits and not isinstance(model, PerTask):
        fits = features.shape[-1] == width
    if not fits:
        last = 1
        if features.dim():
            last = features.shape[-1]
        raise HoldfastError(
            f"the model's features must have shape (rows, {width}), because its head reads "
            f"{width}; got {tuple(features.shape)} for {rows} rows; flatten or pool them, or build "
            f"the head with features={last}"
        )


def _shape(value: object) -> str:
    """Describe the shape of a tensor, or the type of anything else."""
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)}"
    return type(value).__name__


def try_single_row(forward: Forward, task: Task, x: Inputs) -> None:
    """Run a single row in training mode if there is BatchNorm, so that its warning comes now.

    Args:
        forward: The learner's forward pass.
        task: The task that the row is of.
        x: Raw rows (N, ...), of which the first is used.
    """
    first_task = forward.setup.known_task(0)
    with looking(forward.state, task.outputs) as model:
        if not has_batch_norm(model):
            return
        row = forward.prepare(x[slice(1)].to(forward.setup.device), augment=False)
        hooks = take_single_rows(model)
        try:
            with torch.no_grad(), forward.casting():
                model.features(row, first_task)
        finally:
            for hook in hooks:
                hook.remove()
