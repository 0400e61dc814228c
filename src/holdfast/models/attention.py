"""A network whose hidden units are gated by learnt attention to the task (Serrà et al. 2018)."""

from typing import Any

import torch
from torch import Tensor, nn

from holdfast.models.classifier import Classifier
from holdfast.models.gated import Gated


class _Attend(torch.autograd.Function):
    """σ(s e), with the gradient of e multiplied so that it does not vanish where σ saturates."""

    @staticmethod
    def forward(ctx: Any, e: Tensor, s: float, largest: float) -> Tensor:
        a = torch.sigmoid(s * e)
        ctx.save_for_backward(e, a)
        ctx.s, ctx.largest = s, largest
        return a

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        e, a = ctx.saved_tensors
        s, largest = ctx.s, ctx.largest
        again = largest / s * (torch.cosh((s * e).clamp(-50, 50)) + 1) / (torch.cosh(e) + 1)
        return grad * (s * a * (1 - a)).clamp_min(1e-30) * again, None, None


class Attention(Gated):
    """`embeddings` (a row of units for each task and layer), their hard form once a task has ended, and what that freezes.

    `scale` is s while training; elsewhere it is `largest`.
    """

    def __init__(self, model: Classifier, largest: float) -> None:
        super().__init__(model.backbone, model.head, self._rows)  # type: ignore[arg-type]
        self.need_separate_heads()
        self.largest = self.scale = largest
        self._forwarded: list[Tensor] = []
        self.embeddings = nn.ModuleList()
        like = next(self.parameters())
        for k, width in enumerate(self.widths):
            self.register_buffer(f"hard_{k}", like.new_zeros(0, width))
        self.per_task = [
            f"hard_{k}" for k in range(len(self.widths))
        ]  # buffers with a row per ended task, for checkpoints
        self.head.on_open.append(self._open)

    def _open(self, task: int) -> None:
        self.embeddings.requires_grad_(False)
        like = next(self.parameters())
        self.embeddings.append(
            nn.ParameterList(
                [
                    nn.Parameter(torch.randn(w, device=like.device, dtype=like.dtype))
                    for w in self.widths
                ]
            )
        )

    def embedding_names(self, task: int) -> list[str]:
        """Names of a task's parameters."""
        return [f"embeddings.{task}.{k}" for k in range(len(self.widths))]

    def _of(self, task: int) -> list[nn.Parameter]:
        """A task's embeddings, one a layer."""
        return list(self.embeddings[task].parameters())

    def hard(self, layer: int) -> Tensor:
        """0/1 attention of the tasks that ended, (T, U)."""
        return self.get_buffer(f"hard_{layer}")

    def soft(self, task: int) -> list[Tensor]:
        """σ(s e) of a task, one a layer; in training those of the last forward pass serve its cost as well."""
        s = self.scale if self.training else self.largest
        found = [_Attend.apply(e, s, self.largest) for e in self._of(task)]
        self._forwarded = found if self.training else []
        return found

    def _rows(self, task: int | Tensor) -> list[Tensor]:
        tasks = [task] if isinstance(task, int) else task.unique().tolist()
        ended = len(self.hard(0))
        of = {
            t: [self.hard(k)[t] for k in range(len(self.widths))] if t < ended else self.soft(t)
            for t in tasks
        }
        if isinstance(task, int):
            return of[task]
        place = torch.tensor([tasks.index(t) for t in task.tolist()])
        return [
            torch.stack([of[t][k] for t in tasks])[place.to(of[tasks[0]][k].device)]
            for k in range(len(self.widths))
        ]

    def taken(self) -> list[Tensor]:
        """1 at the units that some ended task uses, one a layer."""
        return [
            self.hard(k).amax(0) if len(self.hard(k)) else torch.zeros_like(self.hard(k).sum(0))
            for k in range(len(self.widths))
        ]

    def cost(self, task: int) -> Tensor:
        """Σ a (1 − a^{<t}) / Σ (1 − a^{<t}) of a task in training."""
        free = 1 - torch.cat(self.taken())
        gates, self._forwarded = self._forwarded or self.soft(task), []
        return torch.cat(gates) @ free / free.sum().clamp_min(1e-12)

    def settle(self) -> None:
        """Makes the newest task's attention hard."""
        for k, e in enumerate(self._of(-1)):
            newest = (e.detach() > 0).to(e.dtype)[None]
            setattr(self, f"hard_{k}", torch.cat([self.hard(k), newest]))

    def free(self) -> dict[str, Tensor]:
        """1 where a parameter of the backbone may move, 0 where it joins units of ended tasks: 1 − min(a_i, a_j) by name."""
        out: dict[str, Tensor] = {}
        below: Tensor | None = None
        layers = [
            (n, m)
            for n, m in self.backbone.named_children()
            if isinstance(m, nn.Linear | nn.Conv2d)
        ]
        for (name, layer), units in zip(layers, self.taken(), strict=True):
            inputs = layer.weight.shape[1]
            source = (
                units.new_ones(inputs)
                if below is None
                else below.repeat_interleave(inputs // len(below))
            )
            joined = 1 - torch.minimum(units[:, None], source[None])
            out[f"backbone.{name}.weight"] = joined.view(
                *joined.shape, *(1,) * (layer.weight.dim() - 2)
            ).expand_as(layer.weight)
            if layer.bias is not None:
                out[f"backbone.{name}.bias"] = 1 - units
            below = units
        return out
