"""The state of a learner before a checkpoint is put into it, so that a checkpoint that does not fit changes nothing."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from holdfast.engine.stateful import Stateful
from holdfast.training.state import TrainingState

Container = dict | list | set


class Photograph:
    """Everything that loading a checkpoint may change: attributes, containers one level deep, tensors, random states.

    Containers are restored in place, because other objects hold references to them.
    """

    def __init__(self, state: TrainingState) -> None:
        """Take the photograph. It needs as much memory again as the learner's tensors."""
        modules = {id(m): m for root in (state.model, state.method) for m in root.modules()}
        held = state.optimizers
        optimizers = list(held.all().values())
        parts = [
            state.space,
            state.random,
            state.progress,
            state.initial,
            held,
            held.scheduler,
            held.scaler,
        ]
        objects = [state, *modules.values(), *(part for part in parts if part is not None)]
        self._attributes = [(vars(o), _copied(vars(o))) for o in objects]
        self._optimizers = [(o, _of_optimizer(o)) for o in optimizers]
        self._tensors = [(t, t.data, t.detach().clone()) for t in _tensors(state, modules.values())]
        generators = [state.augmentation]
        for module in modules.values():
            generators += module._generators.values() if isinstance(module, Stateful) else ()
        self._generators = [(g, g.get_state()) for g in generators]

    @torch.no_grad()
    def undo(self) -> None:
        """Make the learner what it was."""
        for attributes, before in self._attributes:
            attributes.clear()
            for name, (value, content) in before.items():
                _refill(value, content)
                attributes[name] = value
        for optimizer, (groups, state) in self._optimizers:
            optimizer.param_groups[:] = groups
            optimizer.state.clear()
            optimizer.state.update(state)
        for tensor, place, content in self._tensors:
            tensor.data = place
            tensor.copy_(content)
        for generator, drawn in self._generators:
            generator.set_state(drawn)


def _copied(attributes: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Each attribute with a copy of what it contains, if it is a container."""
    return {
        name: (value, value.copy() if isinstance(value, Container) else None)
        for name, value in attributes.items()
    }


def _refill(value: Any, content: Any) -> None:
    if isinstance(value, list):
        value[:] = content
    elif isinstance(value, dict | set):
        value.clear()
        value.update(content)


def _of_optimizer(optimizer: Optimizer) -> tuple[list[dict[str, Any]], dict[Any, Any]]:
    groups = [{**g, "params": list(g["params"])} for g in optimizer.param_groups]
    return groups, {p: dict(values) for p, values in optimizer.state.items()}


def _tensors(state: TrainingState, modules: Any) -> list[Tensor]:
    """All tensors that may be written in place, each once."""
    found: list[Tensor] = [state.space.theta]
    found += [state.initial.theta] if state.initial is not None else []
    for module in modules:
        found += [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return list({id(t): t for t in found}.values())
