"""The model on one or two rows before it is trained: what it cannot take is said in one sentence."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from holdfast.engine.one_row import has_batch_norm, take_single_rows
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, first_line
from holdfast.models.per_task import PerTask
from holdfast.streams.task import Task

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


def described(x: Tensor) -> str:
    """The shape and the type of inputs, for messages."""
    return f"of shape {tuple(x.shape[1:])} and type {str(x.dtype).removeprefix('torch.')}"


@contextmanager
def looking(learner: "Learner", outputs: tuple[int, int]) -> Iterator[nn.Module]:
    """The model, ready for a task with these outputs; whatever a forward pass changes is put back.

    Before the first task this is a copy of the model's structure with the model's own tensors, in
    which the first task's outputs are open.
    """
    generators = [*learner.random.all_generators(), learner.augmentation]
    states = [g.get_state() for g in generators]
    flags = [(p, p.requires_grad) for p in learner.model.parameters()]
    try:
        with learner.undisturbed():
            yield learner.model if learner.head.ranges else _opened(learner.model, outputs)
    finally:
        for p, flag in flags:
            p.requires_grad_(flag)
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def _opened(model: nn.Module, outputs: tuple[int, int]) -> nn.Module:
    """A copy of a model's structure, with its tensors, whose head has opened a first task."""
    memo = {id(t): t for t in [*model.parameters(), *model.buffers()]}
    try:
        twin = copy.deepcopy(model, memo)
    except Exception:  # a model that cannot be copied is looked at without a task
        return model
    twin.head.open(0, *outputs)  # type: ignore[union-attr, operator]
    return twin


def takes_integers(learner: "Learner", x: Tensor, outputs: tuple[int, int] = (0, 1)) -> bool:
    """Whether integer inputs reach the model as integers, which are then indices.

    They do if the model has an embedding, or runs on them. Else they are numbers, and become floats.

    Args:
        learner: The learner, whose model is asked.
        x: A few rows of integers on the learner's device.
        outputs: The outputs of the first task, for a model that has none yet.
    """
    if any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in learner.model.modules()):
        return True
    with looking(learner, outputs) as model, torch.no_grad(), evaluating(model):
        try:
            model.features(x, _known(learner))  # type: ignore[operator]
        except Exception:  # models fail in many ways on numbers that are no indices of theirs
            return False
    return True


def _known(learner: "Learner") -> int | None:
    return 0 if learner.scenario == "task" else None


def try_model(learner: "Learner", task: Task, x: Tensor) -> None:
    """Runs the model on two rows, and says in one sentence what is wrong with it or them."""
    rows = x.to(learner.device)
    inputs = learner.prepare(rows, augment=False)
    with (
        looking(learner, task.outputs) as model,
        torch.no_grad(),
        evaluating(model),
        learner.casting(),
    ):
        what = f"the model cannot take the inputs of task {task.name!r}, {described(x)}"
        with _said(what, inputs):
            features = model.features(inputs, _known(learner))  # type: ignore[operator]
        _check_features(learner, model, features, len(inputs))
        if not model.head.ranges:  # type: ignore[union-attr]
            return
        with _said(what, inputs):
            logits = model(inputs, _known(learner))
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


def _check_features(learner: "Learner", model: nn.Module, features: object, rows: int) -> None:
    if not isinstance(features, Tensor):
        raise HoldfastError(
            f"the model's features must be a tensor (rows, {learner.head.features}), got "
            f"{type(features).__name__}; wrap the network in a module whose forward returns the tensor, "
            "such as .logits or the first entry"
        )
    fits = features.dim() == 2 and len(features) == rows
    width = learner.head.features
    if not fits or (not isinstance(model, PerTask) and features.shape[1] != width):
        raise HoldfastError(
            f"the model's features must have shape (rows, {width}), because its head reads {width}; got "
            f"{tuple(features.shape)} for {rows} rows; flatten or pool them, or build the head with "
            f"features={features.shape[-1] if features.dim() else 1}"
        )


def _shape(value: object) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def try_single_row(learner: "Learner", task: Task, x: Tensor) -> None:
    """Runs a single row in training mode if there is BatchNorm: its warning or refusal comes now."""
    with looking(learner, task.outputs) as model:
        if not has_batch_norm(model):
            return
        hooks = take_single_rows(model)
        try:
            with torch.no_grad(), learner.casting():
                model.features(
                    learner.prepare(x[:1].to(learner.device), augment=False), _known(learner)
                )  # type: ignore[operator]
        finally:
            for hook in hooks:
                hook.remove()
