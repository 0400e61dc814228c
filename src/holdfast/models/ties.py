"""Weights that two modules share: they stay shared, or the model is refused."""

from itertools import combinations, pairwise

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from holdfast.errors import HoldfastError

Named = tuple[str, Tensor]


def shared_with(layer: nn.Module, beside: nn.Module | None) -> str | None:
    """Find a parameter that a layer shares with another module.

    Args:
        layer: The layer.
        beside: The other module. None shares nothing.

    Returns:
        The name of the parameter in `beside`. None means that they share none.

    Example:
        >>> net = nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 6))
        >>> net[1].weight = net[0].weight
        >>> shared_with(net[1], net[0])
        'weight'
    """
    if beside is None:
        return None
    own = {id(p) for p in layer.parameters(recurse=False)}
    for name, parameter in beside.named_parameters():
        if id(parameter) in own:
            return name
    return None


def refuse_to_part(layer: nn.Linear, beside: nn.Module | None, head: str) -> None:
    """Refuse a head in which an output layer would lose a weight that it shares.

    Args:
        layer: The output layer.
        beside: The network around the layer.
        head: What the layer is wanted for, as words of the message.

    Raises:
        HoldfastError: They share a parameter.
    """
    name = shared_with(layer, beside)
    if name is not None:
        raise HoldfastError(
            f"the output layer has {layer.out_features} outputs and shares its weight with {name}; "
            f"{head} would part them. Give the layer a weight of its own, or use a fixed or masked "
            f"head of {layer.out_features} outputs"
        )


def check_ties(model: nn.Module) -> None:
    """Refuse a model in which two parameters lie in the same memory.

    Training moves each parameter by itself, so they would no longer be equal. One parameter that
    several modules use is no such case: it stays one.

    Args:
        model: Any model.

    Raises:
        HoldfastError: A trainable parameter shares memory with another parameter or with a buffer.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        >>> net[1].weight = nn.Parameter(net[0].weight.data)
        >>> check_ties(net)
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: 0.weight and 1.weight share memory, ...; training would ...
    """
    by_storage: dict[tuple[str, int], list[Named]] = {}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if _has_memory(tensor):
            place = (str(tensor.device), tensor.untyped_storage().data_ptr())
            by_storage.setdefault(place, []).append((name, tensor))
    for together in by_storage.values():
        # Asked first because it is cheap, and because a network of many parts of one storage would
        # have many pairs.
        if not _apart([tensor for _, tensor in together]):
            _refuse_overlaps(together)


def _refuse_overlaps(together: list[Named]) -> None:
    """Refuse two tensors of one storage that have an element in common and train."""
    for (name, tensor), (other_name, other) in combinations(together, 2):
        trains = tensor.requires_grad or other.requires_grad
        if trains and _overlap(tensor, other):
            raise HoldfastError(
                f"{name} and {other_name} share memory, but are not one parameter; training would "
                "part them. Make them one, as in decoder.weight = encoder.weight, or clone one of "
                "them"
            )


def _has_memory(tensor: Tensor) -> bool:
    """Whether a tensor has elements at addresses that can be compared."""
    if is_lazy(tensor):  # its shape is not known yet
        return False
    return tensor.numel() > 0 and tensor.layout == torch.strided and tensor.device.type != "meta"


def _apart(tensors: list[Tensor]) -> bool:
    """Whether tensors of one storage lie one after another, as the weights of an LSTM do."""
    spans = []
    for tensor in tensors:
        start = tensor.data_ptr()
        spans.append((start, start + _extent(tensor)))
    in_order = pairwise(sorted(spans))
    return all(end <= start for (_, end), (start, _) in in_order)


def _extent(tensor: Tensor) -> int:
    """The number of bytes from the first element to the end of the last."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in steps)
    return (int(last) + 1) * tensor.element_size()


def _overlap(tensor: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one storage have an element in common."""
    # Views of one storage by two types cannot be compared element by element. They are a case for
    # the user in any event.
    if tensor.dtype != other.dtype:
        return True
    elements = tensor.untyped_storage().nbytes() // tensor.element_size()
    taken = torch.zeros(elements, dtype=torch.bool)
    taken.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).fill_(True)
    return bool(taken.as_strided(other.shape, other.stride(), other.storage_offset()).any())
