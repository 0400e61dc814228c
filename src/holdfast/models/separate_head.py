"""A head with a layer of its own for each task."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.models.head import Head
from holdfast.models.ties import refuse_to_part


class SeparateHead(Head):
    """One layer for each task, which is made when the task begins.

    Args:
        features: The number of features that each layer reads.

    Attributes:
        layers: The layers of the tasks that have begun.
        taken: A trained layer that waits to become the first task's, or nothing.
    """

    kind = "separate"

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.layers = nn.ModuleList()
        self.taken: list[nn.Linear] = []
        # Moves with the module, and tells the device and the type of new layers. There may be no
        # layer yet that could tell them.
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def take(self, layer: nn.Linear, beside: nn.Module | None = None) -> None:
        """Keep a trained layer for the first task, which gets it if it has as many outputs."""
        refuse_to_part(layer, beside, "a separate head, where each task has a layer of its own,")
        self.bias = layer.bias is not None
        self.taken = [layer]

    @property
    def width(self) -> int:
        """The number of outputs of all tasks that have begun."""
        return self.opened

    def open(self, task: int, first: int, last: int) -> None:
        """Open the outputs of a task, as `Head.open`, in a layer of their own."""
        super().open(task, first, last)
        like = self.get_buffer("like")
        if task == 0 and self.taken and self.taken[0].out_features == last - first:
            self.layers.append(self.taken.pop())
            return
        layer = nn.Linear(self.inputs_of(task), last - first, self.bias)
        self.layers.append(layer.to(like.device, like.dtype))

    def inputs_of(self, task: int) -> int:
        """The number of features that the layer of a task reads."""
        return self.features

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits of features. Only the layers of the rows' tasks are computed.

        Args:
            h: Features, (N, D).
            task: The number of the task of all rows, or of each row, (N,) on the CPU. None means
                that it is unknown.

        Returns:
            The logits, (N, C), -inf at outputs that are not active.
        """
        if task is None:
            # A snapshot has as many layers, but knows fewer tasks.
            known = self.layers[: len(self.ranges)]
            return torch.cat([layer(h) for layer in known], 1)
        if isinstance(task, int):
            first, last = self.range_of(task)
            logits = self.layers[task](h)
            return F.pad(logits, (first, self.width - last), value=-torch.inf)
        return self._by_row(h, task)

    def _by_row(self, h: Tensor, tasks: Tensor) -> Tensor:
        """Logits of rows of several tasks, each by the layer of its task."""
        z = h.new_full((len(h), self.width), -torch.inf)
        for task in tasks.unique().tolist():
            rows = (tasks == task).nonzero().flatten().to(h.device)
            first, last = self.range_of(task)
            columns = torch.arange(first, last, device=h.device)
            logits = self.layers[task](h[rows])
            # Out of place, because the backward pass needs the tensor as it was.
            z = z.index_put((rows[:, None], columns), logits.to(z.dtype))
        return z
