"""Which layer forgets: one layer at a time gets its weights of the end of the old task back; what comes back with it?"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError


def restore_layers(
    module: nn.Module, old: Mapping[str, Tensor], score: Callable[[], float]
) -> dict[str, float]:
    """Layer → score(module with that layer's old weights) − score(module as it is). The module is left as it was.

    `old`: the model's state_dict when the old task had been learnt. Layers that have grown get the rows that existed back.
    """
    now = module.state_dict()
    layers: dict[str, list[str]] = {}
    for name in old:
        if (
            name in now
            and now[name].is_floating_point()
            and now[name].shape[1:] == old[name].shape[1:]
        ):
            layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    if not layers:
        raise HoldfastError(
            "the old weights have no layer in common with the model's; give its own state_dict from before"
        )
    base, out = score(), {}
    for layer, names in layers.items():
        kept = {n: now[n].clone() for n in names}
        with torch.no_grad():
            for n in names:
                rows = min(len(now[n]), len(old[n])) if now[n].dim() else None
                now[n][:rows].copy_(old[n][:rows]) if rows is not None else now[n].copy_(old[n])
        out[layer] = score() - base
        with torch.no_grad():
            for n in names:
                now[n].copy_(kept[n])
    return out
