"""Fixed random weights, seen through a mask that each task learns.

References:
    V. Ramanujan, M. Wortsman, A. Kembhavi, A. Farhadi, M. Rastegari (2020), What's hidden in a
    randomly weighted neural network? CVPR.
    M. Wortsman et al. (2020), Supermasks in superposition. NeurIPS.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.gated import WeightLayer, gated_backbone, weight_layers
from holdfast.models.heads import FixedHead, Head, SeparateHead
from holdfast.models.own_gradient import applied
from holdfast.models.per_task import PerTask
from holdfast.models.seeding import seeded
from holdfast.named_inputs import Inputs, need_one_tensor


class _Masked(torch.autograd.Function):
    """The weight where the score is above the bar, else 0.

    The comparison has no gradient, so the gradient goes straight through it to the score.
    """

    @staticmethod
    def forward(
        ctx: Any,
        score: Tensor,
        weight: Tensor,
        bar: Tensor,
    ) -> Tensor:
        """Mask the weight."""
        ctx.save_for_backward(weight)
        return torch.where(score > bar, weight, 0.0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Pass the gradient on to the score alone."""
        (weight,) = ctx.saved_tensors
        return grad * weight, None, None


class Masks(nn.Module):
    """The fixed weight of one layer, and the scores by which each task masks it.

    Args:
        layer: The layer. Its weight is drawn anew as ±σ, σ = √(2 / inputs), and its bias is left
            out, as in the papers.
        share: The share of the weight that a mask keeps: the entries with the highest scores.

    Attributes:
        scores: For each task, a score for each entry of the weight.
    """

    def __init__(self, layer: WeightLayer, share: float) -> None:
        super().__init__()
        self.layer = layer
        self.share = share
        # A bias has no mask, so it would be shared by all tasks.
        layer.bias = None
        heads = torch.rand_like(layer.weight) < 0.5
        sign = torch.where(heads, -1.0, 1.0).to(layer.weight.dtype)
        # The deviation of He et al. (2015), with which activities keep their scale.
        deviation = math.sqrt(2 / layer.weight[0].numel())
        layer.weight = nn.Parameter(sign * deviation, requires_grad=False)
        self.scores = nn.ParameterList()

    def open(self) -> None:
        """Draw scores for another task, and freeze those of the tasks before."""
        self.scores.requires_grad_(False)
        score = nn.Parameter(torch.empty_like(self.layer.weight))
        nn.init.kaiming_uniform_(score, a=math.sqrt(5))
        self.scores.append(score)

    def bar(self, task: int) -> Tensor:
        """The highest score that a task's mask leaves out."""
        # `kthvalue` counts from 1, and at least one entry is left out.
        flat = self.scores[task].detach().flatten()
        left_out = max(1, round((1 - self.share) * len(flat)))
        mask: Tensor = flat.kthvalue(left_out).values
        return mask

    def mask(self, task: int) -> Tensor:
        """True where a task's mask is open, in the shape of the weight."""
        mask: Tensor = self.scores[task].detach() > self.bar(task)
        return mask

    def apply_to(self, x: Tensor, task: int) -> Tensor:
        """The layer's outputs for its inputs, under the mask of a task."""
        layer = self.layer
        weight = applied(_Masked, self.scores[task], layer.weight, self.bar(task))
        if isinstance(layer, nn.Linear):
            return F.linear(x, weight)
        return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)

    def mixed(self, x: Tensor, alpha: Tensor) -> Tensor:
        """The layer's outputs under a mixture of the masks of all tasks.

        Args:
            x: The layer's inputs, (N, ...).
            alpha: The weight of each task's mask for each row, (N, T).

        Returns:
            The outputs, (N, ...).
        """
        # Each weight alpha is one number per row, whatever the shape of the outputs is.
        trailing = 1
        if isinstance(self.layer, nn.Conv2d):
            trailing = 3
        shape = (-1,) + (1,) * trailing
        outputs = []
        for task in range(alpha.shape[1]):
            share = alpha[:, task].view(shape)
            outputs.append(share * self.apply_to(x, task))
        return torch.stack(outputs).sum(0)


