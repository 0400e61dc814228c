"""An optimizer in a checkpoint: its groups by names of parameters, and what it keeps of each.

PyTorch numbers parameters by their order. Names are safer, because a network that grew may have its
parameters in another order than a fresh one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.training.optimizer_checks import SavedGroup, check_optimizer

NOT_OPTIONS = ("params", "param_names")  # the entries of an optimizer's group that are no options


@dataclass
class SavedOptimizer:
    """The state of an optimizer.

    Attributes:
        groups: The parameter groups.
        plain: For each parameter, by its number as text, its values that are no tensors.
        tensors: The values that are tensors, by "<number of the parameter>.<name>".
    """

    groups: list[SavedGroup] = field(default_factory=list)
    plain: dict[str, dict[str, object]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def by_parameter(self) -> dict[int, dict[str, object]]:
        """Return the values of each parameter by its number, tensors and others together."""
        state: dict[int, dict[str, object]] = {}
        for number, values in self.plain.items():
            state[int(number)] = dict(values)
        for key, value in self.tensors.items():
            number, name = key.split(".", 1)
            state.setdefault(int(number), {})[name] = value
        return state


def saved_optimizer(optimizer: Optimizer, names: Mapping[int, str]) -> SavedOptimizer:
    """Return the state of an optimizer, to keep in a checkpoint.

    Args:
        optimizer: The optimizer.
        names: The name of each parameter by the `id` of the parameter.

    Returns:
        The state. Its tensors are those of the optimizer, not copies.

    Raises:
        HoldfastError: The optimizer holds a parameter that has no name.
    """
    saved = SavedOptimizer()
    state = optimizer.state_dict()
    for numbered, group in zip(state["param_groups"], optimizer.param_groups, strict=True):
        if any(id(parameter) not in names for parameter in group["params"]):
            raise HoldfastError(
                "the optimizer holds a parameter that belongs neither to the model nor to the "
                "method, so a checkpoint could not name it; make that parameter a part of the model"
            )
        options: dict[str, object] = {}
        for name, value in numbered.items():
            if name in NOT_OPTIONS:
                continue
            if isinstance(value, Tensor):  # a learning rate may be one
                value = value.item()
            options[name] = value
        parameters = [names[id(parameter)] for parameter in group["params"]]
        saved.groups.append({"params": parameters, "options": options})
    for number, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                saved.tensors[f"{number}.{name}"] = value
            else:
                saved.plain.setdefault(str(number), {})[name] = value
    return saved


def restore_optimizer(
    optimizer: Optimizer,
    saved: SavedOptimizer,
    parameters: Mapping[str, nn.Parameter],
) -> None:
    """Put a saved state into an optimizer.

    Args:
        optimizer: An optimizer of the same kind, with as many groups.
        saved: The state.
        parameters: The parameters that exist now, by name.

    Raises:
        HoldfastError: The state does not fit the optimizer or the parameters.
    """
    by_parameter = saved.by_parameter()
    check_optimizer(optimizer, saved.groups, by_parameter, parameters)
    for group, saved_group in zip(optimizer.param_groups, saved.groups, strict=True):
        group["params"] = [parameters[name] for name in saved_group["params"]]
    # An optimizer that was made from named_parameters() has their names, and expects them.
    has_names = "param_names" in optimizer.param_groups[0]
    numbered_groups = []
    first = 0
    for saved_group in saved.groups:
        names = saved_group["params"]
        numbers = list(range(first, first + len(names)))
        numbered: dict[str, object] = {**saved_group["options"], "params": numbers}
        if has_names:
            numbered["param_names"] = [name.removeprefix("model.") for name in names]
        numbered_groups.append(numbered)
        first += len(numbers)
    # Copies, because the state may be restored a second time after some steps.
    state: dict[int, dict[str, object]] = {}
    for number, values in by_parameter.items():
        copies = {}
        for name, value in values.items():
            if isinstance(value, Tensor):
                value = value.clone()
            copies[name] = value
        state[number] = copies
    optimizer.load_state_dict({"state": state, "param_groups": numbered_groups})
