"""One check before the first step: what would stop a run later is known, and said, now.

`check_run` takes a learner and a stream, `check_task` a learner and the task that it begins, for
loops of your own. Neither changes the learner: the model runs on one or two rows in evaluation mode,
and its buffers and all random generators are put back.
"""

import os
from typing import Any

import torch
from torch import Tensor

from holdfast.engine.memory import GROWING, Memory
from holdfast.errors import HoldfastError
from holdfast.streams.inputs import refuse_inexact
from holdfast.streams.task import ArrayPart, Part, Stream, Task
from holdfast.training.dry_run import described, try_model, try_single_row
from holdfast.training.view import View

PARTS = ("train", "validation", "test")


def check_run(view: View, stream: Stream) -> None:
    """Refuse, before the first step, what would stop a run over a stream at a later step or task.

    Args:
        view: The learner, new or loaded.
        stream: All tasks that it is going to be trained on.

    Raises:
        HoldfastError: The sizes, the types, the labels, the memory, the method or the model do not
            fit. The message says what to do.
    """
    for task in stream:
        view.order(task)  # epochs of every task, and a batch at least
    _check_outputs(view, stream)
    for part in view.state.method.parts:
        part.check(view, stream)
    rows = {task.name: _first_rows(task) for task in stream}
    _check_kinds(rows)
    _check_capacity(view, stream, rows)
    _check_model(view)
    known: set[tuple[Any, ...]] = set()
    for task in stream:
        x = rows[task.name]
        _check_integers(view, task, x)
        if (kind := (x.dtype, tuple(x.shape[1:]))) not in known:
            known.add(kind)
            try_model(view.forward, task, x)
    sizes = [len(task.train) for task in stream]
    if any(1 in _batch_sizes(view, n) for n in sizes):
        try_single_row(view.forward, stream[0], rows[stream[0].name])


