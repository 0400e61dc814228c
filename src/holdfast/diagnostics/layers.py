"""Which layer forgets? One layer at a time gets its old weights back, to see what they restore."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError


def restore_layers(
    module: nn.Module, old: Mapping[str, Tensor], score: Callable[[], float]
) -> dict[str, float]:
    """Measure what the old weights of each layer bring back. The module is left as it was.

    Args:
        module: The model after later tasks.
        old: The model's `state_dict` at the time when the old task had just been learned. Of
            layers that have grown since, the rows that existed then are restored.
        score: Evaluates the module on the old task, and returns a number that is higher if it is
            better.

    Returns:
        Layer → the score with that layer's old weights minus the score of the module as it is.

    Raises:
        HoldfastError: No layer has the same name and the same inputs in both.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> old = {"weight": torch.ones(1, 1)}
        >>> _ = nn.init.zeros_(layer.weight)
        >>> restore_layers(layer, old, lambda: layer.weight.item())
        {'weight': 1.0}
    """
    now = module.state_dict()  # shares the memory of the parameters
    layers = _common_layers(old, now)
    if not layers:
        raise HoldfastError(
            "the old weights have no layer in common with the model's; pass a state_dict of the "
            "same model from an earlier time"
        )
    base = score()
    recovered: dict[str, float] = {}
    for layer, names in layers.items():
        # The weights of now, to put back after the measurement.
        later = {name: now[name].clone() for name in names}
        for name in names:
            _copy_rows(now[name], old[name])
        recovered[layer] = score() - base
        for name in names:
            _copy_rows(now[name], later[name])
    return recovered


def _common_layers(old: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Layer → the names of its tensors that can be restored."""
    layers: dict[str, list[str]] = {}
    for name, tensor in old.items():
        # Integers are counters of statistics. Other inputs belong to another layer.
        if name not in now or not now[name].is_floating_point():
            continue
        if now[name].shape[1:] != tensor.shape[1:]:
            continue
        layer = name.rpartition(".")[0] or name
        layers.setdefault(layer, []).append(name)
    return layers


@torch.no_grad()
def _copy_rows(target: Tensor, source: Tensor) -> None:
    """Copy the rows that both tensors have, in place."""
    if not target.dim():  # a single number, such as a temperature
        target.copy_(source)
        return
    rows = min(len(target), len(source))
    target[:rows].copy_(source[:rows])
