"""The model on one or two rows before it is trained: what it cannot take is said in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from holdfast.engine.one_row import has_batch_norm, take_single_rows
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, first_line
from holdfast.models.network import Network
from holdfast.models.per_task import PerTask
from holdfast.streams.task import Task
from holdfast.training.forward import Forward
from holdfast.training.looking import looking


def described(x: Tensor) -> str:
    """The shape and the type of inputs, for messages."""
    return f"of shape {tuple(x.shape[1:])} and type {str(x.dtype).removeprefix('torch.')}"


def try_model(forward: Forward, task: Task, x: Tensor) -> None:
    """Runs the model on two rows, and says in one sentence what is wrong with it or them."""
    first_task = forward.setup.known_task(0)
    inputs = forward.prepare(x.to(forward.setup.device), augment=False)
    with (
        looking(forward.state, task.outputs) as model,
        torch.no_grad(),
        evaluating(model),
        forward.casting(),
    ):
        what = f"the model cannot take the inputs of task {task.name!r}, {described(x)}"
        with _said(what, inputs):
            features = model.features(inputs, first_task)
        _check_features(forward, model, features, len(inputs))
        if not model.head.ranges:
            return
        with _said(what, inputs):
            logits = model(inputs, first_task)
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(inputs):
        raise HoldfastError(
            f"the model must return logits (rows, outputs), got {_shape(logits)} for {len(inputs)} rows"
        )


@contextmanager
def _said(what: str, inputs: Tensor) -> Iterator[None]:
    """Turns what a model raises into one sentence."""
    try:
        yield
    except HoldfastError:
        raise
    except Exception as error:
        raise HoldfastError(
            f"{what} (given to it as {inputs.dtype}): {first_line(error)}; check its first layer against "
            "the shape of an input, and its parameters for one device and type"
        ) from error


def _check_features(forward: Forward, model: Network, features: object, rows: int) -> None:
    if not isinstance(features, Tensor):
        raise HoldfastError(
            f"the model's features must be a tensor (rows, {forward.state.head.features}), got "
            f"{type(features).__name__}; wrap the network in a module whose forward returns the tensor, "
            "such as .logits or the first entry"
        )
    fits = features.dim() == 2 and len(features) == rows
    width = forward.state.head.features
    if not fits or (not isinstance(model, PerTask) and features.shape[1] != width):
        raise HoldfastError(
            f"the model's features must have shape (rows, {width}), because its head reads {width}; got "
            f"{tuple(features.shape)} for {rows} rows; flatten or pool them, or build the head with "
            f"features={features.shape[-1] if features.dim() else 1}"
        )


def _shape(value: object) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def try_single_row(forward: Forward, task: Task, x: Tensor) -> None:
    """Runs a single row in training mode if there is BatchNorm: its warning or refusal comes now."""
    first_task = forward.setup.known_task(0)
    with looking(forward.state, task.outputs) as model:
        if not has_batch_norm(model):
            return
        hooks = take_single_rows(model)
        try:
            with torch.no_grad(), forward.casting():
                model.features(
                    forward.prepare(x[:1].to(forward.setup.device), augment=False), first_task
                )
        finally:
            for hook in hooks:
                hook.remove()
