"""Optimizers by name, and optimizers that follow a changing network."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.parameters import carry_rows
from holdfast.errors import HoldfastError, unknown
from holdfast.training.parameter_homes import HEAD, home_of

Factory = Callable[[Iterable[nn.Parameter]], Optimizer]
Group = dict[str, Any]  # a parameter group of PyTorch: "params" and the options
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
AUTO = "auto"  # the learning rate that the learner finds itself
USUAL_RATES = {"sgd": 0.01, "adam": 0.001, "adamw": 0.001}


@dataclass(frozen=True)
class AutoRate:
    """An optimizer whose learning rate the learner finds before its first task.

    `optimizer(name, lr="auto")` makes it.

    Args:
        name: "sgd", "adam" or "adamw".
        options: The other options of PyTorch's class of that name.
        backbone_lr: The learning rate of the network below the output layer, which is known. None:
            it is the one that is found.

    Example:
        >>> AutoRate("adam", {}).start
        0.001
    """

    name: str
    options: dict[str, object]
    backbone_lr: float | None = None

    @property
    def start(self) -> float:
        """The usual rate of the optimizer, from which the search starts."""
        return USUAL_RATES[self.name]

    def at(self, lr: float) -> Factory:
        """Return a function that makes the optimizer with a learning rate."""
        return _with_options(self.name, {**self.options, "lr": lr}, self.backbone_lr)

    def __call__(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Make the optimizer with its usual rate, which a learner replaces before it trains."""
        return self.at(self.start)(parameters)


@dataclass(frozen=True)
class TwoRates:
    """Makes an optimizer in which the network below the output layer has a rate of its own.

    `optimizer(name, backbone_lr=...)` makes it. The output layer is the first group, so that its
    rate is the one that records show.

    Args:
        make: Makes an optimizer of parameters, or of groups of them.
        backbone_lr: The learning rate of everything that is not in the head, also of what a method
            adds to the backbone.
    """

    make: Callable[[Iterable[Any]], Optimizer]
    backbone_lr: float

    def __call__(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Make the optimizer of parameters that belong to no network, with one rate."""
        return self.make(parameters)

    def of_network(self, named: Mapping[str, nn.Parameter]) -> Optimizer:
        """Make the optimizer of a network's parameters, by their names in it."""
        of_head = [p for name, p in named.items() if name.split(".")[0] == HEAD]
        others = [p for name, p in named.items() if name.split(".")[0] != HEAD]
        return self.make([{"params": of_head}, {"params": others, "lr": self.backbone_lr}])


def optimizer(name: str = "sgd", *, backbone_lr: float | None = None, **options: object) -> Factory:
    """Return a function from parameters to an optimizer.

    Args:
        name: "sgd", "adam" or "adamw".
        backbone_lr: The learning rate of the network below the output layer, above 0, usually
            smaller than `lr` if that network is pretrained. Schedules lower both rates alike. None:
            all weights have the rate `lr`.
        **options: Options of PyTorch's class of that name, such as `lr`. With `lr="auto"`, the
            learner finds a rate before its first task (`training.rate_search`). The fused kernel is
            used, which moves all parameters in one call, unless you pass `fused=False`.

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
    if backbone_lr is not None and not 0 < backbone_lr < math.inf:
        raise HoldfastError(
            f"backbone_lr is a learning rate above 0, got {backbone_lr}; to keep the backbone as "
            "it is, freeze it: model.freeze()"
        )
    if options.get("lr") == AUTO:
        others = {key: value for key, value in options.items() if key != "lr"}
        auto = AutoRate(name, others, backbone_lr)
        auto.at(auto.start)  # raises an error if another option is wrong
        return auto
    return _with_options(name, options, backbone_lr)


def _with_options(
    name: str, options: dict[str, object], backbone_lr: float | None = None
) -> Factory:
    """Return a function that makes an optimizer, once its options are checked."""
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
    make = partial(made_by_class, kind, options)
    if backbone_lr is None:
        return make
    return TwoRates(make, backbone_lr)


def made_by_class(
    kind: Callable[..., Optimizer],
    options: dict[str, object],
    parameters: Iterable[Any],
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
