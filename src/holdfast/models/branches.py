"""A network for inputs of several tensors: a branch for each of them, joined before the head."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier
from holdfast.models.convnet import convolutions
from holdfast.models.heads import make_head
from holdfast.models.recipes import rebuildable
from holdfast.models.seeding import seeded
from holdfast.models.sizes import image, positive

CHANNELS = (16, 32)  # of the convolutions for images, as of `convnet`


class Joined(nn.Module):
    """Branches side by side, whose features are joined by one more layer.

    Args:
        branches: The network of each tensor by its name, (N, ...) → (N, hidden).
        joining: What comes behind them, (N, hidden times the number of branches) → features.

    Example:
        >>> joined = Joined({"a": nn.Linear(2, 3), "b": nn.Linear(5, 3)}, nn.Linear(6, 4))
        >>> joined(a=torch.zeros(7, 2), b=torch.zeros(7, 5)).shape
        torch.Size([7, 4])
    """

    def __init__(self, branches: Mapping[str, nn.Module], joining: nn.Module) -> None:
        super().__init__()
        self.names = tuple(branches)
        # The prefix keeps names such as "type" from meaning attributes of a module.
        self.branches = nn.ModuleDict({f"of_{name}": net for name, net in branches.items()})
        self.joining = joining

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """Compute the features.

        Args:
            *inputs: The tensors in the order of the branches, if inputs are a tuple.
            **named: The tensors by name.

        Returns:
            The features, (N, D).
        """
        tensors = inputs or [named[name] for name in self.names]
        parts = [net(x) for net, x in zip(self.branches.values(), tensors, strict=True)]
        features: Tensor = self.joining(torch.cat(parts, dim=1))
        return features


@rebuildable
def branches(
    inputs: Mapping[str, Sequence[int]],
    head: str,
    outputs: int | None = None,
    *,
    hidden: int = 128,
    seed: int | None = None,
) -> Classifier:
    """Make a network with a branch for each of several inputs.

    An image of at least 4×4 pixels goes through 3×3 convolutions, as in `convnet`, and any other
    input through a linear layer, each with ReLU. One more hidden layer joins what they give.

    Args:
        inputs: The shape of each input by its name, without the dimension of examples.
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        hidden: The number of units of each branch, and of the layer that joins them.
        seed: The seed of the weights. None draws them from the global generator.

    Returns:
        The network. It takes floating-point inputs, so ids of tokens need a network of your own.

    Raises:
        HoldfastError: There is no input, a name has a dot, a size is below 1, or `head` is unknown.

    Example:
        >>> network = branches({"image": (3, 8, 8), "columns": (5,)}, "fixed", 10)
        >>> network.backbone(image=torch.zeros(2, 3, 8, 8), columns=torch.zeros(2, 5)).shape
        torch.Size([2, 128])
    """
    if not inputs:
        raise HoldfastError("a network of branches needs at least one input, got none")
    positive("the hidden units", [hidden])
    with seeded(seed):
        parts = {name: _branch(name, shape, hidden) for name, shape in inputs.items()}
        joining = nn.Sequential(nn.Linear(hidden * len(parts), hidden), nn.ReLU())
        return Classifier(Joined(parts, joining), make_head(head, hidden, outputs))


def _branch(name: str, shape: Sequence[int], hidden: int) -> nn.Module:
    """The network of one input."""
    if "." in name:
        raise HoldfastError(
            f"the input {name!r} can't have a branch, because names of layers have no dots; "
            "rename it"
        )
    positive(f"the sizes of the input {name!r}", shape)
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    # Smaller images would vanish, because each convolution halves them.
    if _is_image(shape):
        body, width = convolutions(image(shape, "branches"), CHANNELS)
        layers = list(body)
    return nn.Sequential(*layers, nn.Linear(width, hidden), nn.ReLU())


def _is_image(shape: Sequence[int]) -> bool:
    """Whether an input has channels, a height and a width that each convolution can halve."""
    return len(shape) == 3 and min(shape[1:]) >= 2 ** len(CHANNELS)
