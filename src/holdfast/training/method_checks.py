"""What a checkpoint may put into a method, checked before or right after it is put there."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.engine.memory import Memory
from holdfast.engine.memory_checks import check_memory
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import Snapshot
from holdfast.engine.stateful import Stateful
from holdfast.models.heads import Head
from holdfast.models.network import Network
from holdfast.training.contents import kind_of, need

LARGEST = 2**53  # beyond it a float is no exact whole number


def check_hosts(method: nn.Module, saved: Mapping[str, Any]) -> None:
    """Check a method's plain values: every part has them, and of the kinds that it starts with.

    Args:
        method: The method of the learner.
        saved: The plain values of each part, by its path.

    Raises:
        HoldfastError: They do not fit.
    """
    parts = {path: part for path, part in method.named_modules() if isinstance(part, Stateful)}
    need(parts.keys() == saved.keys(), "the parts of the method differ")
    for path, part in parts.items():
        values = saved[path]["host"]
        for key, value in part.host.items():
            need(key in values, f"the method's value {key!r} is missing")
            # None stands for what is not known yet, so such a value may become anything.
            fits = kind_of(value) is kind_of(values[key])
            # What fills short sequences may be negative, counts and indices may not.
            least = -LARGEST if key == "inputs" else -1
            fits = fits and (value is None or _is_plain(values[key], least))
            need(fits, f"the method's value {key!r} is {str(values[key])[:50]}")


def _is_plain(value: object, least: float) -> bool:
    """Whether a value is a text or a number, or consists of such, and no number is out of range."""
    if isinstance(value, dict):
        return all(_is_plain(one, least) for one in value.values())
    if isinstance(value, list):
        return all(_is_plain(one, least) for one in value)
    if isinstance(value, int | float):
        return least <= value < LARGEST
    return isinstance(value, str)


def check_kinds(method: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Check that the whole numbers of a method (indices, counts) are whole in the checkpoint too.

    Args:
        method: The method of the learner.
        saved: The tensors of the checkpoint.

    Raises:
        HoldfastError: They do not fit.
    """
    for name, tensor in method.named_buffers():
        # An index that became a float would select other rows, or fail in the middle of a task.
        if name in saved and not tensor.is_floating_point():
            other = saved[name]
            need(
                not other.is_floating_point() and other.dim() == tensor.dim(),
                f"the method's {name} is {other.dtype} in {other.dim()} dimensions",
            )


def check_method(method: nn.Module, model: Network, space: ParameterSpace) -> None:
    """Check what was put into a method, whose memories and teachers must be consistent.

    Args:
        method: The method.
        model: The network.
        space: Its weights as a vector θ, which the method's vectors must be as long as.

    Raises:
        HoldfastError: Something does not fit.
    """
    for module in method.modules():
        if isinstance(module, Stateful):
            empty = [name for name, state in module.named_states() if state is None]
            lacking = sorted(module.required.intersection(empty))
            need(not lacking, f"the method lacks its {lacking[:1]}")
            _check_vectors(module, space.layout.length)
        if isinstance(module, Memory):
            check_memory(module)
        if isinstance(module, Snapshot):
            need(module.taken == bool(module.host), "the teacher lacks its weights or its layout")
            if module.taken:
                _check_snapshot(module, model)


def _check_vectors(module: Stateful, length: int) -> None:
    """Check that the vectors of a part of a method are as long as θ."""
    states = dict(module.named_states())
    unknown = sorted(module.vectors - states.keys())
    need(not unknown, f"the method has no vector {str(unknown[:1])[:100]}")
    for name in module.vectors:
        vector = states[name]
        # Some parts have vectors only within tasks, or only after one. Several may be rows.
        fits = vector is None or (vector.dim() in (1, 2) and vector.shape[-1] == length)
        need(fits, f"the method's {name} is no vector of {length} entries")


def _check_snapshot(teacher: Snapshot, model: Network) -> None:
    """Check a teacher, which is the whole network as it was after an earlier task."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    layout = teacher.host["layout"]
    # Without the right length, the layout would read beyond the teacher's weights.
    is_whole = isinstance(layout, list) and layout[-1:] == [teacher.need(teacher.theta).numel()]
    tensors = teacher.tensors() if is_whole else {}
    missing = [name for name in own if name not in tensors and not name.startswith("head.")]
    need(is_whole and not missing, f"the teacher lacks parts of the network: {missing[:1]}")
    for name, tensor in tensors.items():
        need(name in own, f"the teacher has a tensor {name[:100]!r}, the model has none")
        need(
            _may_have_grown(tensor, own[name]),
            f"the teacher's {name[:100]} has shape {tuple(tensor.shape)}",
        )
    _check_teacher_outputs(teacher, model.head)


def _may_have_grown(earlier: Tensor, now: Tensor) -> bool:
    """Whether a tensor can be what another one was before it grew: heads grow in their rows."""
    if earlier.dtype != now.dtype or earlier.dim() != now.dim():
        return False
    if not earlier.dim():
        return True
    return earlier.shape[1:] == now.shape[1:] and earlier.shape[0] <= now.shape[0]


def _check_teacher_outputs(teacher: Snapshot, head: Head) -> None:
    """Check the outputs that a teacher has, and those of ended tasks that it notes."""
    outputs = teacher.host["outputs"]
    tasks = teacher.host["tasks"]
    # `isinstance` would take True for a number.
    need(type(outputs) is int and 0 < outputs <= head.width, "the teacher's outputs are wrong")
    need(type(tasks) is int and 0 < tasks <= len(head.ranges), "the teacher's tasks are wrong")
    ended = dict(teacher.named_states()).get("has_ended")  # of teachers for distillation only
    if ended is not None:
        fits = ended.dtype == torch.bool and ended.dim() == 1 and len(ended) <= head.width
        need(fits, "the teacher's outputs of ended tasks are wrong")
