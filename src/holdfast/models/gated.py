"""Networks whose hidden units are multiplied by a gate of the task, as in XdG and HAT."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from holdfast.errors import HoldfastError, Unsuitable
from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask
from holdfast.named_inputs import Inputs, need_one_tensor

WeightLayer = nn.Linear | nn.Conv2d

# Takes the number of the task of all rows, or of each row, and gives one gate for each hidden
# layer: (U,) for all rows, or (N, U), with U units.
Gates = Callable[[int | Tensor], Sequence[Tensor]]

# Layers that keep units apart, so that a unit behind a closed gate stays 0.
PLAIN = (
    nn.Linear,
    nn.Conv2d,
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.Identity,
)


def weight_layers(backbone: nn.Sequential) -> list[WeightLayer]:
    """The linear layers and convolutions of a sequence, in order."""
    return [layer for layer in backbone if isinstance(layer, nn.Linear | nn.Conv2d)]


def units_of(layer: WeightLayer) -> int:
    """The number of a layer's units, which are the channels of a convolution."""
    if isinstance(layer, nn.Conv2d):
        return layer.out_channels
    return layer.out_features


def gated_backbone(backbone: nn.Module) -> nn.Sequential:
    """Check that the units of a backbone can be gated.

    Args:
        backbone: The backbone of a classifier.

    Returns:
        The backbone.

    Raises:
        HoldfastError: It is no sequence of linear layers or convolutions, each followed by ReLU.

    Example:
        >>> len(gated_backbone(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU())))
        3
    """
    advice = (
        "units are gated in a sequence of linear layers or convolutions, each followed by ReLU; "
        "got {}; use holdfast.models.mlp or convnet"
    )
    if not isinstance(backbone, nn.Sequential):
        raise Unsuitable(advice.format(type(backbone).__name__))
    for layer in backbone:
        if not isinstance(layer, PLAIN):
            raise Unsuitable(advice.format(type(layer).__name__))
    layers = len(weight_layers(backbone))
    activations = sum(isinstance(layer, nn.ReLU) for layer in backbone)
    # As many of both is enough: a linear output layer belongs to the head.
    if not layers or activations != layers:
        raise Unsuitable(advice.format(type(backbone).__name__))
    return backbone


class Gated(PerTask):
    """A classifier whose hidden units are multiplied by their gates for the row's task.

    The units of a convolution are its channels. A gate acts after the ReLU of its layer.

    Args:
        model: A classifier whose backbone is a sequence of linear layers or convolutions, each
            followed by ReLU. Its layers are used, not copied.
        gates: The gates of a task, or of each row's.

    Attributes:
        widths: The number of units of each hidden layer.

    Raises:
        HoldfastError: The backbone is of another kind.
    """

    backbone: nn.Sequential

    def __init__(self, model: Classifier, gates: Gates) -> None:
        super().__init__(gated_backbone(model.backbone), model.head)
        self.widths = [units_of(layer) for layer in weight_layers(self.backbone)]
        self.gates = gates

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs under the gates of their tasks.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows, or of each row, (N,).

        Returns:
            The features, (N, D).

        Raises:
            HoldfastError: The task is not given.
        """
        if task is None:
            raise HoldfastError(
                "the task selects the gates; call model(x, task) with the task's index"
            )
        gates = iter(self.gates(task))
        h = need_one_tensor(x, "a network with gates")
        for layer in self.backbone:
            h = layer(h)
            if isinstance(layer, nn.ReLU):
                gate = next(gates).to(h.dtype)
                if h.dim() == 4:  # a gate for each channel, the same at all positions
                    gate = gate[..., None, None]
                h = h * gate
        return h

    def forward(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Logits of inputs, as `PerTask.forward`, but with rows of several tasks in one pass."""
        if task is None:
            return super().forward(x, task)
        # Rows of several tasks need not be parted, because only their gates differ.
        return Classifier.forward(self, x, task)
