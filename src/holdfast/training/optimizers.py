"""Optimizers and learning-rate schedules by name, fused where supported, and moving an optimizer to new parameters."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.parameters import carry_rows
from holdfast.errors import HoldfastError, unknown

Factory = Callable[[Iterable[nn.Parameter]], Optimizer]
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
SCHEDULES = ("constant", "cosine", "step")


def optimizer(name: str = "sgd", **options: Any) -> Factory:
    """A function from parameters to an optimizer: `optimizer("sgd", lr=0.1, momentum=0.9)`. Fused unless `fused=False`.

    >>> optimizer("sgd", lr=0.1)([nn.Parameter(torch.zeros(2))]).param_groups[0]["fused"]
    True
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    plain = name == "sgd" and bool(options.get("dampening"))  # its first step differs, which the fused kernel takes for all or none
    options = ({} if plain else {"fused": True}) | options
    try:
        OPTIMIZERS[name]([nn.Parameter(torch.zeros(1))], **options)  # wrong options fail here, not after an hour
    except (TypeError, ValueError) as error:
        raise HoldfastError(f"optimizer {name!r}: {error}") from None
    return partial(_made, OPTIMIZERS[name], options)


def _made(kind: type[Optimizer], options: dict[str, Any], parameters: Iterable[nn.Parameter]) -> Optimizer:
    return fill_momentum(kind(parameters, **options))


def fill_momentum(opt: Optimizer) -> Optimizer:
    """Zero momentum for parameters that have none yet, in fused SGD without dampening: the same step to the bit.

    The fused kernel of PyTorch 2.13 fails where some parameters have momentum and others, such as a new head's, have none.
    """
    for group in opt.param_groups if isinstance(opt, torch.optim.SGD) else ():
        if group["fused"] and group["momentum"] and not group["dampening"]:
            for p in group["params"]:
                if opt.state[p].get("momentum_buffer") is None:
                    opt.state[p]["momentum_buffer"] = torch.zeros_like(p)
    return opt


def schedule(name: str, steps: int, opt: Optimizer) -> torch.optim.lr_scheduler.LRScheduler | None:
    """A schedule over the steps of one task: `constant` (None), `cosine` to 0, `step` (÷10 at 1/2 and 3/4)."""
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    if name == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(opt, max(steps, 1))
    if name == "step":
        return torch.optim.lr_scheduler.MultiStepLR(opt, [steps // 2, steps * 3 // 4])
    return None


def swap_parameters(opt: Optimizer, before: dict[str, nn.Parameter], after: dict[str, nn.Parameter]) -> None:
    """Puts grown or replaced parameters in the places of those they replace, with their state; new ones join the first group."""
    known = {id(p) for group in opt.param_groups for p in group["params"]}
    for group in opt.param_groups:
        kept = []
        for p in group["params"]:
            name = next((n for n, q in before.items() if q is p), None)
            new = p if name is None else after.get(name)
            if new is None:
                opt.state.pop(p, None)
                continue
            if new is not p and p in opt.state:
                opt.state[new] = _carried(opt.state.pop(p), p, new)
            kept.append(new)
        group["params"] = kept
    held = {id(p) for group in opt.param_groups for p in group["params"]}
    mine = any(id(p) in known for p in before.values())
    if mine:
        opt.param_groups[0]["params"] += [p for p in after.values() if id(p) not in held]
    fill_momentum(opt)


def _carried(state: dict[str, Any], old: nn.Parameter, new: nn.Parameter) -> dict[str, Any]:
    out = {}
    for key, value in state.items():
        if isinstance(value, Tensor) and value.shape == old.shape and value.dim():
            out[key] = torch.zeros_like(new)
            carry_rows(value, out[key])
        else:
            out[key] = value
    return out
