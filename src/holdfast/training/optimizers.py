"""Optimizers and learning-rate schedules by name, and optimizers that follow a changing network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from holdfast.engine.parameters import carry_rows
from holdfast.errors import HoldfastError, unknown

Factory = Callable[[Iterable[nn.Parameter]], Optimizer]
Group = dict[str, Any]  # a parameter group of PyTorch: "params" and the options
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
SCHEDULES = ("constant", "cosine", "step")
HEAD = "head"  # the name of the head in every network


def optimizer(name: str = "sgd", **options: object) -> Factory:
    """Return a function from parameters to an optimizer.

    Args:
        name: "sgd", "adam" or "adamw".
        **options: Options of PyTorch's class of that name, such as `lr`. The fused kernel is used,
            which moves all parameters in one call, unless you pass `fused=False`.

    Returns:
        The function, for the argument `optimizer` of a learner.

    Raises:
        HoldfastError: There is no such optimizer, or an option is wrong.

    Example:
        >>> make = optimizer("sgd", lr=0.1, momentum=0.9)
        >>> make([nn.Parameter(torch.zeros(2))]).param_groups[0]["lr"]
        0.1
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    kind: Callable[..., Optimizer] = OPTIMIZERS[name]
    # With dampening, the first step of a parameter differs from later ones. The fused kernel knows
    # only one kind for all parameters, which is wrong once a head has grown.
    if not (name == "sgd" and options.get("dampening")):
        options = {"fused": True} | options
    try:
        # Wrong options fail here, and not after an hour.
        kind([nn.Parameter(torch.zeros(1))], **options)
    except (TypeError, ValueError) as error:
        raise HoldfastError(f"optimizer {name!r}: {error}") from None
    return partial(_made, kind, options)


def _made(
    kind: Callable[..., Optimizer],
    options: dict[str, object],
    parameters: Iterable[nn.Parameter],
) -> Optimizer:
    """Make an optimizer. A function of the module and not a closure, so that it can be pickled."""
    return fill_momentum(kind(parameters, **options))


def fill_momentum(opt: Optimizer) -> Optimizer:
    """Give zero momentum to parameters that have none yet, in fused SGD without dampening.

    The step is the same to the bit. The fused kernel of PyTorch 2.13 fails if some parameters have
    momentum and others, such as those of a new head, have none.

    Args:
        opt: Any optimizer. Others than fused SGD are left alone.

    Returns:
        The same optimizer.
    """
    if not isinstance(opt, torch.optim.SGD):
        return opt
    for group in opt.param_groups:
        if not group["fused"] or not group["momentum"] or group["dampening"]:
            continue
        for parameter in group["params"]:
            state = opt.state
            if parameter.requires_grad and state[parameter].get("momentum_buffer") is None:
                state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return opt


