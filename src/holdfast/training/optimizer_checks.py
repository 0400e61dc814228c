"""What the state of an optimizer in a checkpoint may be, checked before it is put into one."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.training.contents import kind_of, need

_ADAM = ({"step", "exp_avg", "exp_avg_sq"}, {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"})
# What optimizers keep of a weight: the names that must be there, and those that may.
MOMENTS: dict[str, tuple[set[str], set[str]]] = {
    "SGD": (set(), {"momentum_buffer"}),
    "Adam": _ADAM,
    "AdamW": _ADAM,
}
LARGEST = 1e9  # of an option that is a number


class SavedGroup(TypedDict):
    """A parameter group.

    Attributes:
        params: The names of its parameters.
        options: Its options, such as the learning rate.
    """

    params: list[str]
    options: dict[str, object]


def check_optimizer(
    optimizer: Optimizer,
    saved_groups: Sequence[SavedGroup],
    state: Mapping[int, Mapping[str, object]],
    known: Mapping[str, nn.Parameter],
) -> None:
    """Check an optimizer's groups, their options, and its state against the weights that it moves.

    Args:
        optimizer: The optimizer that the state is for.
        saved_groups: The saved groups.
        state: The values of each parameter, by its number over all groups.
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
        _check_options(group, saved["options"])
        unknown = [name for name in saved["params"] if name not in known]
        need(
            not unknown,
            f"its optimizer moves {str(unknown[:1])[:100]}, which this learner lacks",
        )
        moved += [known[name] for name in saved["params"]]
    distinct = {id(parameter) for parameter in moved}
    need(len(distinct) == len(moved), "its optimizer moves a weight twice")
    _check_moments(type(optimizer).__name__, state, moved)


# ---- what the optimizer keeps of each weight


def _check_moments(
    kind: str,
    state: Mapping[int, Mapping[str, object]],
    moved: Sequence[nn.Parameter],
) -> None:
    """Check the names and the forms of what the optimizer keeps of each weight."""
    for number, values in state.items():
        need(number < len(moved), f"its optimizer has a state for weight {number} of {len(moved)}")
        # Nothing is known of other optimizers, so only their numbers are checked.
        if kind not in MOMENTS:
            continue
        required, possible = MOMENTS[kind]
        names = values.keys()
        need(required <= names <= possible, f"its optimizer's state is {sorted(names)}")
        for name, value in values.items():
            need(
                _is_moment(name, value, moved[number]),
                f"its optimizer's {name} of weight {number} has another shape or type",
            )


def _is_moment(name: str, value: object, weight: Tensor) -> bool:
    """Whether a value has the form of a moment of a weight, since fused kernels do not check it."""
    if name == "step":
        return isinstance(value, Tensor) and value.dim() == 0 and bool(value >= 0)
    if isinstance(value, Tensor):
        return value.shape == weight.shape and value.dtype == weight.dtype
    # SGD without momentum keeps None in its place.
    return value is None and name == "momentum_buffer"


# ---- the options


def _check_options(group: Mapping[str, object], saved: Mapping[str, object]) -> None:
    """Check a group's options: those of this learner's optimizer, of which only numbers differ."""
    # A schedule adds `initial_lr` when it starts, so only one of the two may have it.
    names = group.keys() - {"params", "param_names", "initial_lr"}
    need(saved.keys() - {"initial_lr"} == names, f"its optimizer has the options {sorted(saved)}")
    for name in names:
        _check_option(name, group[name], saved[name])
    _check_option("initial_lr", 0.1, saved.get("initial_lr", 0.1))


def _check_option(name: str, own: object, saved: object) -> None:
    """Check an option, which is a number, a list of numbers, or a value that must be the same."""
    if isinstance(own, Tensor):
        own = own.item()
    if isinstance(own, tuple | list) and isinstance(saved, list) and len(own) == len(saved):
        for own_entry, saved_entry in zip(own, saved, strict=True):
            _check_option(name, own_entry, saved_entry)
        return
    if isinstance(own, int | float) and not isinstance(own, bool):
        # Schedules change numbers, so they may differ. A truth value is no number.
        fits = kind_of(saved) is float and (_is_in_range(saved) or saved == own)
    else:
        fits = type(own) is type(saved) and own == saved
    need(fits, f"its optimizer's {name} is {str(saved)[:50]}, this one's is {str(own)[:50]}")


def _is_in_range(value: object) -> bool:
    """Whether a number can be an option of an optimizer."""
    return isinstance(value, int | float) and 0 <= value <= LARGEST
