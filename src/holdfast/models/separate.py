"""One whole network for each task."""

import copy
from typing import Any

from torch import Tensor, nn

from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask


def renewed(module: nn.Module) -> nn.Module:
    """A copy with freshly drawn weights (every layer that can draw its own does)."""
    fresh = copy.deepcopy(module)
    for m in fresh.modules():
        if callable(reset := getattr(m, "reset_parameters", None)):
            reset()
    return fresh.requires_grad_(True).train()


class Separate(PerTask):
    """A classifier that gains a fresh copy of its backbone whenever its head opens a task; earlier copies are frozen.

    >>> from holdfast.models import mlp
    >>> net = Separate(mlp(784, "separate", hidden=(100, 100)))
    >>> for k in range(2):
    ...     net.head.open(k, 2 * k, 2 * k + 2)
    >>> net.capacity()
    {'networks': 2, 'parameters': 177604, 'frozen': 88802, 'trainable': 88802}
    """

    def __init__(self, model: Classifier) -> None:
        """`model`: any classifier with separate heads, whose backbone becomes the first task's."""
        super().__init__(nn.Identity(), model.head)
        self.need_separate_heads()
        self.networks = nn.ModuleList([model.backbone])
        self.head.on_open.append(self._open)

    def _open(self, task: int) -> None:
        if task < len(self.networks):
            return
        for p in self.parameters():
            p.requires_grad_(False)
        self.networks.append(renewed(self.networks[-1]))
        for old in self.networks[:task]:
            old.eval()

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) and a task → features (N, D) of its network."""
        return self.networks[self.one_task(task)](x)

    def capacity(self) -> dict[str, Any]:
        """Number of networks, of parameters, and of those frozen and trainable."""
        return {"networks": len(self.networks), **counts(self)}


def counts(module: nn.Module) -> dict[str, int]:
    """Number of parameters, and of those frozen and trainable."""
    sizes = {
        flag: sum(p.numel() for p in module.parameters() if p.requires_grad is flag)
        for flag in (True, False)
    }
    return {"parameters": sum(sizes.values()), "frozen": sizes[False], "trainable": sizes[True]}
