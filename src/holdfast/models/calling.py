"""Calling a module of the user's: with one tensor or several, and whatever object it returns."""

from collections.abc import Mapping

from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs

# Where models of the Transformers library keep what their last layer returned. If that layer was
# taken out, as `classifier_from` does, these are features.
LAST = "logits"


def call_module(module: nn.Module, x: Inputs) -> Tensor:
    """Call a module with inputs, and take the tensor out of what it returns.

    Args:
        module: Any module. Inputs of several tensors become its arguments, by name or by position.
        x: Inputs, (N, ...), or several such tensors.

    Returns:
        The tensor that the module returned, or that is in `logits` of the object that it returned.

    Raises:
        HoldfastError: The module returned something else.

    Example:
        >>> import torch
        >>> from holdfast.named_inputs import NamedInputs
        >>> call_module(nn.Linear(2, 3), torch.zeros(4, 2)).shape
        torch.Size([4, 3])
        >>> pair = NamedInputs({"input1": torch.ones(4, 2), "input2": torch.ones(4, 5)})
        >>> call_module(nn.Bilinear(2, 5, 3), pair).shape
        torch.Size([4, 3])
    """
    arguments, named = arguments_of(x)
    return tensor_in(module(*arguments, **named))


def arguments_of(
    x: Inputs | Mapping[str, Tensor] | tuple[Tensor, ...],
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """What a module is called with for some inputs: arguments by position, and by name.

    Outside of a learner, for example when you export the network, inputs are a mapping or a tuple.
    """
    if isinstance(x, Tensor):
        return (x,), {}
    if isinstance(x, tuple):
        return x, {}
    if isinstance(x, Mapping):
        return (), dict(x)
    if x.positional:
        return tuple(x.for_network.values()), {}
    return (), x.for_network


def tensor_in(returned: object) -> Tensor:
    """Take the tensor out of what a module returned, as `call_module` does."""
    if isinstance(returned, Tensor):
        return returned
    last = getattr(returned, LAST, None)
    if isinstance(last, Tensor):
        return last
    raise HoldfastError(
        f"the network returned {type(returned).__name__}, not a tensor or an object with "
        f".{LAST}; {_way_out(returned)}"
    )


def _way_out(returned: object) -> str:
    """Say how a network that returns something else can be used."""
    if isinstance(getattr(returned, "last_hidden_state", None), Tensor):
        return "wrap it: holdfast.models.Pooled(network, 'mean') pools its last hidden states"
    return "wrap it in a module whose forward returns the features, (rows, features)"
