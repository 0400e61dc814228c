"""A network whose weights belong to tasks: what PackNet prunes and freezes.

References:
    A. Mallya, S. Lazebnik (2018), PackNet: adding multiple tasks to a single network by iterative
    pruning. CVPR.
"""

from collections.abc import Iterator
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.func import functional_call

from holdfast.errors import HoldfastError
from holdfast.models.calling import arguments_of, call_module, tensor_in
from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask
from holdfast.named_inputs import Inputs

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


class Capacity(TypedDict):
    """How the weights of a packed network are shared out."""

    weights: int
    free: int
    tasks: list[int]


class Packed(PerTask):
    """A classifier whose weights each belong to one task, which later tasks read but never change.

    Weights are parameters of two and more dimensions. Each has an owner: 0 is free, t + 1 is task
    number t. Task t sees the weights of the owners 1 to t + 1. While it is trained the free weights
    take part as well; `assign` then gives the largest of them to it and sets the rest to 0.

    Args:
        model: A classifier with separate heads. Its layers are used, not copied.

    Attributes:
        names: The names of the weights within the backbone.

    Raises:
        HoldfastError: The head is of another kind, or no weight of the backbone is trainable.
    """

    def __init__(self, model: Classifier) -> None:
        super().__init__(model.backbone, model.head)
        self.need_separate_heads()
        # Frozen weights belong to all tasks, so they are neither pruned nor given away.
        self.names = [
            name
            for name, weight in model.backbone.named_parameters()
            if weight.dim() > 1 and weight.requires_grad
        ]
        if not self.names:
            raise HoldfastError(
                "PackNet gives each task a share of the backbone's weights, but none of them is "
                "trainable; unfreeze layers, or take a method for frozen features such as NCM, "
                "SLDA or RanPAC"
            )
        for k, name in enumerate(self.names):
            shape = model.backbone.get_parameter(name).shape
            # All weights are free at first.
            self.register_buffer(f"owner_{k}", torch.zeros(shape, dtype=torch.uint8))
        # The number of tasks that have their weights.
        self.register_buffer("tasks", torch.zeros((), dtype=torch.uint8))

    @property
    def settled(self) -> bool:
        """Whether a task has been packed, so that biases and norm layers are frozen."""
        return bool(self.get_buffer("tasks"))

    def owners(self) -> Iterator[tuple[str, Tensor]]:
        """The name of each weight within the backbone, and the owner of each of its entries."""
        for k, name in enumerate(self.names):
            yield name, self.get_buffer(f"owner_{k}")

    @torch.no_grad()
    def assign(self, task: int, share: float) -> None:
        """Give the largest free weights of each layer to a task. The other free ones become 0.

        Args:
            task: The number of the task.
            share: The share of each layer's free weights that it gets, in (0, 1]. It gets at least
                one weight, as long as there are any.
        """
        for name, owner in self.owners():
            weight = self.backbone.get_parameter(name)
            free = owner == 0
            available = int(free.sum())
            wanted = max(1, round(share * available))
            sizes = weight.abs().masked_fill(~free, -1.0).flatten()  # below that of any free one
            best = sizes.topk(min(available, wanted)).indices
            # A view, so that the buffer itself changes.
            owner.view(-1)[best] = task + 1
            weight.masked_fill_(owner == 0, 0.0)

    def settle(self) -> None:
        """End a task: the statistics of norm layers stay as they are from now on."""
        self.get_buffer("tasks").add_(1)

    def train(self, mode: bool = True) -> "Packed":
        """Set the training mode, except for norm layers that keep their statistics."""
        super().train(mode)
        self._hold_norms()
        return self

    def _hold_norms(self) -> None:
        """Keep norm layers in evaluation mode once a task has been packed."""
        for layer in self.backbone.modules():
            if isinstance(layer, NORMS) and self.settled:
                layer.training = False

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs by the weights that a task sees.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows.

        Returns:
            The features, (N, D).

        Raises:
            HoldfastError: Not one task is given, or it has not begun.
        """
        task = self.one_task(task)
        self._hold_norms()
        # A task in training sees the free weights as well, which are all that it does not own yet.
        if task >= int(self.get_buffer("tasks")):
            return call_module(self.backbone, x)
        seen: dict[str, Tensor] = {}
        for name, owner in self.owners():
            mask = (owner > 0) & (owner <= task + 1)
            seen[name] = self.backbone.get_parameter(name) * mask
        arguments, named = arguments_of(x)
        return tensor_in(functional_call(self.backbone, seen, arguments, named))

    def capacity(self) -> Capacity:
        """The number of weights, of those that are free, and of those of each task."""
        each = []
        for _, owner in self.owners():
            numbers = owner.flatten().long()
            each.append(torch.bincount(numbers, minlength=256))  # an owner is one byte
        by_owner = torch.stack(each).sum(0).tolist()
        return {
            "weights": sum(by_owner),
            "free": by_owner[0],
            "tasks": [weights for weights in by_owner[1:] if weights],
        }
