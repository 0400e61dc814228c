"""A frozen copy of the network: θ and buffers, seen through a copy of its structure, never a submodule."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.engine.parameters import Layout, ParameterSpace
from holdfast.engine.stateful import Stateful


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
        self._network: tuple[int, nn.Module] | tuple[()] = ()  # in a tuple: not a submodule

    @torch.no_grad()
    def take(self, module: nn.Module, space: ParameterSpace, outputs: int) -> "Snapshot":
        """Copies θ, the frozen parameters and the buffers; `outputs` is the number of outputs in play now."""
        self._network = ()
        self.remember("theta", space.theta.clone())
        self.host = {
            "layout": space.layout.to_json(),
            "outputs": outputs,
            "tasks": len(module.head.ranges),  # type: ignore[union-attr, arg-type]
            "names": [],
        }
        inside = set(space.views(space.theta))
        others = [(n, p) for n, p in module.named_parameters() if n not in inside] + list(
            module.named_buffers()
        )
        for k, (name, tensor) in enumerate(others):
            self.remember(f"other_{k}", tensor.detach().clone())
            self.host["names"].append(name)
        return self

    @property
    def outputs(self) -> int:
        """Number of outputs in play when the snapshot was taken."""
        return int(self.host["outputs"])

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by name."""
        named = Layout.from_json(self.host["layout"]).views(self.get_buffer("theta"))
        return named | {
            name: self.get_buffer(f"other_{k}") for k, name in enumerate(self.host["names"])
        }

    def network(self, module: nn.Module) -> nn.Module:
        """A copy of `module`'s structure in eval mode whose tensors are this snapshot's (no second copy of θ), made on first use."""
        theta = self.get_buffer("theta")
        if self._network and self._network[0] == theta.data_ptr():
            return self._network[1]
        memo = {
            id(t): t for t in [*module.parameters(), *module.buffers()]
        }  # structure alone is copied
        net = copy.deepcopy(module, memo).eval()
        mine: dict[int, Any] = {}  # what replaces a tensor, in every module that uses it
        for name, tensor in self.tensors().items():
            path, _, leaf = name.rpartition(".")
            owner = net.get_submodule(path)
            if leaf not in {*owner._parameters, *owner._buffers} and hasattr(owner, WRAPPED):
                owner = owner.get_submodule(
                    WRAPPED
                )  # an adapter has been put around the layer since
            if leaf in owner._parameters:
                mine[id(owner._parameters[leaf])] = nn.Parameter(tensor, requires_grad=False)
            else:
                mine[id(owner._buffers[leaf])] = tensor
        for p in net.parameters():
            if id(p) not in mine:  # what came later, such as a new adapter, adds nothing
                mine[id(p)] = nn.Parameter(
                    p.detach().new_zeros(()).expand(p.shape), requires_grad=False
                )
        for owner in net.modules():
            for held in (owner._parameters, owner._buffers):
                held.update({leaf: mine[id(t)] for leaf, t in held.items() if id(t) in mine})
        net.head.ranges = net.head.ranges[: self.host["tasks"]]  # type: ignore[union-attr, index]
        self._network = (theta.data_ptr(), net)
        return net

    @torch.no_grad()
    def forward(self, module: nn.Module, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits that `module` gave with the copied weights."""
        return self.network(module)(x, task)
