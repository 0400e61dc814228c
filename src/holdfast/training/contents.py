"""What a checkpoint may contain, checked before any of it is put into a learner.

A file may be damaged, altered, or made for another learner. All of it is checked against the
learner that it is loaded into, because a wrong value that gets in would fail much later, or never.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.validation import describe

FORMAT = 3
PREFIXES = ("model.", "method.", "random.", "optimizer.", "kept.")
SINGLE = ("augmentation", "initial")
# Larger whole numbers are not exact in the float64 that other JSON readers use.
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0, lt=1e10)]
Range = Annotated[list[Count], Field(min_length=2, max_length=2)]  # outputs [first, last)
Number = Annotated[str, Field(pattern=r"^\d+$")]  # of a parameter, as JSON spells keys


class _Strict(BaseModel):
    """No other fields than the declared ones, no NaN, and no value of another kind."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Head(_Strict):
    """The shape of the output layer."""

    kind: str
    ranges: list[Range]
    opened: Count


class _Host(_Strict):
    """The plain values of a part of a method, and the names of its vectors."""

    host: dict[str, Any]
    vectors: list[str]


class _Group(_Strict):
    """A parameter group of an optimizer."""

    params: list[str]
    options: dict[str, Any]


class _Optimizer(_Strict):
    """An optimizer, without its tensors."""

    groups: list[_Group]
    state: dict[Number, dict[str, Any]]


class _Time(_Strict):
    """The clocks of `progress.CLOCKS`."""

    training: Seconds
    consolidation: Seconds
    evaluation: Seconds


class About(_Strict):
    """The plain values of a checkpoint, which `SavedState` explains."""

    format: Literal[3]
    method: str
    scenario: str
    seed: int
    head: _Head
    host: dict[str, _Host]
    names: list[str]
    seen_outputs: Count
    task_steps: Count
    steps: Count | None = None  # files of early versions lack it
    rows_given: Count
    active: bool
    seconds: _Time
    optimizers: dict[str, _Optimizer]
    scheduler: dict[str, Any] | None
    scaler: dict[str, Any] | None
    beside: Any  # of whoever saved the learner, who checks it
    tensors: dict[str, str]
    # What `Learner.load` needs besides, which `training.later.records` checks.
    learner: dict[str, Any] | None = None


def forms(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Describe tensors, so that a checkpoint can say which it contains.

    Args:
        tensors: Tensors by name.

    Returns:
        The type and the shape of each as text, sorted by name.

    Example:
        >>> import torch
        >>> forms({"bias": torch.zeros(3)})
        {'bias': 'torch.float32 (3,)'}
    """
    return {name: f"{t.dtype} {tuple(t.shape)}" for name, t in sorted(tensors.items())}


def check_about(plain: Mapping[str, object], tensors: Mapping[str, Tensor]) -> About:
    """Check the plain values of a checkpoint by themselves and against its tensors.

    Args:
        plain: The plain values.
        tensors: All tensors by their names in the file.

    Returns:
        The plain values with their types.

    Raises:
        HoldfastError: A value is missing, of the wrong kind, out of range, or contradicts another.
    """
    try:
        about = About.model_validate(plain)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise HoldfastError(describe(wrong, where)) from None
    need(len(about.head.ranges) == len(about.names), "names and head.ranges differ in length")
    need(not about.active or bool(about.names), "a task is active, but none was begun")
    if about.steps is not None:
        need(
            about.task_steps <= about.steps,
            f"steps is {about.steps}, but one task has {about.task_steps}",
        )
    _check_outputs(about, tensors)
    need(about.tensors == forms(tensors), "its tensors are not those that it lists")
    for name in tensors:
        known = name in SINGLE or name.startswith(PREFIXES)
        need(known, f"the tensor {name[:100]!r} has no place in a learner")
    return about


def _check_outputs(about: About, tensors: Mapping[str, Tensor]) -> None:
    """Check the outputs of the tasks."""
    # The head allocates its outputs from these numbers. Each takes at least one weight, so a number
    # beyond that of all weights is wrong, and might take all memory.
    largest = 0
    for name, tensor in tensors.items():
        if name.startswith("model."):
            largest += tensor.numel()
    end = 0
    for first, last in about.head.ranges:
        need(first < last <= largest, f"head.ranges has the outputs {first} to {last}")
        end = max(end, last)
    need(about.seen_outputs == end, f"seen_outputs is {about.seen_outputs}, the tasks have {end}")
    need(end <= about.head.opened <= largest, f"head.opened is {about.head.opened}")


def need(holds: bool, otherwise: str) -> None:
    """Refuse a checkpoint of which something does not hold.

    Args:
        holds: Whether it holds.
        otherwise: The message if it does not.

    Raises:
        HoldfastError: It does not hold.
    """
    if not holds:
        raise HoldfastError(otherwise)


def check_tasks(names: Sequence[str], loaded: Sequence[str]) -> None:
    """Check that the tasks for `load` are those that the checkpoint's learner was trained on.

    Args:
        names: The names of the tasks in the checkpoint.
        loaded: The names of the tasks that `load` got. They may be fewer or more.

    Raises:
        HoldfastError: They differ.
    """
    # `load` may get the tasks so far, or all tasks of the stream.
    both = min(len(names), len(loaded))
    if list(names[:both]) != list(loaded[:both]):
        raise HoldfastError(f"it was trained on the tasks {names[:both]}, but got {loaded[:both]}")


def kind_of(value: object) -> type:
    """Return the type of a plain value. All numbers but truth values are of one kind.

    Example:
        >>> kind_of(1) is kind_of(0.5), kind_of(True) is kind_of(1)
        (True, False)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float
    return type(value)


def check_model(model: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Check names, shapes and types of the network's tensors.

    Args:
        model: The network of the learner.
        saved: The tensors of the checkpoint.

    Raises:
        HoldfastError: They do not fit.
    """
    own = model.state_dict()
    for name in own.keys() ^ saved.keys():
        owner = "the checkpoint" if name in own else "this learner's model"
        raise HoldfastError(f"{name} is not in {owner}")
    for name, tensor in own.items():
        other = saved[name]
        if tensor.shape != other.shape or tensor.dtype != other.dtype:
            raise HoldfastError(
                f"{name} has shape and type {tuple(other.shape)} {other.dtype}, this learner's has "
                f"{tuple(tensor.shape)} {tensor.dtype}"
            )
