"""Optimizers and learning-rate schedules by name, fused where supported, and moving an optimizer to new parameters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
HEAD = "head"  # where every classifier has its head


def optimizer(name: str = "sgd", **options: Any) -> Factory:
    """A function from parameters to an optimizer: `optimizer("sgd", lr=0.1, momentum=0.9)`. Fused unless `fused=False`.

    >>> optimizer("sgd", lr=0.1)([nn.Parameter(torch.zeros(2))]).param_groups[0]["fused"]
    True
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    plain = name == "sgd" and bool(
        options.get("dampening")
    )  # its first step differs, which the fused kernel takes for all or none
    options = ({} if plain else {"fused": True}) | options
    try:
        OPTIMIZERS[name](
            [nn.Parameter(torch.zeros(1))], **options
        )  # wrong options fail here, not after an hour
    except (TypeError, ValueError) as error:
        raise HoldfastError(f"optimizer {name!r}: {error}") from None
    return partial(_made, OPTIMIZERS[name], options)


def _made(
    kind: type[Optimizer], options: dict[str, Any], parameters: Iterable[nn.Parameter]
) -> Optimizer:
    return fill_momentum(kind(parameters, **options))


def fill_momentum(opt: Optimizer) -> Optimizer:
    """Zero momentum for parameters that have none yet, in fused SGD without dampening: the same step to the bit.

    The fused kernel of PyTorch 2.13 fails where some parameters have momentum and others, such as a new head's, have none.
    """
    for group in opt.param_groups if isinstance(opt, torch.optim.SGD) else ():
        if group["fused"] and group["momentum"] and not group["dampening"]:
            for p in (p for p in group["params"] if p.requires_grad):
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


def swap_parameters(opt: Optimizer, before: Mapping[str, nn.Parameter], module: nn.Module) -> None:
    """Let an optimizer follow a network whose parameters grew, were replaced, or are new.

    A parameter that replaces another one takes its place and its state. A new one joins the group that `home_of`
    finds. Frozen parameters stay in their groups without a state, so that their groups are known later. What the
    optimizer was not given stays out of it.

    Args:
        opt: An optimizer; one that holds no parameter of the network is left alone.
        before: The trainable parameters of the network until now, by name.
        module: The network as it is now.
    """
    now = dict(module.named_parameters())
    names_before, names_now = ({id(p): n for n, p in named.items()} for named in (before, now))
    held = {id(p) for group in opt.param_groups for p in group["params"]}
    if not held & (names_before.keys() | names_now.keys()):
        return
    left_out = {id(p) for p in before.values() if p.numel() and id(p) not in held}
    left_out |= {id(now[n]) for n, p in before.items() if id(p) in left_out and n in now}
    homes: dict[str, int] = {}  # name of a parameter → its group
    for number, group in enumerate(opt.param_groups):
        pairs = [
            (p, _successor(p, names_before.get(id(p)), now, names_now)) for p in group["params"]
        ]
        named = group.get("param_names", [])
        group["param_names"] = [
            n for n, (_, new) in zip(named, pairs, strict=False) if new is not None
        ]
        group["params"] = [_with_state(opt, old, new) for old, new in pairs if new is not None]
        if not named:
            del group["param_names"]
        homes |= {names_now[id(p)]: number for p in group["params"] if id(p) in names_now}
    new = [
        n for n, p in now.items() if p.requires_grad and n not in homes and id(p) not in left_out
    ]
    for name, number in [(n, home_of(n, homes, opt.param_groups)) for n in new]:
        _join(opt.param_groups[number], name, now[name])
    fill_momentum(opt)


def _successor(
    p: nn.Parameter,
    name: str | None,
    now: Mapping[str, nn.Parameter],
    names_now: Mapping[int, str],
) -> nn.Parameter | None:
    """What takes the place of a parameter of an optimizer: itself, what replaced it, or nothing."""
    if id(p) in names_now:
        return p
    if name is None:  # not the network's; frozen, it may have been, and is of no use
        return p if p.requires_grad else None
    return now.get(name)


def _with_state(opt: Optimizer, old: nn.Parameter, new: nn.Parameter) -> nn.Parameter:
    """`new`, with the state that the optimizer had for `old`; a parameter that is frozen now keeps none."""
    state = opt.state.pop(old, None)
    if not new.requires_grad:
        new.grad = None  # optimizers skip what has no gradient
    elif state is not None:
        opt.state[new] = state if new is old else _carried(state, old, new)
    return new


def _join(group: dict[str, Any], name: str, p: nn.Parameter) -> None:
    group["params"].append(p)
    if "param_names" in group:  # of an optimizer that was made from named_parameters()
        group["param_names"].append(name)


def check_moves(opt: Optimizer, parameters: Iterable[nn.Parameter]) -> None:
    """Refuse an optimizer that would train nothing.

    Raises:
        HoldfastError: It holds no trainable parameter of the network.
    """
    held = {id(p) for group in opt.param_groups for p in group["params"]}
    if not any(id(p) in held for p in parameters):
        raise HoldfastError(
            "the optimizer holds none of the model's trainable parameters, so it would train nothing; make it from "
            "the parameters of the model that the learner gets, or pass a function: optimizer('sgd', lr=0.1)"
        )


def home_of(name: str, homes: dict[str, int], groups: Sequence[Mapping[str, Any]]) -> int:
    """The number of the group that a new parameter joins.

    It is the group of the parameter that lies nearest in the module tree: the weight of the layer beside it for a
    weight, the bias for a bias. Where no parameter lies in the same part of the network, a parameter of the head
    joins the group that was given empty, because a head may have no parameter when an optimizer is made. If that
    tells nothing, it joins the group of all parameters of its kind (weight or bias), and else the first.

    Args:
        name: The name of the new parameter.
        homes: The numbers of the groups of the others, by name.
        groups: The groups of the optimizer.

    Example:
        >>> homes = {"backbone.0.weight": 0, "backbone.0.bias": 1, "head.layers.0.weight": 2, "head.layers.0.bias": 3}
        >>> [home_of(f"head.layers.1.{leaf}", homes, [{"params": [0]}] * 4) for leaf in ("weight", "bias")]
        [2, 3]
    """
    path = name.split(".")

    def nearness(other: str) -> tuple[int, int]:
        equal = [a == b for a, b in zip(path, other.split("."), strict=False)]
        return [*equal, False].index(False), sum(equal)

    nearest = max(reversed(homes), key=nearness, default="")
    if nearness(nearest)[0]:
        return homes[nearest]
    empty = [number for number, group in enumerate(groups) if not group["params"]]
    if empty and path[0] == HEAD:
        return empty[0]
    kind = {number for other, number in homes.items() if other.rpartition(".")[2] == path[-1]}
    return kind.pop() if len(kind) == 1 else 0


def _carried(state: dict[str, Any], old: nn.Parameter, new: nn.Parameter) -> dict[str, Any]:
    out = {}
    for key, value in state.items():
        if isinstance(value, Tensor) and value.shape == old.shape and value.dim():
            out[key] = torch.zeros_like(new)
            carry_rows(value, out[key])
        else:
            out[key] = value
    return out
