"""A network whose weights belong to tasks: what PackNet prunes and freezes (Mallya & Lazebnik 2018)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


class Packed(PerTask):
    """`owner` of each weight (parameters of two and more dimensions): 0 free, t + 1 task number t. Task t sees owners 1..t + 1.

    While a task is trained its free weights take part as well; `assign` then gives the largest of them to it and sets the rest to 0.
    """

    def __init__(self, model: Classifier) -> None:
        super().__init__(model.backbone, model.head)
        self.need_separate_heads()
        # Frozen weights belong to all tasks, so they are neither pruned nor given away.
        self.names = [
            n for n, p in model.backbone.named_parameters() if p.dim() > 1 and p.requires_grad
        ]
        if not self.names:
            raise HoldfastError(
                "PackNet gives each task a share of the backbone's weights, but none of them is trainable; unfreeze "
                "layers, or take a method for frozen features such as NCM, SLDA or RanPAC"
            )
        for k, name in enumerate(self.names):
            self.register_buffer(
                f"owner_{k}",
                torch.zeros(model.backbone.get_parameter(name).shape, dtype=torch.uint8),
            )
        self.register_buffer(
            "tasks", torch.zeros((), dtype=torch.uint8)
        )  # those that have their weights

    @property
    def settled(self) -> bool:
        """Whether a task has been packed, so that biases and norms are frozen."""
        return bool(self.get_buffer("tasks"))

    def owners(self) -> Iterator[tuple[str, Tensor]]:
        """(name within the backbone, owner of each entry) of every weight."""
        return ((name, self.get_buffer(f"owner_{k}")) for k, name in enumerate(self.names))

    @torch.no_grad()
    def assign(self, task: int, share: float) -> None:
        """Gives `share` of each layer's free weights, the largest (at least one while there are any), to `task`; the others become 0."""
        for name, owner in self.owners():
            weight, free = self.backbone.get_parameter(name), owner == 0
            count = int(free.sum())
            best = (
                weight.abs()
                .masked_fill(~free, -1.0)
                .flatten()
                .topk(min(count, max(1, round(share * count))))
                .indices
            )
            owner.view(-1)[best] = task + 1
            weight.masked_fill_(owner == 0, 0.0)

    def settle(self) -> None:
        """Ends a task: statistics of norm layers stay from now on."""
        self.get_buffer("tasks").add_(1)

    def train(self, mode: bool = True) -> "Packed":
        """As always, but norm layers keep their statistics once a task is packed."""
        super().train(mode)
        self._hold_norms()
        return self

    def _hold_norms(self) -> None:
        for m in self.backbone.modules():
            if isinstance(m, NORMS) and self.settled:
                m.training = False

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) and a task → features (N, D), by the weights of tasks up to it (and the free ones, for the task in training)."""
        task = self.one_task(task)
        self._hold_norms()
        if task >= int(self.get_buffer("tasks")):
            return self.backbone(x)
        kept = {
            n: self.backbone.get_parameter(n) * ((owner > 0) & (owner <= task + 1))
            for n, owner in self.owners()
        }
        return functional_call(self.backbone, kept, (x,))

    def capacity(self) -> dict[str, Any]:
        """Number of weights, of those free, and of those of each task."""
        held = (
            torch.stack(
                [
                    torch.bincount(owner.flatten().long(), minlength=256)
                    for _, owner in self.owners()
                ]
            )
            .sum(0)
            .tolist()
        )
        return {"weights": sum(held), "free": held[0], "tasks": [n for n in held[1:] if n]}
