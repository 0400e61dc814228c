"""Progressive network: one column of layers a task, each reading the frozen columns before it (Rusu et al. 2016).

`lateral="below"`: h_l^(k) = ReLU(W_l h_{l−1}^(k) + Σ_{j<k} U_l^{(k:j)} h_{l−1}^(j)) into layers 2.. and the output (the paper without
its adapters). `lateral="same"`: from the same layer, Σ_{j<k} U_l^{(k:j)} h_l^(j) added before the ReLU, hidden layers only. U has no bias;
all U of a layer are one matrix over the concatenated columns, initialised as a layer of that width.
"""

from typing import Any

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, one_of
from holdfast.models.heads import SeparateHead
from holdfast.models.per_task import PerTask
from holdfast.models.separate import counts

LATERALS = ("below", "same")


class _ProgressiveHead(SeparateHead):
    """A head per task. With laterals from below, task k's reads the last layers of columns 1..k."""

    def __init__(self, features: int, reads_all: bool) -> None:
        super().__init__(features)
        self.reads_all = reads_all

    def inputs_of(self, task: int) -> int:
        """Width of what the head of a task reads."""
        return self.features * (task + 1) if self.reads_all else self.features


class Progressive(PerTask):
    """A classifier that gains a column whenever its head opens a task; earlier columns are frozen.

    >>> from holdfast.models import mlp
    >>> net = Progressive(mlp(784, "separate", hidden=(256, 256)), "below")
    >>> for k in range(2):
    ...     net.head.open(k, 2 * k, 2 * k + 2)
    >>> net.capacity()
    {'columns': 2, 'parameters': 600580, 'frozen': 267266, 'trainable': 333314}
    """

    def __init__(self, model: nn.Module, lateral: str) -> None:
        """`model`: an MLP (`holdfast.models.mlp`) with separate heads, which becomes the first column; `lateral` below or same."""
        backbone, head = getattr(model, "backbone", None), getattr(model, "head", None)
        layers = (
            [m for m in backbone if isinstance(m, nn.Linear)]
            if isinstance(backbone, nn.Sequential)
            else []
        )
        if not layers or any(not isinstance(m, nn.Linear | nn.ReLU | nn.Flatten) for m in backbone):  # type: ignore[union-attr]
            raise HoldfastError(
                "columns are made for MLPs of linear layers with ReLU; expected holdfast.models.mlp"
            )
        if not isinstance(head, SeparateHead):
            raise HoldfastError(
                f"each column ends in a head of its own; expected head 'separate', got {getattr(head, 'kind', None)!r}"
            )
        self.lateral = one_of("lateral", lateral, LATERALS)
        made = _ProgressiveHead(head.features, lateral == "below")
        super().__init__(nn.Flatten(), made.to(layers[0].weight.device, layers[0].weight.dtype))
        self.columns = nn.ModuleList([nn.ModuleList(layers)])
        self.laterals = nn.ModuleList(
            [nn.ModuleList()]
        )  # of column k: one a layer that has them; none for the first column
        self.head.on_open.append(self._open)

    def _open(self, task: int) -> None:
        """Freezes what there is and adds column `task` (the first exists already)."""
        if task < len(self.columns):
            return
        for p in self.parameters():
            p.requires_grad_(False)
        sizes = [
            (m.in_features, m.out_features)
            for m in self.columns[0].children()
            if isinstance(m, nn.Linear)
        ]
        like = next(self.parameters())
        self.columns.append(nn.ModuleList([nn.Linear(a, b) for a, b in sizes]))
        reads = sizes[1:] if self.lateral == "below" else [(b, b) for _, b in sizes]
        self.laterals.append(nn.ModuleList([nn.Linear(task * a, b, bias=False) for a, b in reads]))
        for module in (self.columns[-1], self.laterals[-1]):
            module.to(like.device, like.dtype)

    def _activities(self, x: Tensor, last: int) -> list[Tensor]:
        """The last hidden layer of columns 0..last, (N, D) each."""
        below, done = [self.backbone(x)] * (last + 1), len(self.columns[0])  # type: ignore[arg-type]
        for layer in range(done):
            here: list[Tensor] = []
            for k in range(last + 1):
                z = self.columns[k][layer](below[k])  # type: ignore[index]
                if k and self.lateral == "same":
                    z = z + self.laterals[k][layer](torch.cat(here, 1))  # type: ignore[index]
                elif k and layer:
                    z = z + self.laterals[k][layer - 1](torch.cat(below[:k], 1))  # type: ignore[index]
                here.append(z.relu())
            below = here
        return below

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) and a task → what its head reads, (N, D) or (N, (task + 1) D)."""
        task = self.one_task(task)
        last = self._activities(x, task)
        return torch.cat(last, 1) if self.lateral == "below" else last[task]

    def capacity(self) -> dict[str, Any]:
        """Number of columns, of parameters, and of those frozen and trainable."""
        return {"columns": len(self.columns), **counts(self)}