def schedule(name: str, steps: int, opt: Optimizer) -> LRScheduler | None:
    """Make a schedule of the learning rate over the steps of one task.

    Args:
        name: "constant", "cosine" (to 0), or "step" (divided by 10 after 1/2 and after 3/4).
        steps: The steps of the task.
        opt: The optimizer whose rate is set.

    Returns:
        The schedule, or None for a constant rate.

    Raises:
        HoldfastError: There is no such schedule.
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    if name == "cosine":
        # A task may have no steps, and PyTorch divides by their number.
        return CosineAnnealingLR(opt, max(steps, 1))
    if name == "step":
        return MultiStepLR(opt, [steps // 2, steps * 3 // 4])
    return None


def check_moves(opt: Optimizer, parameters: Iterable[nn.Parameter]) -> None:
    """Refuse an optimizer that would train nothing.

    Args:
        opt: The optimizer.
        parameters: The trainable parameters of the network.

    Raises:
        HoldfastError: It holds none of them.
    """
    held = _held(opt)
    if not any(id(parameter) in held for parameter in parameters):
        raise HoldfastError(
            "the optimizer holds none of the model's trainable parameters, so it would train "
            "nothing; make it from the parameters of the model that the learner gets, or pass a "
            "function: optimizer('sgd', lr=0.1)"
        )


def _held(opt: Optimizer) -> set[int]:
    """Return the ids of all parameters of an optimizer."""
    return {id(parameter) for group in opt.param_groups for parameter in group["params"]}


# ---- following a network whose parameters change


def swap_parameters(opt: Optimizer, before: Mapping[str, nn.Parameter], module: nn.Module) -> None:
    """Let an optimizer follow a network whose parameters grew, were replaced, or are new.

    A parameter that replaces another one takes its place and its state. A new one joins the group
    that `home_of` chooses. Frozen parameters stay in their groups without a state, so that their
    groups are known later. What the optimizer was made without stays out of it.

    Args:
        opt: An optimizer. One that holds no parameter of the network is left alone.
        before: The trainable parameters of the network until now, by name.
        module: The network as it is now.
    """
    now = dict(module.named_parameters())
    names_before = {id(parameter): name for name, parameter in before.items()}
    names_now = {id(parameter): name for name, parameter in now.items()}
    held = _held(opt)
    # An optimizer of a part of a method, for example, has nothing to do with the network.
    if not held & (names_before.keys() | names_now.keys()):
        return
    left_out = _left_out(held, before, now)
    homes: dict[str, int] = {}  # name of a parameter → number of its group
    for number, group in enumerate(opt.param_groups):
        _replace(opt, group, names_before, now, names_now)
        for parameter in group["params"]:
            if id(parameter) in names_now:
                homes[names_now[id(parameter)]] = number
    new_homes: dict[str, int] = {}
    for name, parameter in now.items():
        if parameter.requires_grad and name not in homes and id(parameter) not in left_out:
            new_homes[name] = home_of(name, homes, opt.param_groups)
    # They join after all homes are chosen, so that the order of new parameters does not matter.
    for name, number in new_homes.items():
        _join(opt.param_groups[number], name, now[name])
    fill_momentum(opt)


def _left_out(
    held: set[int], before: Mapping[str, nn.Parameter], now: Mapping[str, nn.Parameter]
) -> set[int]:
    """Return the ids of parameters that the user kept out of the optimizer, and of their heirs."""
    left_out = set()
    for name, parameter in before.items():
        if id(parameter) in held:
            continue
        # A head without outputs has empty parameters, which say nothing about what is wanted.
        if parameter.numel():
            left_out.add(id(parameter))
            if name in now:
                left_out.add(id(now[name]))
    return left_out


def _replace(
    opt: Optimizer,
    group: Group,
    names_before: Mapping[int, str],
    now: Mapping[str, nn.Parameter],
    names_now: Mapping[int, str],
) -> None:
    """Exchange the parameters of a group for those that took their places."""
    # An optimizer that was made from named_parameters() also has their names.
    old_names = group.get("param_names", [])
    names = []
    parameters = []
    for place, old in enumerate(group["params"]):
        new = _successor(old, names_before.get(id(old)), now, names_now)
        if new is None:
            continue
        parameters.append(_with_state(opt, old, new))
        if place < len(old_names):
            names.append(old_names[place])
    group["params"] = parameters
    group.pop("param_names", None)
    if old_names:
        group["param_names"] = names


def _successor(
    parameter: nn.Parameter,
    name: str | None,
    now: Mapping[str, nn.Parameter],
    names_now: Mapping[int, str],
) -> nn.Parameter | None:
    """Return what takes the place of a parameter: itself, what replaced it, or nothing."""
    if id(parameter) in names_now:
        return parameter
    if name is not None:
        return now.get(name)
    # It is no parameter of the network. A frozen one may have been, and is of no use.
    if parameter.requires_grad:
        return parameter
    return None


def _with_state(opt: Optimizer, old: nn.Parameter, new: nn.Parameter) -> nn.Parameter:
    """Give a parameter the state that the optimizer had for the one before, and return it."""
    state = opt.state.pop(old, None)
    if not new.requires_grad:
        # Frozen parameters keep no state, and optimizers skip what has no gradient.
        new.grad = None
    elif new is old and state is not None:
        opt.state[new] = state
    elif state is not None:
        opt.state[new] = _carried(state, old, new)
    return new


def _carried(state: dict[str, Any], old: nn.Parameter, new: nn.Parameter) -> dict[str, Any]:
    """Carry the state of a parameter over to one that has more rows, in which new ones are zero."""
    carried = {}
    for key, value in state.items():
        if isinstance(value, Tensor) and value.shape == old.shape and value.dim():
            # Only what has the form of the parameter grows with it: a count of steps does not.
            carried[key] = torch.zeros_like(new)
            carry_rows(value, carried[key])
        else:
            carried[key] = value
    return carried


def _join(group: Group, name: str, parameter: nn.Parameter) -> None:
    """Add a parameter to a group."""
    group["params"].append(parameter)
    if "param_names" in group:
        group["param_names"].append(name)


def home_of(
    name: str, homes: Mapping[str, int], groups: Sequence[Mapping[str, Sequence[object]]]
) -> int:
    """Choose the group that a new parameter joins.

    It is the group of the parameter that is nearest in the module tree: the weight of the layer
    beside it for a weight, the bias for a bias. If no parameter is in the same part of the network,
    a parameter of the head joins the group that was empty, because a head may have no parameter
    when an optimizer is made. Otherwise it joins the group of all parameters of its kind (weight or
    bias), or the first group if they are in several.

    Args:
        name: The name of the new parameter.
        homes: The numbers of the groups of the other parameters, by name.
        groups: The groups of the optimizer.

    Returns:
        The number of the group.

    Example:
        >>> homes = {"net.0.weight": 0, "net.0.bias": 1, "head.0.weight": 2, "head.0.bias": 3}
        >>> groups = [{"params": [0]}] * 4
        >>> home_of("head.1.weight", homes, groups), home_of("head.1.bias", homes, groups)
        (2, 3)
    """
    # Of several that are equally near, the newest counts.
    nearest = max(reversed(list(homes)), key=partial(_nearness, name), default="")
    shared_parts, _ = _nearness(name, nearest)
    if shared_parts:
        return homes[nearest]
    empty = [number for number, group in enumerate(groups) if not group["params"]]
    if empty and name.split(".")[0] == HEAD:
        return empty[0]
    kind = name.rpartition(".")[2]
    of_kind = {number for other, number in homes.items() if other.rpartition(".")[2] == kind}
    if len(of_kind) == 1:
        return of_kind.pop()
    return 0


def _nearness(name: str, other: str) -> tuple[int, int]:
    """Count how many parts of two names agree: from the start, and in all."""
    agree = [a == b for a, b in zip(name.split("."), other.split("."), strict=False)]
    from_start = [*agree, False].index(False)
    return from_start, sum(agree)
