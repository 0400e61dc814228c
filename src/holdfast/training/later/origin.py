"""How the network and the optimizer of a learner were made, and how they are made again."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from holdfast.errors import HoldfastError, reading
from holdfast.methods.view import MakeOptimizer
from holdfast.models.classifier import float_type
from holdfast.models.recipes import Recipe, build, recipe_of
from holdfast.training.later.records import NetworkRecord, OptimizerRecord
from holdfast.training.optimizers import AUTO, OPTIMIZERS, AutoRate, TwoRates, made_by_class
from holdfast.training.optimizers import optimizer as named_optimizer

NO_RECIPE = (
    "no function that Holdfast knows made it; make it by holdfast.models, or in a function of a "
    "module with the decorator holdfast.models.rebuildable"
)


@dataclass(frozen=True)
class Origin:
    """What a learner was made of, as plain values.

    Args:
        network: How its network was made, before its method wrapped it.
        optimizer: How its optimizer was made.
    """

    network: NetworkRecord
    optimizer: OptimizerRecord

    @classmethod
    def of(cls, model: nn.Module, optimizer: MakeOptimizer | Optimizer | None) -> "Origin":
        """Note how the parts of a new learner were made.

        Args:
            model: Its network, which the method has not wrapped yet.
            optimizer: What it got as its optimizer.
        """
        recipe = recipe_of(model) or Recipe("", [], {}, NO_RECIPE)
        network = NetworkRecord(
            factory=recipe.factory or None,
            positional=recipe.positional,
            named=recipe.named,
            obstacle=recipe.obstacle,
            # Neither which parameters are frozen nor which modules stand still is in the weights.
            frozen=[name for name, one in model.named_parameters() if not one.requires_grad],
            still=[name for name, module in model.named_modules() if not module.training],
            dtype=str(float_type(model)).removeprefix("torch."),
        )
        return cls(network, _written(optimizer))


def _written(optimizer: MakeOptimizer | Optimizer | None) -> OptimizerRecord:
    """Write down an optimizer."""
    if optimizer is None:
        return OptimizerRecord(kind="none")
    options = named_as(optimizer)
    if options is None:
        return OptimizerRecord(kind="own")
    # JSON has lists only, and PyTorch takes tuples, such as Adam's betas.
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in options.items()}
    return OptimizerRecord(kind="named", options=plain)


def network_of(record: NetworkRecord) -> nn.Module:
    """Make a network again. Its weights are drawn anew.

    Args:
        record: What a file says of it.

    Raises:
        HoldfastError: It cannot be made again.
    """
    if record.factory is None or record.obstacle:
        raise HoldfastError(
            f"its network cannot be made again, because {record.obstacle or NO_RECIPE}. Pass a "
            "network of the same architecture: Learner.load(path, model=network)"
        )
    network = build(Recipe(record.factory, record.positional, record.named))
    dtype = getattr(torch, record.dtype, None)
    # The name comes from a file, and could be that of anything in PyTorch.
    if not isinstance(dtype, torch.dtype):
        raise HoldfastError(f"its network has the unknown type {record.dtype[:50]!r}")
    if float_type(network) != dtype:
        network.to(dtype)
    parameters = dict(network.named_parameters())
    for name in record.frozen:
        if name in parameters:
            parameters[name].requires_grad_(False)
    modules = dict(network.named_modules())
    for name in record.still:
        if name in modules:
            modules[name].training = False
    return network


def optimizer_of(record: OptimizerRecord) -> MakeOptimizer | None:
    """Make a function that makes the optimizer, or None if the learner had none.

    Args:
        record: What a file says of it.

    Raises:
        HoldfastError: It was made by code of the user.
    """
    if record.kind == "own":
        raise HoldfastError(
            "its optimizer was made by code of your own. Pass the same: "
            "Learner.load(path, optimizer=make_optimizer)"
        )
    if record.kind == "none":
        return None
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record.options.items()
    }
    with reading("its optimizer", "a name and options of PyTorch"):
        return named_optimizer(**options)


def named_as(make: object) -> dict[str, Any] | None:
    """Write down a function that `optimizer` returned, so that another process can make it again.

    Args:
        make: What a learner got as its optimizer.

    Returns:
        The arguments of `optimizer`, or None for anything else.

    Example:
        >>> named_as(named_optimizer("adam", lr=0.1))
        {'name': 'adam', 'fused': True, 'lr': 0.1}
    """
    rate = getattr(make, "backbone_lr", None)
    below = {} if rate is None else {"backbone_lr": rate}
    if isinstance(make, AutoRate):
        return {"name": make.name, **make.options, "lr": AUTO, **below}
    plain = make.make if isinstance(make, TwoRates) else make
    if not isinstance(plain, partial) or plain.func is not made_by_class:
        return None
    kind, options = plain.args
    name = next(name for name, known in OPTIMIZERS.items() if known is kind)
    return {"name": name, **options, **below}
