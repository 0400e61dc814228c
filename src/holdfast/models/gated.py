"""Networks whose hidden units are multiplied by a gate of the task: XdG and HAT."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.heads import Head
from holdfast.models.per_task import PerTask

Gates = Callable[
    [int | Tensor], Sequence[Tensor]
]  # task(s) → one gate a hidden layer, (U,) or (N, U)


def gated_layers(backbone: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """The layers whose units (or channels) are gated: those followed by ReLU in a sequence of plain layers; else an error."""
    children = list(backbone) if isinstance(backbone, nn.Sequential) else []
    plain = (
        nn.Linear,
        nn.Conv2d,
        nn.ReLU,
        nn.MaxPool2d,
        nn.AvgPool2d,
        nn.AdaptiveAvgPool2d,
        nn.Flatten,
        nn.Identity,
    )
    strange = [type(m).__name__ for m in children if not isinstance(m, plain)]
    layers = [m for m in children if isinstance(m, nn.Linear | nn.Conv2d)]
    relus = sum(isinstance(m, nn.ReLU) for m in children)
    if strange or not layers or relus != len(layers):
        raise HoldfastError(
            "units are gated in a sequence of linear layers or convolutions, each followed by ReLU; "
            f"got {strange[0] if strange else backbone}; use holdfast.models.mlp or convnet"
        )
    return layers


class Gated(PerTask):
    """`model` with every hidden unit (channel of a convolution) multiplied by its gate for the row's task."""

    def __init__(self, backbone: nn.Sequential, head: Head, gates: Gates) -> None:
        super().__init__(backbone, head)
        self.widths = [
            m.out_channels if isinstance(m, nn.Conv2d) else m.out_features
            for m in gated_layers(backbone)
        ]
        self.gates = gates

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) and the task of all rows or of each → features (N, D)."""
        if task is None:
            raise HoldfastError(
                "the task selects the gates; call model(x, task) with the task's index"
            )
        gates = iter(self.gates(task))
        for layer in self.backbone:  # type: ignore[attr-defined]
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                gate = next(gates).to(x.dtype)
                x = x * (gate[..., None, None] if x.dim() == 4 else gate)
        return x

    def forward(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → logits (N, C), rows of several tasks in one pass. Without a task id: every task's outputs, by its gates."""
        return super().forward(x, task) if task is None else Classifier.forward(self, x, task)
