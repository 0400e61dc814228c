"""Checks before the first step, so that a run does not stop hours later for a reason known now.

`check_run` takes a learner and a stream, `check_task` a learner and the task that it begins, for
loops of your own. Neither changes the learner: the model runs on one or two rows in evaluation
mode, and its buffers and all random generators are put back.
"""

import os

import torch
from torch import Tensor

from holdfast.engine.memory import GROWING, Memory
from holdfast.engine.objectives import Custom, Objective
from holdfast.errors import HoldfastError
from holdfast.models.heads import TOKENS
from holdfast.named_inputs import (
    Inputs,
    bytes_of,
    described,
    need_one_tensor,
    shape_of,
    tensors_of,
    types_of,
)
from holdfast.streams.inputs import refuse_inexact
from holdfast.streams.task import ArrayPart, Part, Stream, Task
from holdfast.training.alternatives import naming_alternatives
from holdfast.training.dry_run import try_model, try_single_row
from holdfast.training.target_checks import check_values
from holdfast.training.token_checks import check_vocabulary, longest_row
from holdfast.training.view import View

PARTS = ("train", "validation", "test")
OF_FIXED_WIDTH = ("masked", "fixed")  # heads that cannot get more outputs
WITHOUT_PARAMETERS = ("separate", "growing")  # heads that get their first ones with the first task


def check_run(view: View, stream: Stream) -> None:
    """Refuse, before the first step, what would stop a run at a later step or task.

    Args:
        view: The learner, new or loaded.
        stream: All tasks that it is going to be trained on.

    Raises:
        HoldfastError: The sizes, the types, the labels, the memory, the method or the model do not
            fit. The message says what to do.
    """
    for task in stream:
        view.order(task)  # each task needs a number of epochs, and at least one batch
    _check_outputs(view, stream)
    for part in view.state.method.parts:
        with naming_alternatives(part, view.scenario):
            part.check(view, stream)
    rows = {task.name: _first_rows(task) for task in stream}
    _check_kinds(rows)
    _check_capacity(view, stream, rows)
    _check_model(view)
    # One try for each kind of input, since tasks of the same kind give the same answer.
    tried: set[tuple[str, tuple[object, ...]]] = set()
    for task in stream:
        x = rows[task.name]
        _check_integers(view, task, x)
        _check_texts(view, task)
        kind = (types_of(x), shape_of(x))
        if kind not in tried:
            tried.add(kind)
            try_model(view.forward, task, x)
    if any(1 in _batch_sizes(view, len(task.train)) for task in stream):
        try_single_row(view.forward, stream[0], rows[stream[0].name])


def check_task(view: View, task: Task) -> None:
    """Refuse, before a task begins, what would stop it in the middle.

    Args:
        view: The learner, before `begin`.
        task: The task.

    Raises:
        HoldfastError: As `check_run`.
    """
    view.order(task)
    _check_labels(task)
    _check_width(view, task.outputs[1])
    _check_model(view)
    x = _first_rows(task)
    _check_integers(view, task, x)
    _check_texts(view, task)
    try_model(view.forward, task, x)
    if 1 in _batch_sizes(view, len(task.train)):
        try_single_row(view.forward, task, x)


