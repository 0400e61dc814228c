"""A backup of a learner in memory, so that a checkpoint that does not fit changes nothing."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.stateful import Stateful
from holdfast.training.state import TrainingState

Container = dict[Any, Any] | list[Any] | set[Any]
# `isinstance` refuses types with parameters, so the check needs the plain classes.
CONTAINERS = (dict, list, set)
Attributes = dict[str, object]


class Backup:
    """A copy of everything that loading a checkpoint may change.

    These are the attributes of all parts, the entries of their containers, tensors, optimizers and
    random generators. Containers and tensors are restored in place, because other objects hold
    references to them. It takes as much memory again as the learner's tensors.

    Args:
        state: The state of the learner.
    """

    def __init__(self, state: TrainingState) -> None:
        modules = _modules(state)
        optimizers = state.optimizers
        parts = [
            state.space,
            state.random,
            state.progress,
            state.initial,
            optimizers,
            optimizers.scheduler,
            optimizers.scaler,
        ]
        objects = [state, *modules, *(part for part in parts if part is not None)]
        self._attributes = [(vars(one), _with_copies(vars(one))) for one in objects]
        self._optimizers = [(one, _of_optimizer(one)) for one in optimizers.all().values()]
        # A tensor may be pointed to other memory (`.data`) as well as be written to.
        self._tensors = [
            (tensor, tensor.data, tensor.detach().clone()) for tensor in _tensors(state, modules)
        ]
        parameters = state.parameters().values()
        self._trainable = [(parameter, parameter.requires_grad) for parameter in parameters]
        generators = [state.augmentation]
        for module in modules:
            if isinstance(module, Stateful):
                generators += module._generators.values()
        self._generators = [(generator, generator.get_state()) for generator in generators]

    @torch.no_grad()
    def undo(self) -> None:
        """Make the learner what it was."""
        for attributes, before in self._attributes:
            attributes.clear()
            for name, (value, content) in before.items():
                _refill(value, content)
                attributes[name] = value
        for optimizer, (groups, of_weights) in self._optimizers:
            optimizer.param_groups[:] = groups
            optimizer.state.clear()
            optimizer.state.update(of_weights)
        for tensor, memory, values in self._tensors:
            tensor.data = memory
            tensor.copy_(values)
        for parameter, trainable in self._trainable:
            parameter.requires_grad_(trainable)
        for generator, drawn in self._generators:
            generator.set_state(drawn)


def _modules(state: TrainingState) -> list[nn.Module]:
    """Return all modules of the network and the method, each once although they may share some."""
    modules = {}
    for root in (state.model, state.method):
        for module in root.modules():
            modules[id(module)] = module
    return list(modules.values())


def _with_copies(attributes: Attributes) -> dict[str, tuple[object, Container | None]]:
    """Return each attribute with a copy of its entries, if it is a container."""
    copies: dict[str, tuple[object, Container | None]] = {}
    for name, value in attributes.items():
        content = None
        if isinstance(value, CONTAINERS):
            content = value.copy()
        copies[name] = (value, content)
    return copies


def _refill(value: object, content: Container | None) -> None:
    """Give a container the entries that it had."""
    if isinstance(value, list) and content is not None:
        value[:] = content
    elif isinstance(value, dict | set) and content is not None:
        value.clear()
        value.update(content)


def _of_optimizer(
    optimizer: Optimizer,
) -> tuple[list[dict[str, object]], dict[Tensor, dict[str, object]]]:
    """Copy the groups of an optimizer and what it keeps of each weight, but not the tensors."""
    groups = [{**group, "params": list(group["params"])} for group in optimizer.param_groups]
    of_weights = {weight: dict(values) for weight, values in optimizer.state.items()}
    return groups, of_weights


def _tensors(state: TrainingState, modules: Collection[nn.Module]) -> list[Tensor]:
    """Return all tensors that may be written in place, each once."""
    tensors: list[Tensor] = [state.space.theta]
    if state.initial is not None:
        tensors.append(state.initial.theta)
    for module in modules:
        tensors += [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return list({id(tensor): tensor for tensor in tensors}.values())