def check_task(view: View, task: Task) -> None:
    """Refuse, before a task begins, what would stop it in the middle: `check_run` for a single task.

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
    try_model(view.forward, task, x)
    if 1 in _batch_sizes(view, len(task.train)):
        try_single_row(view.forward, task, x)


def _batch_sizes(view: View, rows: int) -> set[int]:
    """The sizes of the forward passes over a task of so many rows."""
    settings = view.setup.settings
    last = rows % settings.batch_size
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


def own_batch(batch: object, outputs: int) -> tuple[Tensor, Tensor]:
    """Check a batch of a loop of your own.

    Args:
        batch: A pair of inputs (N, ...) and labels (N,), tensors; the labels are output indices.
        outputs: The number of outputs that are open.

    Returns:
        The inputs, and the labels as int64.

    Raises:
        HoldfastError: It is no such pair. Labels on an accelerator are not read, because the step
            would wait for it.
    """
    pair = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)
    x, y = pair
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        raise HoldfastError(
            f"a step takes a batch of learner.view.batches(), or a pair of tensors (inputs, labels), got {_contents(batch)}"
        )
    if y.dim() != 1 or len(x) != len(y) or not len(y):
        raise HoldfastError(
            "a batch needs one label for each of its inputs, and at least one row, got inputs of shape "
            f"{tuple(x.shape)} and labels of shape {tuple(y.shape)}"
        )
    if y.is_floating_point() or y.is_complex():
        raise HoldfastError(f"labels are whole output indices, got {y.dtype}; pass y.long()")
    if y.device.type == "cpu" and not 0 <= int(y.min()) <= int(y.max()) < outputs:
        raise HoldfastError(
            f"labels are output indices from 0 to {outputs - 1}, got {int(y.min())} to {int(y.max())}; "
            "task.train.fetch gives them so, or build the stream with from_arrays"
        )
    return x, y.long()


def _contents(batch: object) -> str:
    if isinstance(batch, tuple | list):
        return (
            f"a {type(batch).__name__} of {', '.join(type(v).__name__ for v in batch) or 'nothing'}"
        )
    return f"a {type(batch).__name__} alone"


def _check_outputs(view: View, stream: Stream) -> None:
    for task in stream:
        if not 0 <= task.outputs[0] < task.outputs[1] <= stream.outputs:
            raise HoldfastError(
                f"task {task.name!r} uses outputs {task.outputs[0]} to {task.outputs[1] - 1}, but the "
                f"stream has {stream.outputs}; build the stream with one of holdfast.streams"
            )
        _check_labels(task)
    _check_width(view, stream.outputs)


def _check_labels(task: Task) -> None:
    """Refuses labels outside the outputs of their task, where they can be seen without reading."""
    for name in PARTS:
        y = _labels(getattr(task, name))
        if y is not None and len(y) and not 0 <= int(y.min()) <= int(y.max()) < task.outputs[1]:
            raise HoldfastError(
                f"the labels of task {task.name!r} ({name}) are output indices from 0 to "
                f"{task.outputs[1] - 1}, got {int(y.min())} to {int(y.max())}; build the stream with "
                "from_arrays, which numbers labels of any kind"
            )


def _labels(part: Part | None) -> Tensor | None:
    return part.y if isinstance(part, ArrayPart) else None


def _check_width(view: View, outputs: int) -> None:
    head = view.head
    if head.kind in ("masked", "fixed") and head.width < outputs:
        raise HoldfastError(
            f"the tasks have {outputs} outputs, but the model's {head.kind} head has {head.width}; build the model with outputs={outputs}"
        )


# ---- inputs


def _first_rows(task: Task) -> Tensor:
    """Two training rows of a task (one if it has one), after a look at its other parts."""
    x = task.train.fetch(torch.arange(min(2, len(task.train))))[0]
    for name in ("validation", "test"):
        part: Part | None = getattr(task, name)
        if part is None or not len(part):
            continue
        other = part.fetch(torch.arange(1))[0]
        if other.shape[1:] != x.shape[1:] or _kind(other.dtype) != _kind(x.dtype):
            raise HoldfastError(
                f"the {name} inputs of task {task.name!r} are {described(other)}, its training inputs "
                f"{described(x)}; give all of its parts one shape and type"
            )
    return x


def _kind(dtype: torch.dtype) -> str:
    """What decides how a network sees numbers: bytes are divided by 255, floats cast, integers kept."""
    if dtype == torch.uint8:
        return "bytes"
    return "floats" if dtype.is_floating_point else "integers"


def _check_kinds(rows: dict[str, Tensor]) -> None:
    """Refuses tasks whose inputs mix bytes, integers and floats: stored or joined, they would be one type."""
    first = next(iter(rows))
    for name, x in rows.items():
        if _kind(x.dtype) != _kind(rows[first].dtype):
            raise HoldfastError(
                f"the inputs of task {name!r} are {_kind(x.dtype)} ({x.dtype}), those of task "
                f"{first!r} {_kind(rows[first].dtype)} ({rows[first].dtype}); give all tasks one type"
            )


def _check_integers(view: View, task: Task, x: Tensor) -> None:
    """Refuses integers that a model would get as floats which cannot hold them."""
    if _kind(x.dtype) != "integers" or view.forward.keeps_integers(x.to(view.device), task.outputs):
        return
    for name in PARTS:
        part = getattr(task, name)
        if isinstance(part, ArrayPart):
            refuse_inexact(part.x, f"the {name} inputs of task {task.name!r}")


# ---- memory


def _check_capacity(view: View, stream: Stream, rows: dict[str, Tensor]) -> None:
    """Refuses memories that are larger than the machine, and tasks whose rows one memory cannot hold."""
    memories = [m for m in view.state.method.modules() if isinstance(m, Memory)]
    if not memories:
        return
    shapes = {tuple(x.shape[1:]): name for name, x in rows.items()}
    if len(shapes) > 1:
        (a, first), (b, second) = list(shapes.items())[:2]
        raise HoldfastError(
            f"the method stores examples, which need one shape, but inputs of task {first!r} have "
            f"shape {a} and those of task {second!r} {b}; resize them"
        )
    x = next(iter(rows.values()))
    total = sum(len(task.train) for task in stream)
    for memory in memories:
        capacity = memory.capacity
        if (
            memory.policy in GROWING
        ):  # the capacity is that of a group, and room is made as rows come
            capacity = min(capacity, total) * stream.outputs
        needed, there = capacity * x[0].numel() * x.element_size(), _memory_of(view.device)
        if there and needed > there:
            raise HoldfastError(
                f"a memory of {capacity:,} examples takes {needed:.3g} bytes, but this machine has "
                f"{there:.3g}; lower the capacity of the method to at most {there // max(1, needed // capacity):,}"
            )


def _memory_of(device: torch.device) -> int:
    """Bytes of memory that there are on a device; 0 if that cannot be known."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not on this system
        return 0


# ---- the model


def _check_model(view: View) -> None:
    """Refuses a model that training cannot change, or that is on another device."""
    model = view.model
    grows = view.head.kind in (
        "separate",
        "growing",
    )  # its first parameters come with its first task
    if not grows and not any(p.requires_grad for p in model.parameters()):
        raise HoldfastError(
            "the model has no trainable parameter; expected at least one with requires_grad=True"
        )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.device.type != view.device.type:
            raise HoldfastError(
                f"{name} of the model is on {tensor.device}, the learner trains on {view.device}; "
                "pass device= to the learner, which moves the model, and leave the model there"
            )
