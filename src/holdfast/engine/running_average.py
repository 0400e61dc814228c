"""A running average of a network: of its weights θ and of its statistics."""

import torch
from torch import Tensor, nn

from holdfast.engine.layout import carry_rows
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import Snapshot
from holdfast.models.network import Network


class RunningAverage(Snapshot):
    """A copy of the network that moves towards it. Call it as a snapshot, to get its answers."""

    def forget(self) -> None:
        """Start anew the next time."""
        self.theta = None
        for number in range(len(self.host.get("names", []))):
            self.put(f"other_{number}", None)
        self.host = {}
        self._network.forget()

    @torch.no_grad()
    def follow(self, module: Network, space: ParameterSpace, outputs: int) -> None:
        """Follow a network that may have grown. What is new starts with the values that it has.

        Args:
            module: The network.
            space: Its weights.
            outputs: The number of outputs in play now.
        """
        before = self.tensors() if self.taken else {}
        self.take(module, space, outputs)
        for name, tensor in self.tensors().items():
            if name in before and before[name].dim() == tensor.dim():
                carry_rows(before[name], tensor)

    @torch.no_grad()
    def add(self, module: Network, space: ParameterSpace, share: float) -> None:
        """Move towards the network as it is.

        Args:
            module: The network.
            space: Its weights.
            share: How far, from 0 (not at all) to 1 (all the way, bit for bit).
        """
        self.need(self.theta).lerp_(space.theta, share)
        if not self.host["names"]:
            return
        now = tensors_of(module)
        for number, name in enumerate(self.host["names"]):
            move(self.others[number], now[name], share)

    @torch.no_grad()
    def put_into(self, module: Network) -> None:
        """Give the network the average as its weights and statistics."""
        now = tensors_of(module)
        for name, tensor in self.tensors().items():
            now[name].copy_(tensor)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of a network by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def move(tensor: Tensor, towards: Tensor, share: float) -> None:
    """Move a tensor towards another one, in place. Counters and indices become the other's.

    Args:
        tensor: The tensor, which is changed.
        towards: The other one, of the same shape.
        share: How far, from 0 to 1.

    Example:
        >>> mean = torch.tensor([0.0])
        >>> move(mean, torch.tensor([4.0]), 0.25)
        >>> mean
        tensor([1.])
    """
    if tensor.is_floating_point():
        tensor.lerp_(towards, share)
    else:
        tensor.copy_(towards)
