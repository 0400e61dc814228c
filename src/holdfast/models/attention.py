"""A network whose hidden units are gated by learnt attention to the task.

References:
    J. Serrà, D. Surís, M. Miron, A. Karatzoglou (2018), Overcoming catastrophic forgetting with
    hard attention to the task. ICML.
"""

from typing import Any

import torch
from torch import Tensor, nn

from holdfast.models.classifier import Classifier
from holdfast.models.gated import Gated, WeightLayer
from holdfast.models.own_gradient import applied

STEEPEST = 50.0  # of s e in cosh, which overflows in single precision from 89 on
LEAST_SLOPE = 1e-30  # of σ: where it underflows to 0, the factor could not undo that


class _Attend(torch.autograd.Function):
    """σ(s e), with a gradient of e that does not vanish where σ saturates.

    The gradient is multiplied by s_max (cosh(s e) + 1) / (s (cosh(e) + 1)), section 2.5.
    """

    @staticmethod
    def forward(
        ctx: Any,
        e: Tensor,
        s: float,
        largest: float,
    ) -> Tensor:
        """The attention of each unit, (U,), from its embedding, (U,)."""
        a = torch.sigmoid(s * e)
        ctx.save_for_backward(e, a)
        ctx.s = s
        ctx.largest = largest
        return a

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """The compensated gradient of the embeddings."""
        e, a = ctx.saved_tensors
        s = ctx.s
        steepness = torch.cosh((s * e).clamp(-STEEPEST, STEEPEST)) + 1
        again = ctx.largest / s * steepness / (torch.cosh(e) + 1)
        slope = (s * a * (1 - a)).clamp_min(LEAST_SLOPE)
        return grad * slope * again, None, None


