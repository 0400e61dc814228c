"""One whole network for each task."""

import copy
from typing import TypedDict

from torch import Tensor, nn

from holdfast.models.calling import call_module
from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask
from holdfast.named_inputs import Inputs


class Counts(TypedDict):
    """How many parameters a module has."""

    parameters: int
    frozen: int
    trainable: int


class Networks(TypedDict):
    """The size of a network for each task."""

    networks: int
    parameters: int
    frozen: int
    trainable: int


def renewed(module: nn.Module) -> nn.Module:
    """Copy a module and draw the weights of the copy anew.

    Args:
        module: Any module. Each of its layers that has `reset_parameters` draws its own weights.

    Returns:
        The copy, all of it trainable, in training mode.
    """
    fresh = copy.deepcopy(module)
    for layer in fresh.modules():
        # Layers without weights have nothing to draw.
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()
    return fresh.requires_grad_(True).train()


class Separate(PerTask):
    """A classifier that gains a fresh copy of its backbone when its head opens a task.

    Earlier copies are frozen.

    Args:
        model: Any classifier with separate heads. Its backbone becomes the first task's.

    Attributes:
        networks: The backbone of each task.

    Raises:
        HoldfastError: The head is of another kind.

    Example:
        >>> from holdfast.models import mlp
        >>> net = Separate(mlp(784, "separate", hidden=(100, 100)))
        >>> for k in range(2):
        ...     net.head.open(k, 2 * k, 2 * k + 2)
        >>> net.capacity()
        {'networks': 2, 'parameters': 177604, 'frozen': 88802, 'trainable': 88802}
    """

    def __init__(self, model: Classifier) -> None:
        # There is no backbone that all tasks share.
        super().__init__(nn.Identity(), model.head)
        self.need_separate_heads()
        self.networks = nn.ModuleList([model.backbone])
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Freeze what there is and add the network of a task, if it has none."""
        if task < len(self.networks):
            return
        # Before the new network is there, because that one must train.
        self.requires_grad_(False)
        self.networks.append(renewed(self.networks[-1]))
        # Without gradients norm layers would still update their statistics.
        for old in self.networks[:task]:
            old.eval()

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs by the network of their task.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows.

        Returns:
            The features, (N, D).

        Raises:
            HoldfastError: Not one task is given, or it has not begun.
        """
        return call_module(self.networks[self.one_task(task)], x)

    def capacity(self) -> Networks:
        """The number of networks, of parameters, and of those frozen and trainable."""
        sizes = counts(self)
        return {
            "networks": len(self.networks),
            "parameters": sizes["parameters"],
            "frozen": sizes["frozen"],
            "trainable": sizes["trainable"],
        }


def counts(module: nn.Module) -> Counts:
    """The number of parameters of a module, and of those frozen and trainable."""
    trainable = 0
    frozen = 0
    for parameter in module.parameters():
        if parameter.requires_grad:
            trainable += parameter.numel()
        else:
            frozen += parameter.numel()
    return {"parameters": trainable + frozen, "frozen": frozen, "trainable": trainable}
