"""Multi-layer perceptrons."""

import math
from collections.abc import Sequence

from torch import nn

from holdfast.errors import HoldfastError, one_of
from holdfast.models.classifier import Classifier
from holdfast.models.heads import make_head
from holdfast.models.recipes import rebuildable
from holdfast.models.seeding import seeded
from holdfast.models.sizes import positive

INITS = ("default", "xavier")


@rebuildable
def mlp(
    inputs: int | Sequence[int],
    head: str,
    outputs: int | None = None,
    *,
    hidden: Sequence[int] = (256, 256),
    init: str = "default",
    seed: int | None = None,
) -> Classifier:
    """Make a multi-layer perceptron with ReLU.

    Args:
        inputs: The number of input features, or the shape of an input, which is flattened.
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        hidden: The number of units of each hidden layer.
        init: How weights are drawn: `default` as PyTorch does, `xavier` uniformly by Glorot and
            Bengio (2010). Biases are drawn as PyTorch does.
        seed: The seed of the weights. None draws them from the global generator.

    Returns:
        The network.

    Raises:
        HoldfastError: A size is below 1, or `head` or `init` is unknown.

    Example:
        >>> sum(p.numel() for p in mlp(784, "fixed", 10, hidden=(256, 256)).parameters())
        269322
    """
    if isinstance(inputs, int):
        inputs = [inputs]
    _refuse_several(inputs)
    # Asked here, because the errors of PyTorch would name no argument of this function.
    positive("the sizes of an input", inputs)
    positive("the hidden layers", hidden)
    with seeded(seed):
        width = math.prod(inputs)
        # Rows of features pass through the first layer unchanged.
        layers: list[nn.Module] = [nn.Flatten()]
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        model = Classifier(nn.Sequential(*layers), make_head(head, width, outputs))
        if one_of("init", init, INITS) == "xavier":
            _draw_by_glorot(model)
        return model


def _refuse_several(shape: Sequence[int]) -> None:
    """Refuse inputs of several tensors, whose shape is empty."""
    if not len(shape):
        raise HoldfastError(
            "an MLP takes one tensor, but the inputs are several (their shape is empty); use "
            "holdfast.models.branches, which has a branch for each, or a module of your own with "
            "holdfast.models.Classifier around it"
        )


def _draw_by_glorot(model: nn.Module) -> None:
    """Draw the weights of all linear layers anew, uniformly."""
    for layer in model.modules():
        # A growing head has no rows yet. They are drawn when it grows.
        if isinstance(layer, nn.Linear) and layer.weight.numel():
            nn.init.xavier_uniform_(layer.weight)