class Attention(Gated):
    """A classifier in which each task learns which hidden units it uses.

    While a task is trained its attention is σ(s e), with an embedding e for each unit. When it
    ends, its attention becomes 0 or 1 and is stored.

    Args:
        model: A classifier as `Gated` takes it, with separate heads.
        largest: The largest scale, s_max.

    Attributes:
        scale: The scale s while a task is trained. In evaluation it is `largest`.
        embeddings: For each task that has begun, an embedding for each unit of each layer.
        per_task: The names of the buffers that have a row for each task that has ended. Checkpoints
            need them, because the number of rows grows.

    Raises:
        HoldfastError: The backbone or the head is of another kind.
    """

    def __init__(self, model: Classifier, largest: float) -> None:
        super().__init__(model, self._gates_of)
        self.need_separate_heads()
        self.largest = largest
        self.scale = largest
        self._forwarded: list[Tensor] = []
        self.embeddings = nn.ModuleList()
        self.per_task = [f"hard_{layer}" for layer in range(len(self.widths))]
        like = next(self.parameters())
        for name, width in zip(self.per_task, self.widths, strict=True):
            # Without a row, because no task has ended.
            self.register_buffer(name, like.new_zeros(0, width))
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Draw the embeddings of another task, and freeze those of the tasks before."""
        self.embeddings.requires_grad_(False)
        like = next(self.parameters())
        embeddings = nn.ParameterList()
        for width in self.widths:
            drawn = torch.randn(width, device=like.device, dtype=like.dtype)
            embeddings.append(nn.Parameter(drawn))
        self.embeddings.append(embeddings)

    def embedding_names(self, task: int) -> list[str]:
        """The names of a task's embeddings among the network's parameters."""
        return [f"embeddings.{task}.{layer}" for layer in range(len(self.widths))]

    def _embeddings_of(self, task: int) -> list[nn.Parameter]:
        """The embeddings of a task, one tensor for each layer; -1 is the newest task."""
        return list(self.embeddings[task].parameters())

    def hard(self, layer: int) -> Tensor:
        """The attention, 0 or 1, of each task that has ended to each unit of a layer, (T, U)."""
        return self.get_buffer(f"hard_{layer}")

    def soft(self, task: int) -> list[Tensor]:
        """The attention σ(s e) of a task, (U,) for each layer."""
        scale = self.largest
        if self.training:
            scale = self.scale
        attention = [applied(_Attend, e, scale, self.largest) for e in self._embeddings_of(task)]
        # In training the attention of the last forward pass serves the cost as well.
        self._forwarded = []
        if self.training:
            self._forwarded = attention
        return attention

    def _gates_of(self, task: int | Tensor) -> list[Tensor]:
        """The gates of one task, (U,) for each layer, or of the task of each row, (N, U)."""
        if isinstance(task, int):
            return self._attention_to(task)
        numbers = task.unique().tolist()
        of_task = [self._attention_to(number) for number in numbers]
        place = torch.tensor([numbers.index(number) for number in task.tolist()])
        by_layer = zip(*of_task, strict=True)
        return [torch.stack(rows)[place.to(rows[0].device)] for rows in by_layer]

    def _attention_to(self, task: int) -> list[Tensor]:
        """The attention of a task, hard if it has ended, (U,) for each layer."""
        if task >= len(self.hard(0)):
            return self.soft(task)
        return [self.hard(layer)[task] for layer in range(len(self.widths))]

    def taken(self) -> list[Tensor]:
        """Which units some ended task uses: 1 or 0, (U,) for each layer."""
        units = []
        for layer in range(len(self.widths)):
            hard = self.hard(layer)
            if len(hard):
                units.append(hard.amax(0))
            else:  # no task has ended, and there is no maximum of nothing
                units.append(torch.zeros_like(hard.sum(0)))
        return units

    def cost(self, task: int) -> Tensor:
        """The cost of the units that a task in training uses beyond those of ended tasks.

        Σ a (1 − a^{<t}) / Σ (1 − a^{<t}), equation 5. Units of ended tasks cost nothing.

        Args:
            task: The number of the task.

        Returns:
            The cost, a scalar from 0 to 1.
        """
        free = 1 - torch.cat(self.taken())
        attention = self._forwarded
        if not attention:
            attention = self.soft(task)
        # Used once: a second backward pass would need a graph that is gone by then.
        self._forwarded = []
        return torch.cat(attention) @ free / free.sum().clamp_min(1e-12)

    def settle(self) -> None:
        """Make the newest task's attention hard, because the task has ended."""
        for layer, e in enumerate(self._embeddings_of(-1)):
            newest = (e.detach() > 0).to(e.dtype)[None]
            setattr(self, f"hard_{layer}", torch.cat([self.hard(layer), newest]))

    def free(self) -> dict[str, Tensor]:
        """How far each parameter of the backbone may move without harm to ended tasks.

        Returns:
            For each parameter of a linear layer or convolution, by name, 1 − min(a_i, a_j) in its
            shape: 0 where it joins a unit i of ended tasks to another such unit j, else 1.
        """
        movable: dict[str, Tensor] = {}
        below: Tensor | None = None
        layers = [
            (name, layer)
            for name, layer in self.backbone.named_children()
            if isinstance(layer, nn.Linear | nn.Conv2d)
        ]
        for (name, layer), units in zip(layers, self.taken(), strict=True):
            inputs = _inputs(layer, units, below)
            joined = 1 - torch.minimum(units[:, None], inputs[None])
            positions = (1,) * (layer.weight.dim() - 2)
            weight = joined.view(*joined.shape, *positions).expand_as(layer.weight)
            movable[f"backbone.{name}.weight"] = weight
            if layer.bias is not None:
                movable[f"backbone.{name}.bias"] = 1 - units
            below = units
        return movable


def _inputs(layer: WeightLayer, units: Tensor, below: Tensor | None) -> Tensor:
    """Which inputs of a layer ended tasks use, given the units of the layer below it."""
    inputs = layer.weight.shape[1]
    if below is None:  # the network's own inputs belong to all tasks
        return units.new_ones(inputs)
    # Between a convolution and a linear layer, each channel becomes one input per position.
    return below.repeat_interleave(inputs // len(below))
