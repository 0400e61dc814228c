"""What a checkpoint may contain, checked before any of it is put into a learner."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from holdfast.engine.memory import Memory
from holdfast.engine.memory_checks import check_memory
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import Snapshot
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError
from holdfast.models.heads import Head
from holdfast.models.network import Network
from holdfast.validation import describe

FORMAT = 3
PREFIXES = ("model.", "method.", "random.", "optimizer.")
SINGLE = ("augmentation", "initial")
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0, lt=1e10)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Head(_Strict):
    kind: str
    ranges: list[Annotated[list[Count], Field(min_length=2, max_length=2)]]
    opened: Count


class _Host(_Strict):
    host: dict[str, Any]
    vectors: list[str]


class _Group(_Strict):
    params: list[str]
    options: dict[str, Any]


class _Optimizer(_Strict):
    groups: list[_Group]
    state: dict[Annotated[str, Field(pattern=r"^\d+$")], dict[str, Any]]


class _Time(_Strict):
    training: Seconds
    consolidation: Seconds
    evaluation: Seconds


class About(_Strict):
    """The plain values of a checkpoint."""

    format: Literal[3]
    method: str
    scenario: str
    seed: int
    head: _Head
    host: dict[str, _Host]
    names: list[str]
    seen_outputs: Count
    task_steps: Count
    steps: Count = 0  # over all tasks; files from before lack it
    rows_given: Count
    active: bool
    seconds: _Time
    optimizers: dict[str, _Optimizer]
    scheduler: dict[str, Any] | None
    scaler: dict[str, Any] | None
    beside: Any
    tensors: dict[str, str]


def forms(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The shape and type of each tensor as text: what a checkpoint says that it contains."""
    return {name: f"{t.dtype} {tuple(t.shape)}" for name, t in sorted(tensors.items())}