class _SupermaskHead(FixedHead):
    """A fixed head whose weights are masked as those of every layer."""

    def __init__(self, head: FixedHead, share: float) -> None:
        super().__init__(head.features, head.width)
        self.masks = Masks(head.linear, share)
        # The model's own layer. The one that was just made only served the constructor.
        self.linear = head.linear

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits (N, C) of features (N, D), under the newest mask if the task is unknown."""
        newest = len(self.masks.scores) - 1
        return self.masks.apply_to(h, _known(task, newest))


class Supermasks(PerTask):
    """A classifier whose weights never change: each task learns a mask over them.

    Biases are left out. If the head is fixed, its layer is masked like the others. If each task has
    a head of its own, only the newest one trains.

    Args:
        model: A classifier whose backbone is a sequence of linear layers or convolutions, each
            followed by ReLU, and whose head is `separate` or `fixed`. Its weights are drawn anew.
        share: The share of each layer's weights that a mask keeps, in (0, 1).
        seed: The seed of the weights and of the first task's scores.

    Attributes:
        masks: The masks of the backbone's layers.
        banks: The masks of all layers, in order; those of a fixed head come last.

    Raises:
        HoldfastError: The backbone or the head is of another kind.
    """

    backbone: nn.Sequential

    def __init__(self, model: Classifier, share: float, seed: int) -> None:
        backbone = gated_backbone(model.backbone)
        # These types exactly: a subclass may make its logits in another way than by its layer.
        if type(model.head) not in (SeparateHead, FixedHead):
            raise HoldfastError(
                f"masks are learnt for separate heads or a fixed one, got {model.head.kind!r}"
            )
        with seeded(seed):
            # The head comes first, because the order of the draws decides about the weights.
            head: Head = model.head
            last: list[Masks] = []
            if isinstance(head, FixedHead):
                masked_head = _SupermaskHead(head, share)
                last = [masked_head.masks]
                head = masked_head
            super().__init__(backbone, head)
            masks = [Masks(layer, share) for layer in weight_layers(backbone)]
            self.masks = nn.ModuleList(masks)
            self.banks = [*masks, *last]
            # Those of the first task are there from the start, so that an untrained network
            # predicts.
            for bank in self.banks:
                bank.open()
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Freeze the heads of earlier tasks, and draw scores for a task that has none."""
        self.head.requires_grad_(False)
        for bank in self.banks:
            if len(bank.scores) <= task:
                bank.open()

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs, as `Network.features`. An unknown task has the newest mask."""
        known = _known(task, self._tasks - 1)
        # One bank for each layer with weights. A head's bank comes last and is left over.
        banks = iter(self.banks)
        h = need_one_tensor(x, "a network with masks")
        for layer in self.backbone:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                h = next(banks).apply_to(h, known)
            else:
                h = layer(h)
        return h

    def infer_task(self, x: Tensor) -> Tensor:
        """Infer the task of each input from the network's outputs alone.

        All masks are mixed in equal parts, and the task is the one along whose mask the entropy of
        the output falls most steeply.

        Args:
            x: Inputs, (N, ...).

        Returns:
            The number of the task of each input, (N,), on the CPU.

        References:
            M. Wortsman et al. (2020), Supermasks in superposition, section 3.3.
        """
        alpha = torch.full(
            (len(x), self._tasks),
            1 / self._tasks,
            dtype=x.dtype,
            device=x.device,
            requires_grad=True,
        )
        layers: list[nn.Module] = list(self.backbone)
        if isinstance(self.head, FixedHead):
            layers.append(self.head)
        banks = iter(self.banks)
        for layer in layers:
            if isinstance(layer, nn.Linear | nn.Conv2d | FixedHead):
                x = next(banks).mixed(x, alpha)
            else:
                x = layer(x)
        # The sum over examples: the gradient of each row's entropy is in its own row of alpha.
        log_p = x.log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum()
        slope = torch.autograd.grad(entropy, alpha)[0]
        return slope.argmin(1).cpu()

    def by_task(self, x: Tensor, task: Tensor) -> Tensor:
        """Logits of rows of several tasks.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of each row, (N,), on the CPU.

        Returns:
            The logits, (N, C), each row under the mask of its task.
        """
        return super().forward(x, task)

    @property
    def _tasks(self) -> int:
        """The number of tasks that have scores."""
        return len(self.banks[0].scores)


def _known(task: int | Tensor | None, newest: int) -> int:
    """The task if it is one number, else the newest."""
    if isinstance(task, int):
        return task
    return newest
