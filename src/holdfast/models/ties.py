"""Weights that two modules share: they stay shared, or the model is refused."""

from itertools import combinations, pairwise

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from holdfast.errors import HoldfastError


def shared_with(layer: nn.Module, beside: nn.Module | None) -> str | None:
    """The name of a parameter of `beside` that is also one of `layer`, None if there is none.

    Example:
        >>> net = nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 6))
        >>> net[1].weight = net[0].weight
        >>> shared_with(net[1], net[0])
        'weight'
    """
    own = {id(p) for p in layer.parameters(recurse=False)}
    named = beside.named_parameters() if beside is not None else ()
    return next((name for name, p in named if id(p) in own), None)


def refuse_to_part(layer: nn.Linear, beside: nn.Module | None, head: str) -> None:
    """Refuse a head in which an output layer would lose the weight that it shares with another module.

    Args:
        layer: The output layer.
        beside: The network around it.
        head: What the layer is wanted for, as words.

    Raises:
        HoldfastError: They share a parameter.
    """
    if (name := shared_with(layer, beside)) is not None:
        raise HoldfastError(
            f"the output layer has {layer.out_features} outputs and shares its weight with {name}; {head} would part "
            f"them. Give the layer a weight of its own, or use a fixed or masked head of {layer.out_features} outputs"
        )


def check_ties(model: nn.Module) -> None:
    """Refuse a model in which two parameters lie in the same memory, because training moves each one by itself.

    One parameter that several modules use is no such case: it stays one.

    Args:
        model: Any model.

    Raises:
        HoldfastError: A trainable parameter shares memory with another parameter or with a buffer.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        >>> net[1].weight = nn.Parameter(net[0].weight.data)
        >>> check_ties(net)
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: 0.weight and 1.weight share memory, but are not one parameter; ...
    """
    by_storage: dict[tuple[str, int], list[tuple[str, Tensor]]] = {}
    for name, t in [*model.named_parameters(), *model.named_buffers()]:
        if _has_memory(t):
            by_storage.setdefault((str(t.device), t.untyped_storage().data_ptr()), []).append(
                (name, t)
            )
    for together in by_storage.values():
        if _apart([t for _, t in together]):
            continue
        for (a, first), (b, second) in combinations(together, 2):
            if (first.requires_grad or second.requires_grad) and _overlap(first, second):
                raise HoldfastError(
                    f"{a} and {b} share memory, but are not one parameter; training would part them. Make them one, "
                    "as in decoder.weight = encoder.weight, or clone one of them"
                )


def _has_memory(t: Tensor) -> bool:
    return (
        not is_lazy(t) and t.numel() > 0 and t.layout == torch.strided and t.device.type != "meta"
    )


def _apart(tensors: list[Tensor]) -> bool:
    """Whether tensors of one storage lie one after another, as the weights of an LSTM do."""
    spans = sorted((t.data_ptr(), t.data_ptr() + _extent(t)) for t in tensors)
    return all(end <= start for (_, end), (start, _) in pairwise(spans))


def _extent(t: Tensor) -> int:
    """Bytes from the first element to the end of the last."""
    last = sum((size - 1) * stride for size, stride in zip(t.shape, t.stride(), strict=True))
    return (int(last) + 1) * t.element_size()


def _overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one storage have an element in common."""
    if a.dtype != b.dtype:
        return True
    taken = torch.zeros(a.untyped_storage().nbytes() // a.element_size(), dtype=torch.bool)
    taken.as_strided(a.shape, a.stride(), a.storage_offset()).fill_(True)
    return bool(taken.as_strided(b.shape, b.stride(), b.storage_offset()).any())