def _batch_sizes(view: View, rows: int) -> set[int]:
    """Return the sizes of the forward passes over a task of so many rows."""
    settings = view.setup.settings
    last = rows % settings.batch_size
    # Only whether 1 is among them matters, since BatchNorm needs at least two rows.
    sizes = set()
    if rows >= settings.batch_size:
        sizes.add(settings.batch_size)
    if last and not settings.drop_last:
        sizes.add(last)
    # Micro-batches of one batch differ by one row at most.
    smaller = {size // settings.accumulate for size in sizes}
    larger = {-(-size // settings.accumulate) for size in sizes}
    return smaller | larger


# ---- labels and outputs


def _check_outputs(view: View, stream: Stream) -> None:
    """Refuse outputs or labels that do not fit the stream, and streams too wide for the head."""
    _check_objective(view.objective, stream)
    for task in stream:
        first, last = task.outputs
        if not 0 <= first < last <= stream.outputs:
            raise HoldfastError(
                f"task {task.name!r} uses outputs {first} to {last - 1}, but the stream has "
                f"{stream.outputs}; build the stream with one of holdfast.streams"
            )
        _check_targets(view.objective, stream, task)
    _check_width(view, stream.outputs)


def _check_objective(objective: Objective, stream: Stream) -> None:
    """Refuse a stream for another objective. A loss of the user's own may be for any targets."""
    if isinstance(objective, Custom) or objective.name == stream.objective:
        return
    raise HoldfastError(
        f"the stream has targets for {stream.objective}, but the learner trains for "
        f"{objective.name}; pass objective={stream.objective!r} to the learner"
    )


def _check_targets(objective: Objective, stream: Stream, task: Task) -> None:
    """Refuse targets that do not fit the objective, if they can be seen without reading data."""
    if objective.takes_labels:
        _check_labels(task)
    for name in PARTS:
        part: Part | None = getattr(task, name)
        if not isinstance(part, ArrayPart) or not len(part.y):
            continue
        if part.y.is_floating_point() == objective.takes_labels:
            kind = "rows of numbers" if part.y.is_floating_point() else "one label per example"
            raise HoldfastError(
                f"the targets of task {task.name!r} ({name}) are {kind}, which does not fit "
                f"objective={objective.name!r}; build the stream and the learner with the same "
                "objective"
            )
        check_values(objective, part.y, f"task {task.name!r} ({name})", stream.labels)


def _check_labels(task: Task) -> None:
    """Refuse labels outside the outputs of their task, if they can be seen without reading data."""
    for name in PARTS:
        part: Part | None = getattr(task, name)
        # Other parts read files, and looking at all labels could take longer than the training.
        if not isinstance(part, ArrayPart) or not len(part.y) or part.y.is_floating_point():
            continue
        least = int(part.y.min())
        largest = int(part.y.max())
        if least < 0 or largest >= task.outputs[1]:
            raise HoldfastError(
                f"the labels of task {task.name!r} ({name}) are output indices from 0 to "
                f"{task.outputs[1] - 1}, got {least} to {largest}; build the stream with "
                "from_arrays, which numbers labels of any kind"
            )


def _check_width(view: View, outputs: int) -> None:
    """Refuse more outputs than a head of fixed width has."""
    head = view.head
    if head.kind == TOKENS and head.width < outputs:
        raise HoldfastError(
            f"the tokenizer of the stream knows {outputs:,} tokens, but the model {head.width:,}; "
            "make the stream with the tokenizer of the model"
        )
    if head.kind in OF_FIXED_WIDTH and head.width < outputs:
        raise HoldfastError(
            f"the tasks have {outputs} outputs, but the model's {head.kind} head has {head.width}; "
            f"build the model with outputs={outputs}"
        )


# ---- inputs


def _first_rows(task: Task) -> Inputs:
    """Return two training rows of a task (one if it has one), after a look at its other parts."""
    # Two, because a network that drops the dimension of rows may pass with a single one.
    x = task.train.fetch(torch.arange(min(2, len(task.train))))[0]
    for name in ("validation", "test"):
        part: Part | None = getattr(task, name)
        if part is None or not len(part):
            continue
        other = part.fetch(torch.arange(1))[0]
        if shape_of(other) != shape_of(x) or kinds_of(other) != kinds_of(x):
            raise HoldfastError(
                f"the {name} inputs of task {task.name!r} are {described(other)}, its training "
                f"inputs {described(x)}; give all of its parts one shape and type"
            )
    return x


def _kind(dtype: torch.dtype) -> str:
    """Return what a network makes of numbers of a type.

    Bytes are divided by 255, floats are cast, and integers are kept.
    """
    if dtype == torch.uint8:
        return "bytes"
    if dtype.is_floating_point:
        return "floats"
    return "integers"


def kinds_of(x: Inputs) -> list[str]:
    """Return the kind of numbers of each tensor of inputs."""
    return [_kind(tensor.dtype) for tensor in tensors_of(x)]


def _check_kinds(rows: dict[str, Inputs]) -> None:
    """Refuse tasks that mix bytes, integers and floats, since stored rows share one type."""
    first = next(iter(rows))
    kinds = kinds_of(rows[first])
    for name, x in rows.items():
        if isinstance(x, Tensor) != isinstance(rows[first], Tensor) or kinds_of(x) != kinds:
            raise HoldfastError(
                f"the inputs of task {name!r} are {' and '.join(kinds_of(x))} ({types_of(x)}), "
                f"those of task {first!r} are {' and '.join(kinds)} ({types_of(rows[first])}); "
                "give all tasks one type"
            )


def _check_integers(view: View, task: Task, x: Inputs) -> None:
    """Refuse integers that a model would get as floats which cannot hold them."""
    # Among several tensors integers are ids and masks, which reach the network as they are.
    if not isinstance(x, Tensor) or _kind(x.dtype) != "integers":
        return
    if view.forward.keeps_integers(x.to(view.device), task.outputs):
        return
    for name in PARTS:
        part = getattr(task, name)
        if isinstance(part, ArrayPart):
            inputs = need_one_tensor(part.x, f"the {name} part of task {task.name!r}")
            refuse_inexact(inputs, f"the {name} inputs of task {task.name!r}")


def _check_texts(view: View, task: Task) -> None:
    """Refuse texts of which a network knows some token or reads the longest one not."""
    check_vocabulary(view.model, task)
    for part in (task.train, task.test):
        longest = longest_row(part)
        if longest is not None:
            try_model(view.forward, task, longest)


# ---- memory


def _check_capacity(view: View, stream: Stream, rows: dict[str, Inputs]) -> None:
    """Refuse memories larger than the machine, and tasks whose rows one memory cannot hold."""
    memories = [part for part in view.state.method.modules() if isinstance(part, Memory)]
    if not memories:
        return
    first = next(iter(rows))
    x = rows[first]
    for name, other in rows.items():
        if shape_of(other) != shape_of(x):
            raise HoldfastError(
                "the method stores examples, which need one shape, but inputs of task "
                f"{first!r} have shape {shape_of(x)} and those of task {name!r} "
                f"{shape_of(other)}; resize them"
            )
    total = sum(len(task.train) for task in stream)
    bytes_per_row = bytes_of(x) // len(x)
    available = _memory_of(view.device)
    for memory in memories:
        capacity = memory.capacity
        if memory.policy in GROWING:
            # The capacity is that of a group, and room is made as rows come.
            capacity = min(capacity, total) * stream.outputs
        needed = capacity * bytes_per_row
        if available and needed > available:
            affordable = available // max(1, needed // capacity)
            raise HoldfastError(
                f"a memory of {capacity:,} examples takes {needed:.3g} bytes, but this machine has "
                f"{available:.3g}; lower the capacity of the method to at most {affordable:,}"
            )


def _memory_of(device: torch.device) -> int:
    """Return the bytes of memory of a device, or 0 if they are unknown."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not on this system
        return 0


# ---- the model


def _check_model(view: View) -> None:
    """Refuse a model that training cannot change, or that is on another device."""
    model = view.model
    may_be_empty = view.head.kind in WITHOUT_PARAMETERS
    if not may_be_empty and not any(one.requires_grad for one in model.parameters()):
        raise HoldfastError(
            "the model has no trainable parameter; expected at least one with requires_grad=True"
        )
    # The learner has moved the model, so somebody has moved it back or added to it.
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.device.type != view.device.type:
            raise HoldfastError(
                f"{name} of the model is on {tensor.device}, the learner trains on {view.device}; "
                "pass device= to the learner, which moves the model, and leave the model there"
            )