def check_about(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Check the plain values by themselves and against the tensors.

    Raises:
        HoldfastError: A value is missing, of the wrong kind, out of range, or contradicts another one.
    """
    try:
        found = About(**about)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise HoldfastError(describe(wrong, where)) from None
    need(len(found.head.ranges) == len(found.names), "names and head.ranges differ in length")
    need(not found.active or bool(found.names), "a task is active, but none was begun")
    need(
        "steps" not in about or found.task_steps <= found.steps,
        f"steps is {found.steps}, one task has {found.task_steps}",
    )
    largest = sum(t.numel() for name, t in tensors.items() if name.startswith("model."))
    for first, last in found.head.ranges:
        need(first < last <= largest, f"head.ranges has the outputs {first} to {last}")
    end = max((last for _, last in found.head.ranges), default=0)
    need(found.seen_outputs == end, f"seen_outputs is {found.seen_outputs}, the tasks have {end}")
    need(end <= found.head.opened <= largest, f"head.opened is {found.head.opened}")
    need(found.tensors == forms(tensors), "its tensors are not those that it lists")
    for name in tensors:
        known = name in SINGLE or name.startswith(PREFIXES)
        need(known, f"the tensor {name[:100]!r} has no place in a learner")


def need(holds: bool, otherwise: str) -> None:
    """Refuse a checkpoint of which something does not hold.

    Raises:
        HoldfastError: It does not; the message is `otherwise`.
    """
    if not holds:
        raise HoldfastError(otherwise)


def check_tasks(names: Sequence[str], given: Sequence[str]) -> None:
    """Check that the tasks given to `load` are those that the checkpoint's learner was trained on."""
    both = min(len(names), len(given))
    if list(names[:both]) != list(given[:both]):
        raise HoldfastError(f"it was trained on the tasks {names[:both]}, but got {given[:both]}")


def check_hosts(method: nn.Module, saved: Mapping[str, Any]) -> None:
    """Check a method's plain values: those of every part, and of the same kinds as in a new method."""
    mine = {path: m for path, m in method.named_modules() if isinstance(m, Stateful)}
    need(mine.keys() == saved.keys(), "the parts of the method differ")
    for path, module in mine.items():
        values = saved[path]["host"]
        for key, value in module.host.items():
            need(key in values, f"the method's value {key!r} is missing")
            same = kind_of(value) is kind_of(values[key]) and (value is None or _fits(values[key]))
            need(same, f"the method's value {key!r} is {str(values[key])[:50]}")


def kind_of(value: object) -> type:
    """The type of a plain value; all numbers but truth values are of one kind."""
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _fits(value: object) -> bool:
    if isinstance(value, dict):
        return all(_fits(v) for v in value.values())
    if isinstance(value, list):
        return all(_fits(v) for v in value)
    if isinstance(value, int | float):
        return -1 <= value < 2**53
    return isinstance(value, str)


def check_model(model: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Check names, shapes and kinds of the network's tensors."""
    mine = model.state_dict()
    for name in mine.keys() ^ saved.keys():
        whose = "the checkpoint" if name in mine else "this learner's model"
        raise HoldfastError(f"{name} is not in {whose}")
    for name, tensor in mine.items():
        _same_form(name, tensor, saved[name])


def check_kinds(method: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Check that what a method keeps in whole numbers (indices, counts) is whole numbers in the checkpoint too."""
    for name, tensor in method.named_buffers():
        if name in saved and not tensor.is_floating_point():
            same = not saved[name].is_floating_point() and saved[name].dim() == tensor.dim()
            need(
                same,
                f"the method's {name} is {saved[name].dtype} in {saved[name].dim()} dimensions",
            )


def _same_form(name: str, mine: Tensor, saved: Tensor) -> None:
    if mine.shape != saved.shape or mine.dtype != saved.dtype:
        theirs, ours = (f"{tuple(t.shape)} {t.dtype}" for t in (saved, mine))
        raise HoldfastError(f"{name} has shape and type {theirs}, this learner's has {ours}")


def check_method(method: nn.Module, model: Network, space: ParameterSpace) -> None:
    """Check what was put into a method: vectors as long as θ, memories and teachers that hold together."""
    for module in method.modules():
        if isinstance(module, Stateful):
            missing = [name for name, state in module.named_states() if state is None]
            lacking = sorted(module.required.intersection(missing))
            need(not lacking, f"the method lacks its {lacking[:1]}")
            _check_vectors(module, space.layout.length)
        if isinstance(module, Memory):
            check_memory(module)
        if isinstance(module, Snapshot):
            taken = module.taken
            need(taken == bool(module.host), "the teacher lacks its weights or its layout")
            if taken:
                _check_snapshot(module, model)


def _check_vectors(module: Stateful, length: int) -> None:
    """Check that the vectors of a part are as long as θ. Some parts have vectors only within tasks, or only after one."""
    states = dict(module.named_states())
    found = {name: states.get(name) for name in module.vectors}
    strange = sorted(found.keys() - states.keys())
    need(not strange, f"the method has no vector {str(strange[:1])[:100]}")
    for name, vector in found.items():
        fits = vector is None or (vector.dim() in (1, 2) and vector.shape[-1] == length)
        need(fits, f"the method's {name} is no vector of {length} entries")


def _check_snapshot(teacher: Snapshot, model: Network) -> None:
    """Check a teacher: it is the whole network, as it was after an earlier task."""
    head: Head = model.head
    mine = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    layout = teacher.host["layout"]
    whole = isinstance(layout, list) and layout[-1:] == [teacher.need(teacher.theta).numel()]
    found = teacher.tensors() if whole else {}
    missing = [n for n in mine if n not in found and not n.startswith("head.")]
    need(whole and not missing, f"the teacher lacks parts of the network: {missing[:1]}")
    for name, tensor in found.items():
        need(name in mine, f"the teacher has a tensor {name[:100]!r}, the model has none")
        same = tensor.dtype == mine[name].dtype and tensor.dim() == mine[name].dim()
        same = same and tensor.shape[1:] == mine[name].shape[1:]  # heads grow in their rows
        grown = not tensor.dim() or tensor.shape[0] <= mine[name].shape[0]
        need(same and grown, f"the teacher's {name[:100]} has shape {tuple(tensor.shape)}")
    outputs, tasks = teacher.host["outputs"], teacher.host["tasks"]
    need(type(outputs) is int and 0 < outputs <= head.width, "the teacher's outputs")
    need(type(tasks) is int and 0 < tasks <= len(head.ranges), "the teacher's tasks")
    ended = dict(teacher.named_states()).get("has_ended")  # of teachers for distillation
    fits = ended is None or (
        ended.dtype == torch.bool and ended.dim() == 1 and len(ended) <= head.width
    )
    need(fits, "the teacher's outputs of ended tasks")
