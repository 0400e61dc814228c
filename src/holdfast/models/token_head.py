"""The output layer of a language model: the whole vocabulary, for every task."""

from torch import Tensor, nn

from holdfast.models.head import Head
from holdfast.models.ties import shared_with


class TokenHead(Head):
    """The logits of every token of the vocabulary, whatever the task.

    Args:
        layer: The trained output layer, D to V. It is used and not copied, and may share its weight
            with the embedding of the tokens.

    Attributes:
        linear: The layer.

    Example:
        >>> import torch
        >>> TokenHead(nn.Linear(4, 50))(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 3, 50])
    """

    kind = "tokens"

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__(layer.in_features)
        self.linear = layer
        self.bias = layer.bias is not None
        # Every token may be the answer, also before the first task.
        self.opened = layer.out_features

    @property
    def width(self) -> int:
        """The size V of the vocabulary."""
        return self.linear.out_features

    def range_of(self, task: int) -> tuple[int, int]:
        """Every token, whichever task it is."""
        return (0, self.width)

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits of states (N, A, D), which do not depend on the task: (N, A, V)."""
        logits: Tensor = self.linear(h)
        return logits

    def tied_to(self, backbone: nn.Module) -> bool:
        """Whether the layer shares its weight with a part of a backbone."""
        return shared_with(self.linear, backbone) is not None
