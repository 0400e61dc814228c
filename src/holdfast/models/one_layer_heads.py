"""Heads that are one layer: with the active outputs masked, fixed, or growing."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.head import Head
from holdfast.models.ties import refuse_to_part


class MaskedHead(Head):
    """One layer that has all outputs from the start. Outputs that are not active give -inf.

    Args:
        features: The number of features that it reads.
        outputs: The number of outputs of all tasks together.

    Attributes:
        linear: The layer.
    """

    kind = "masked"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features)
        self.linear = nn.Linear(features, outputs)

    @property
    def width(self) -> int:
        """The number of outputs that the layer has."""
        return self.linear.out_features

    def take(self, layer: nn.Linear, beside: nn.Module | None = None) -> None:
        """Make the rows of a trained layer the first outputs, as `Head.take`."""
        self.bias = layer.bias is not None
        if self.width > layer.out_features:
            refuse_to_part(layer, beside, f"a {self.kind} head of {self.width} outputs")
            layer = _grown(layer, self.width)
        self.linear = layer

    def open(self, task: int, first: int, last: int) -> None:
        """Open the outputs of a task, as `Head.open`.

        Raises:
            HoldfastError: The layer has fewer outputs.
        """
        if last > self.width:
            raise HoldfastError(
                f"task {task} needs outputs up to {last}, the head has {self.width}; "
                f"build it with outputs={last}"
            )
        super().open(task, first, last)

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits of features.

        Args:
            h: Features, (N, D).
            task: The number of the task of all rows, or of each row, (N,) on the CPU. None means
                that it is unknown.

        Returns:
            The logits, (N, C), -inf at outputs that are not active.
        """
        z: Tensor = self.linear(h)
        # A snapshot from before the head grew has a layer with fewer rows.
        width = z.shape[1]
        if isinstance(task, Tensor):
            active = self.active_mask(task)[:, :width].to(z.device)
            logits: Tensor = z.masked_fill(~active, -torch.inf)
            return logits
        keep = self.active(task)
        first = keep.start
        last = min(keep.stop, width)
        # Cutting and padding is skipped if all outputs are active, because it costs time in the
        # backward pass.
        if (first, last) != (0, width):
            sides = (first, width - last)
            z = F.pad(z[:, first:last], sides, value=-torch.inf)
        missing = self.width - width
        if not missing:
            return z
        return F.pad(z, (0, missing), value=-torch.inf)


class FixedHead(MaskedHead):
    """One layer whose outputs are all active from the start.

    Args:
        features: The number of features that it reads.
        outputs: The number of outputs.
    """

    kind = "fixed"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs)
        self.opened = outputs

    def range_of(self, task: int) -> tuple[int, int]:
        """Every output, whichever task it is."""
        return (0, self.width)


class GrowingHead(MaskedHead):
    """One layer that gains rows when a task opens outputs. The rows before keep their bits.

    Args:
        features: The number of features that it reads.
    """

    kind = "growing"

    def __init__(self, features: int) -> None:
        # The layer with one row is drawn and thrown away, so that a seed gives the same network as
        # in earlier releases.
        super().__init__(features, 1)
        self.linear = _empty_linear(features)

    def open(self, task: int, first: int, last: int) -> None:
        """Open the outputs of a task, as `Head.open`, and draw new rows as a new layer's."""
        if last > self.linear.out_features:
            self.linear = _grown(self.linear, last)
        super().open(task, first, last)

    def check_width(self, model: nn.Module, outputs: int) -> None:
        """Refuse to grow out of a shared weight, as `Head.check_width`."""
        if outputs <= self.width:
            return
        for part in model.children():
            if part is not self:
                refuse_to_part(self.linear, part, f"growing to {outputs} outputs")


@torch.no_grad()
def _grown(old: nn.Linear, outputs: int) -> nn.Linear:
    """A layer of more outputs, whose first rows are those of the old layer, bit for bit."""
    has_bias = old.bias is not None
    # Drawn on the CPU, so that a seed gives the same rows on every device.
    new = nn.Linear(old.in_features, outputs, has_bias)
    new.to(old.weight.device, old.weight.dtype)
    new.weight[: old.out_features] = old.weight
    if has_bias:
        new.bias[: old.out_features] = old.bias
    return new


def _empty_linear(features: int) -> nn.Linear:
    """A layer without rows, for which PyTorch's own initialisation would warn."""
    layer = nn.Linear(features, 1)
    layer.weight = nn.Parameter(torch.empty(0, features))
    layer.bias = nn.Parameter(torch.empty(0))
    layer.out_features = 0
    return layer
