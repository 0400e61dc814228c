"""Parts of the network that a method needs, or the error that says which part is missing."""

from typing import TypeVar

from torch import nn

from holdfast.errors import HoldfastError
from holdfast.models.heads import MaskedHead
from holdfast.models.network import Network

W = TypeVar("W", bound=Network)


def need_wrapper(model: Network, kind: type[W], method: str) -> W:
    """Return the network, if it is still the one that the method made in `attach`.

    Args:
        model: The network that is trained.
        kind: The class in which the method's `attach` wrapped the network.
        method: The name of the method, for the message.

    Returns:
        `model`, unchanged.

    Raises:
        HoldfastError: Another method of the same sum wrapped the network a second time.

    Example:
        >>> from holdfast.models import mlp
        >>> need_wrapper(mlp(4, "masked", 2), Network, "PackNet").head.kind
        'masked'
    """
    if not isinstance(model, kind):
        raise HoldfastError(
            f"{method} needs the network as it changed it, but another part of the sum changed the "
            f"network as well; use {method} without that part"
        )
    return model


def need_single_layer(head: nn.Module, method: str) -> MaskedHead:
    """Return the head, if it is a single linear layer for the classes of all tasks.

    Args:
        head: The head of the network.
        method: The name of the method, for the message.

    Returns:
        `head`, unchanged. Its weights are `head.linear.weight`, (C, D).

    Raises:
        HoldfastError: The head is of another kind.

    Example:
        >>> from holdfast.models import mlp
        >>> need_single_layer(mlp(4, "separate").head, "WA")
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: WA needs a growing, masked or fixed head, which has ...
    """
    if not isinstance(head, MaskedHead):
        raise HoldfastError(
            f"{method} needs a growing, masked or fixed head, which has one layer for the classes "
            f"of all tasks, but the network's head is a {type(head).__name__}"
        )
    return head
