"""A frozen copy of the network: θ and buffers, run through `functional_call`, never a submodule."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

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


class Snapshot(Stateful):
    """The teacher of distillation: what the network computed when the snapshot was taken, in eval mode, without gradients."""

    @torch.no_grad()
    def take(self, module: nn.Module, space: ParameterSpace, outputs: int) -> "Snapshot":
        """Copies θ, the frozen parameters and the buffers; `outputs` is the number of outputs in play now."""
        self.remember("theta", space.theta.clone())
        self.host = {"layout": space.layout.to_json(), "outputs": outputs, "names": []}
        inside = set(space.views(space.theta))
        others = [(n, p) for n, p in module.named_parameters() if n not in inside] + list(module.named_buffers())
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
        return named | {name: self.get_buffer(f"other_{k}") for k, name in enumerate(self.host["names"])}

    @torch.no_grad()
    def forward(self, module: nn.Module, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits that `module` gave with the copied weights."""
        with evaluating(module):
            return functional_call(module, self.tensors(), (x, task))
