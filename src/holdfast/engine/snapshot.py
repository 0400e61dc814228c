"""A frozen copy of the network: θ and buffers, seen through a copy of its structure, never a submodule."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.engine.parameters import Layout, ParameterSpace
from holdfast.engine.stateful import Derived, Stateful
from holdfast.models.network import Network


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Every submodule in eval mode, and each back in the mode it was in."""
    was = [m for m in module.modules() if m.training]
    for m in was:
        m.training = False
    try:
        yield
    finally:
        for m in was:
            m.training = True


WRAPPED = "base_layer"  # where peft's adapters keep the layer that they wrap


class Snapshot(Stateful):
    """The teacher of distillation: what the network computed when the snapshot was taken, in eval mode, without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = self.optional_state()
        self.others = self.tensor_list("other")  # buffers and frozen parameters
        self._network = Derived[Network]()

    @torch.no_grad()
    def take(self, module: Network, space: ParameterSpace, outputs: int) -> "Snapshot":
        """Copies θ, the frozen parameters and the buffers; `outputs` is the number of outputs in play now."""
        self._network.forget()
        self.theta = space.theta.clone()
        self.host = {
            "layout": space.layout.to_json(),
            "outputs": outputs,
            "tasks": len(module.head.ranges),
            "names": [],
        }
        inside = set(space.views(space.theta))
        others = [(n, p) for n, p in module.named_parameters() if n not in inside] + list(
            module.named_buffers()
        )
        for k, (name, tensor) in enumerate(others):
            self.others[k] = tensor.detach().clone()
            self.host["names"].append(name)
        return self

    @property
    def taken(self) -> bool:
        """Whether there is a copy yet."""
        return self.theta is not None

    @property
    def outputs(self) -> int:
        """Number of outputs in play when the snapshot was taken."""
        return int(self.host["outputs"])

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by name."""
        named = Layout.from_json(self.host["layout"]).views(self.need(self.theta))
        return named | {name: self.others[k] for k, name in enumerate(self.host["names"])}

    def network(self, module: Network) -> Network:
        """The network of the snapshot: a copy of `module`'s structure that uses the kept tensors.

        It is made on first use, in evaluation mode, and holds no second copy of θ.
        """
        place = self.need(self.theta).data_ptr()
        return self._network.get(place, lambda: self._built(module))

    def _built(self, module: Network) -> Network:
        shared = {id(t): t for t in [*module.parameters(), *module.buffers()]}
        net = copy.deepcopy(module, shared).eval()  # the structure alone is copied
        kept: dict[int, Any] = {}  # what replaces a tensor, in every module that uses it
        for name, tensor in self.tensors().items():
            path, _, leaf = name.rpartition(".")
            owner = net.get_submodule(path)
            names = {*owner._parameters, *owner._buffers}
            if leaf not in names and hasattr(owner, WRAPPED):
                owner = owner.get_submodule(WRAPPED)  # an adapter was put around the layer since
            if leaf in owner._parameters:
                kept[id(owner._parameters[leaf])] = nn.Parameter(tensor, requires_grad=False)
            else:
                kept[id(owner._buffers[leaf])] = tensor
        for parameter in net.parameters():
            if id(parameter) not in kept:  # what came later, such as a new adapter, adds nothing
                nothing = parameter.detach().new_zeros(()).expand(parameter.shape)
                kept[id(parameter)] = nn.Parameter(nothing, requires_grad=False)
        for owner in net.modules():
            for tensors in (owner._parameters, owner._buffers):
                replaced = {leaf: kept[id(t)] for leaf, t in tensors.items() if id(t) in kept}
                tensors.update(replaced)
        net.head.ranges = net.head.ranges[: self.host["tasks"]]
        return net

    @torch.no_grad()
    def forward(self, module: Network, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits that `module` gave with the copied weights."""
        logits: Tensor = self.network(module)(x, task)
        return logits
