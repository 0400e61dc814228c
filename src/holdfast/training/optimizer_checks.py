"""What the state of an optimizer in a checkpoint may be, checked before it is put into one."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.training.contents import kind_of, need

_ADAM = ({"step", "exp_avg", "exp_avg_sq"}, {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"})
# What optimizers remember of a weight: the names that must be there, and those that may.
MOMENTS: dict[str, tuple[set[str], set[str]]] = {
    "SGD": (set(), {"momentum_buffer"}),
    "Adam": _ADAM,
    "AdamW": _ADAM,
}


def check_optimizer(
    optimizer: Optimizer,
    saved_groups: Sequence[Mapping[str, Any]],
    state: Mapping[int, Mapping[str, Any]],
    known: Mapping[str, nn.Parameter],
) -> None:
    """Check an optimizer's groups, their options, and its state against the weights that it moves.

    Args:
        optimizer: The optimizer that the state is for.
        saved_groups: The saved groups: the names of their parameters, and their options.
        state: What was remembered of each parameter, by its number.
        known: The parameters that exist, by name.

    Raises:
        HoldfastError: They do not fit.
    """
    groups = optimizer.param_groups
    if len(saved_groups) != len(groups):
        raise HoldfastError(
            f"its optimizer has {len(saved_groups)} parameter groups, this one {len(groups)}"
        )
    moved: list[nn.Parameter] = []
    for group, saved in zip(groups, saved_groups, strict=True):
        _same_options(group, saved["options"])
        strange = [name for name in saved["params"] if name not in known]
        need(not strange, f"its optimizer moves {str(strange[:1])[:100]}, which this learner lacks")
        moved += [known[name] for name in saved["params"]]
    need(len({id(p) for p in moved}) == len(moved), "its optimizer moves a weight twice")
    _check_moments(type(optimizer).__name__, state, moved)


def _check_moments(
    kind: str,
    state: Mapping[int, Mapping[str, Any]],
    moved: Sequence[nn.Parameter],
) -> None:
    """Check what the optimizer remembers of each weight: fused kernels trust its shapes blindly."""
    needed, possible = MOMENTS.get(kind, (set(), None))
    for number, values in state.items():
        need(number < len(moved), f"its optimizer has a state for weight {number} of {len(moved)}")
        if possible is not None:
            names = values.keys()
            need(needed <= names <= possible, f"its optimizer's state is {sorted(names)}")
            _same_moments(values, moved[number], number)


def _same_moments(values: Mapping[str, Any], weight: Tensor, number: int) -> None:
    for name, value in values.items():
        if name == "step":
            fits = isinstance(value, Tensor) and value.dim() == 0 and bool(value >= 0)
        elif isinstance(value, Tensor):
            fits = value.shape == weight.shape and value.dtype == weight.dtype
        else:
            fits = value is None and name == "momentum_buffer"
        need(fits, f"its optimizer's {name} of weight {number} has another shape or type")


def _same_options(group: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Check a group's options: those of this learner's optimizer, where only numbers may differ."""
    names = group.keys() - {"params", "param_names", "initial_lr"}
    need(saved.keys() - {"initial_lr"} == names, f"its optimizer has the options {sorted(saved)}")
    for name in names:
        _same_option(name, group[name], saved[name])
    _same_option("initial_lr", 0.1, saved.get("initial_lr", 0.1))


def _same_option(key: str, mine: Any, saved: Any) -> None:
    if isinstance(mine, Tensor):
        mine = mine.item()
    if isinstance(mine, tuple | list) and isinstance(saved, list) and len(mine) == len(saved):
        for a, b in zip(mine, saved, strict=True):
            _same_option(key, a, b)
        return
    if isinstance(mine, bool) or not isinstance(mine, int | float):
        fits = type(mine) is type(saved) and mine == saved
    else:
        fits = kind_of(saved) is float and 0 <= saved <= 1e9
    need(fits, f"its optimizer's {key} is {str(saved)[:50]}, this one's is {str(mine)[:50]}")
