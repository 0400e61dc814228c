"""One adapter of peft that is trained through all stages."""

import warnings
from typing import Any

import torch
from torch import nn

from holdfast.errors import HoldfastError, require
from holdfast.models.adapter_targets import target_layers
from holdfast.staging.settings import Adapter

CAUSAL = "CAUSAL_LM"


def with_adapter(model: nn.Module, adapter: Adapter, seed: int) -> nn.Module:
    """Put an adapter on a language model.

    Args:
        model: The model, which is changed.
        adapter: The adapter.
        seed: The seed of its first weights.

    Returns:
        The model with its adapter, of which only the adapter is trained.

    Raises:
        HoldfastError: No layer has one of the names.
        MissingExtra: The package peft is not installed.
    """
    require("adapters", "peft")
    from peft import LoraConfig, get_peft_model

    # This refuses names that fit no layer, and lists those that there are.
    target_layers(model, adapter.target_modules)
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=_whole(adapter.alpha),
        target_modules=adapter.target_modules,
        task_type=CAUSAL,
    )
    of_transformers: Any = model  # the types of peft know its own classes only
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # It warns of what it sets right, such as layers that are stored the other way round, and
        # of names in transformers that will change.
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        adapted: nn.Module = get_peft_model(of_transformers, config)
    return adapted


def _whole(alpha: float) -> int:
    """The scale as peft takes it.

    Raises:
        HoldfastError: It is no whole number.
    """
    if alpha != int(alpha):
        raise HoldfastError(f"alpha is a whole number in peft, got {alpha}; give 16, say")
    return int(alpha)
