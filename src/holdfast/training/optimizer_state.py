"""An optimizer in a checkpoint: groups by the names of parameters, and what it remembers of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.training.optimizer_checks import check_optimizer

NOT_OPTIONS = ("params", "param_names")  # the entries of an optimizer's group that are no options


@dataclass
class SavedOptimizer:
    """The state of an optimizer.

    Attributes:
        groups: For each group the names of its parameters ("params") and its options ("options").
        plain: For each parameter, by its number as text, what is remembered and is no tensor.
        tensors: What is remembered and is a tensor, by "<number of the parameter>.<name>".
    """

    groups: list[dict[str, Any]] = field(default_factory=list)
    plain: dict[str, dict[str, Any]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def by_parameter(self) -> dict[int, dict[str, Any]]:
        """What is remembered of each parameter, tensors and plain values together."""
        state: dict[int, dict[str, Any]] = {}
        for number, values in self.plain.items():
            state[int(number)] = dict(values)
        for key, value in self.tensors.items():
            number, name = key.split(".", 1)
            state.setdefault(int(number), {})[name] = value
        return state


def saved_optimizer(optimizer: Optimizer, names: Mapping[int, str]) -> SavedOptimizer:
    """The state of an optimizer.

    Args:
        optimizer: The optimizer.
        names: The name of each parameter by the `id` of the parameter.

    Raises:
        HoldfastError: It holds a parameter that has no name.
    """
    saved = SavedOptimizer()
    state = optimizer.state_dict()
    for numbered, group in zip(state["param_groups"], optimizer.param_groups, strict=True):
        if any(id(parameter) not in names for parameter in group["params"]):
            raise HoldfastError(
                "the optimizer holds a parameter that belongs neither to the model nor to the "
                "method, so a checkpoint could not name it; make that parameter a part of the model"
            )
        options = {
            name: value.item() if isinstance(value, Tensor) else value
            for name, value in numbered.items()
            if name not in NOT_OPTIONS
        }
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
    check_optimizer(optimizer, saved.groups, saved.by_parameter(), parameters)
    for group, kept in zip(optimizer.param_groups, saved.groups, strict=True):
        group["params"] = [parameters[name] for name in kept["params"]]
    has_names = "param_names" in optimizer.param_groups[0]
    numbered_groups = []
    first = 0
    for kept in saved.groups:
        numbers = list(range(first, first + len(kept["params"])))
        numbered: dict[str, Any] = {**kept["options"], "params": numbers}
        if has_names:
            numbered["param_names"] = [name.removeprefix("model.") for name in kept["params"]]
        numbered_groups.append(numbered)
        first += len(numbers)
    state = {
        number: {
            name: value.clone() if isinstance(value, Tensor) else value
            for name, value in values.items()
        }
        for number, values in saved.by_parameter().items()
    }
    optimizer.load_state_dict({"state": state, "param_groups": numbered_groups})
