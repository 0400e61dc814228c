"""Which layers of a network carry adapters: all linear ones, or those that are named as in peft."""

import re
from collections.abc import Sequence
from typing import Any

from torch import nn

from holdfast.errors import HoldfastError, Unsuitable

# Name endings, a regular expression, "all-linear", or all linear layers.
Targets = str | Sequence[str] | None
ALL_LINEAR = "all-linear"
MOST_NAMED = 12  # endings of names that a message lists


def check_targets(targets: Targets) -> Targets:
    """Check the form of `target_modules`, before there is a network to look at.

    Args:
        targets: A list of endings of names, a regular expression, "all-linear", or None.

    Returns:
        The same.

    Raises:
        HoldfastError: It is something else.

    Example:
        >>> check_targets(["query", "value"])
        ['query', 'value']
    """
    if targets is None:
        return targets
    if isinstance(targets, str):
        try:
            re.compile(targets)
        except re.error as error:
            raise HoldfastError(
                f"target_modules={targets!r} is no regular expression ({error}); give one, a list "
                f"of names of layers such as ['query', 'value'], or {ALL_LINEAR!r}"
            ) from None
    is_list = isinstance(targets, list | tuple | str)
    if not is_list or not targets or not all(isinstance(n, str) and n for n in targets):
        raise HoldfastError(
            f"target_modules must be a list of names of layers such as ['query', 'value'], a "
            f"regular expression, or {ALL_LINEAR!r}, got {targets!r}"
        )
    return targets


def target_layers(network: nn.Module, targets: Targets) -> list[str]:
    """Find the layers that carry adapters.

    Layers of Transformers' type `Conv1D` count as linear, as the projections of GPT-2 are. The
    layer that turns states into tokens never carries one, because it may share its weights with the
    embedding of the tokens.

    Args:
        network: The network.
        targets: Which layers: None or "all-linear" for all linear layers, a list of endings of
            names, or a regular expression for whole names. Names begin inside the model of
            Transformers that the network holds, as they do in peft.

    Returns:
        The names of the layers, in the order of the network.

    Raises:
        HoldfastError: No layer is linear, a name or the expression fits none of them, or the
            network carries adapters already.
    """
    layers = _linear_layers(network)
    if not layers:
        raise Unsuitable(
            "adapters sit on linear layers, but this backbone has none; use an MLP, "
            "a transformer, or LatentReplay"
        )
    if targets is None:
        return list(layers)
    if isinstance(targets, str):
        if targets.lower() == ALL_LINEAR:
            return list(layers)
        chosen = [path for path, name in layers.items() if re.fullmatch(targets, name)]
        if not chosen:
            raise _nothing(
                f"the regular expression target_modules={targets!r} fits the whole name of", layers
            )
        return chosen
    found: set[str] = set()
    for target in targets:
        named = [p for p, name in layers.items() if f".{name}".endswith(f".{target}")]
        if not named:
            raise _nothing(f"target_modules names {target!r}, which ends the name of", layers)
        found.update(named)
    return [path for path in layers if path in found]


def _linear_layers(network: nn.Module) -> dict[str, str]:
    """The linear layers: name in the network → name in the model of Transformers inside it."""
    # The library peft needs transformers, so it is there wherever adapters are.
    from peft.tuners.tuners_utils import BaseTunerLayer
    from transformers import PreTrainedModel
    from transformers.pytorch_utils import Conv1D

    inside: str | None = None
    outputs: list[nn.Module] = []
    layers: dict[str, str] = {}
    for path, module in network.named_modules():
        if isinstance(module, BaseTunerLayer):
            raise HoldfastError(
                f"the network carries adapters of peft already (on {path}); merge them first with "
                "merge_and_unload(), or give the network without them"
            )
        if isinstance(module, PreTrainedModel):
            model: Any = module  # its functions have no types
            outputs.append(model.get_output_embeddings())
            if inside is None:
                inside = f"{path}.".lstrip(".")
        # A subclass may read its weight past the adapter, as the projection inside of PyTorch's
        # attention layer does.
        if type(module) in (nn.Linear, Conv1D) and all(module is not end for end in outputs):
            layers[path] = path.removeprefix(inside or "")
    return layers


def _nothing(what: str, layers: dict[str, str]) -> HoldfastError:
    """Make the error for names that fit no layer; it lists how the names of layers end."""
    endings: list[str] = []
    for name in layers.values():
        ending = name.rpartition(".")[2]
        # A number says nothing without what stands before it.
        if ending.isdigit():
            ending = name
        if ending not in endings:
            endings.append(ending)
    listed = ", ".join(endings[:MOST_NAMED])
    if len(endings) > MOST_NAMED:
        listed = f"{listed}, … ({len(endings)} in all)"
    return HoldfastError(
        f"{what} no linear layer of this network; names of its linear layers end in: {listed}. "
        f"Give a list of some of these, or {ALL_LINEAR!r}"
    )
