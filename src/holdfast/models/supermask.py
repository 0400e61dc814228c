"""Fixed random weights seen through a learnt mask a task (Ramanujan et al. 2020; Wortsman et al. 2020)."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.gated import gated_layers
from holdfast.models.heads import FixedHead, SeparateHead
from holdfast.models.per_task import PerTask
from holdfast.models.seeding import seeded


class _Masked(torch.autograd.Function):
    """The weight where the score is above the bar, else 0; its gradient goes straight through to the score."""

    @staticmethod
    def forward(ctx: Any, score: Tensor, weight: Tensor, bar: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return torch.where(score > bar, weight, 0.0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad * ctx.saved_tensors[0], None, None


class Masks(nn.Module):
    """One layer's fixed weight, ±σ, and scores for each task; a mask keeps the `share` of the weight with the highest scores."""

    def __init__(self, layer: nn.Linear | nn.Conv2d, share: float) -> None:
        super().__init__()
        self.layer, self.share = layer, share
        layer.bias = None
        sign = torch.where(torch.rand_like(layer.weight) < 0.5, -1.0, 1.0).to(layer.weight.dtype)
        layer.weight = nn.Parameter(
            sign * math.sqrt(2 / layer.weight[0].numel()), requires_grad=False
        )
        self.scores = nn.ParameterList()

    def open(self) -> None:
        """Scores for another task; those before are frozen."""
        self.scores.requires_grad_(False)
        score = nn.Parameter(torch.empty_like(self.layer.weight))
        nn.init.kaiming_uniform_(score, a=math.sqrt(5))
        self.scores.append(score)

    def bar(self, task: int) -> Tensor:
        """The highest score that a task's mask leaves out."""
        flat = self.scores[task].detach().flatten()
        return flat.kthvalue(max(1, round((1 - self.share) * len(flat)))).values

    def mask(self, task: int) -> Tensor:
        """Where a task's mask is open."""
        return self.scores[task].detach() > self.bar(task)

    def apply_to(self, x: Tensor, task: int) -> Tensor:
        """The layer's outputs under a task's mask."""
        w = _Masked.apply(self.scores[task], self.layer.weight, self.bar(task))
        if isinstance(self.layer, nn.Linear):
            return F.linear(x, w)
        return F.conv2d(
            x,
            w,
            None,
            self.layer.stride,
            self.layer.padding,
            self.layer.dilation,
            self.layer.groups,
        )

    def mixed(self, x: Tensor, alpha: Tensor) -> Tensor:
        """Outputs under the masks mixed for each row by alpha (N, T)."""
        shape = (-1,) + (1,) * (3 if isinstance(self.layer, nn.Conv2d) else 1)
        return torch.stack(
            [alpha[:, t].view(shape) * self.apply_to(x, t) for t in range(alpha.shape[1])]
        ).sum(0)


class _SupermaskHead(FixedHead):
    """A fixed head whose weights are masked like every layer's; without a task id, by the newest mask."""

    def __init__(self, head: FixedHead, share: float) -> None:
        super().__init__(head.features, head.width)
        self.masks = Masks(head.linear, share)
        self.linear = head.linear

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Features (N, D) → logits (N, C)."""
        return self.masks.apply_to(h, task if isinstance(task, int) else len(self.masks.scores) - 1)


class Supermasks(PerTask):
    """A classifier whose weights never change: each task learns a mask over them. Biases are left out."""

    def __init__(self, model: Classifier, share: float, seed: int) -> None:
        """`model`: a sequence of linear layers or convolutions with ReLU, and separate heads or a fixed one."""
        gated_layers(model.backbone)
        if type(model.head) not in (SeparateHead, FixedHead):
            raise HoldfastError(
                f"masks are learnt for separate heads or a fixed one, got {model.head.kind!r}"
            )
        with seeded(seed):
            shared = isinstance(model.head, FixedHead)
            head = (
                _SupermaskHead(model.head, share)
                if isinstance(model.head, FixedHead)
                else model.head
            )
            super().__init__(model.backbone, head)
            self.masks = nn.ModuleList([Masks(m, share) for m in self._layers()])
            self.banks: list[Masks] = [*self.masks, *([head.masks] if shared else [])]  # type: ignore[list-item]
            for bank in self.banks:
                bank.open()  # the first task's, so that an untrained network predicts
        self.head.on_open.append(self._open)

    def _layers(self) -> list[nn.Linear | nn.Conv2d]:
        return [m for m in self.backbone if isinstance(m, nn.Linear | nn.Conv2d)]  # type: ignore[attr-defined]

    def _open(self, task: int) -> None:
        for p in self.head.parameters():
            p.requires_grad_(False)  # of earlier tasks
        for bank in self.banks:
            if len(bank.scores) <= task:
                bank.open()

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → features (N, D) under the mask of a task; without a task id, under the newest."""
        known = task if isinstance(task, int) else len(self.banks[0].scores) - 1
        banks = iter(self.masks)
        for layer in self.backbone:  # type: ignore[attr-defined]
            if isinstance(layer, nn.Linear | nn.Conv2d):
                x = next(banks).apply_to(x, known)  # type: ignore[operator]
            else:
                x = layer(x)
        return x

    def infer_task(self, x: Tensor) -> Tensor:
        """The task of each input, (N,) on the CPU: the mask along which the entropy of the mixture's output falls most steeply."""
        tasks = len(self.banks[0].scores)
        alpha = torch.full(
            (len(x), tasks), 1 / tasks, dtype=x.dtype, device=x.device, requires_grad=True
        )
        banks = iter(self.banks)
        for layer in [*self.backbone, *([self.head] if isinstance(self.head, FixedHead) else [])]:  # type: ignore[misc]
            plain = not isinstance(layer, nn.Linear | nn.Conv2d | FixedHead)
            x = layer(x) if plain else next(banks).mixed(x, alpha)
        log_p = x.log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum()
        return torch.autograd.grad(entropy, alpha)[0].argmin(1).cpu()

    def by_task(self, x: Tensor, task: Tensor) -> Tensor:
        """Logits (N, C), each row under the mask of its task (on the CPU)."""
        return super().forward(x, task)
