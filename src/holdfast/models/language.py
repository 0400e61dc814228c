"""Causal language models as networks that a learner trains."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, first_line
from holdfast.models.backbone_places import Place, find_backbone
from holdfast.models.classifier import Classifier
from holdfast.models.hugging_face import load_model
from holdfast.models.recipes import rebuildable
from holdfast.models.token_head import TokenHead
from holdfast.models.token_states import TokenStates
from holdfast.text import safe_name

TRIED = 5  # tokens on which a split network is compared with the whole
CLOSE = 1e-4  # relative; logits of both differ by rounding alone


def language_model(model: nn.Module) -> Classifier:
    """Make a network of a causal language model of the Transformers library.

    Args:
        model: Such as `AutoModelForCausalLM.from_pretrained` returns it. It is used, not copied.
            If its weights are adapters of peft, only these train.

    Returns:
        The network. It takes `input_ids`, `attention_mask` and `labels`, and gives logits of the
        tokens that count, (rows, tokens, vocabulary). Train it with
        `Learner(…, objective="language")`.

    Raises:
        HoldfastError: The model has no output layer that is linear, or changes what comes out of
            it.

    Example:
        >>> from transformers import LlamaConfig, LlamaForCausalLM
        >>> small = dict(hidden_size=8, intermediate_size=8, num_attention_heads=2)
        >>> config = LlamaConfig(vocab_size=20, num_hidden_layers=1, **small)
        >>> language_model(LlamaForCausalLM(config)).head.width
        20
    """
    name = type(model).__name__
    layer = _output_layer(model, name)
    backbone = _backbone(model, name)
    # The states of earlier tokens are of no use while whole texts are read, and take memory.
    backbone.config.use_cache = False
    network = Classifier(TokenStates(backbone), TokenHead(layer))
    _refuse_other_logits(model, network, name)
    _refuse_later_tokens(network, name)
    return network


def language_model_from_pretrained(source: str | Path, gguf: str | None = None) -> Classifier:
    """Load a causal language model as a network.

    Args:
        source: A folder that `save_pretrained` has written, a GGUF file or a folder that holds one,
            or a name of the Hugging Face hub. The hub is asked once, if the model is not in its
            local cache.
        gguf: The name of a GGUF file in the folder, if it holds several. Weights of such files
            become float32.

    Returns:
        The network, in evaluation mode; see `language_model`.

    Raises:
        HoldfastError: The model can't be found or loaded, or is no causal language model.
        MissingExtra: A package that reads the model is not installed.
    """
    given = Path(source, gguf) if gguf is not None else Path(source)
    # Another process may have another working directory. A name of the hub is no path.
    if given.exists():
        return language_model_at(str(given.absolute()))
    return language_model_at(str(given if gguf is not None else source))


@rebuildable
def language_model_at(place: str) -> Classifier:
    """Load a causal language model from one place, as `language_model_from_pretrained` does.

    Args:
        place: A folder, a GGUF file, or a name of the hub.

    Raises:
        HoldfastError: The model can't be found or loaded, or is no causal language model.
    """
    return language_model(causal_model_at(find_backbone(place), place))


def causal_model_at(found: Place, name: str | Path | None = None) -> nn.Module:
    """Load a causal language model of transformers, without making a network of it.

    Args:
        found: Where it is.
        name: What messages call it. None: its path.

    Raises:
        HoldfastError: The model can't be loaded, or is none of transformers.
    """
    called = safe_name(str(name or found.path))
    if found.kind not in ("folder", "gguf"):
        raise HoldfastError(
            f"{called} is no model of the Transformers library; give a folder of one"
        )
    return load_model(found.path, called, "AutoModelForCausalLM")


def _output_layer(model: nn.Module, name: str) -> nn.Linear:
    """The layer that gives the logits of tokens."""
    find = getattr(model, "get_output_embeddings", None)
    layer = find() if callable(find) else None
    # A subclass may compute something else, such as an adapter.
    if type(layer) is not nn.Linear:
        raise HoldfastError(
            f"{name} has no linear output layer over tokens; pass a causal language model, such as "
            "AutoModelForCausalLM.from_pretrained returns it"
        )
    return layer


def _backbone(model: nn.Module, name: str) -> Any:
    """The network below the output layer."""
    below = getattr(model, "base_model", None)
    # peft puts a model of its own around the whole.
    inner = getattr(below, "model", None)
    if type(below).__module__.startswith("peft.") and inner is not None:
        below = getattr(inner, "base_model", None)
    if not isinstance(below, nn.Module) or below is model:
        raise HoldfastError(
            f"{name} has no base_model that gives hidden states; pass a causal language model of "
            "transformers"
        )
    return below


@torch.no_grad()
def _refuse_other_logits(model: nn.Module, network: Classifier, name: str) -> None:
    """Refuse a model that scales or caps its logits, which the split network would not."""
    ids = _tried(network)
    training = model.training
    model.eval()
    try:
        whole: Tensor = model(input_ids=ids).logits
        split = network.head(network.backbone(input_ids=ids))
    except Exception as error:  # a user's network fails in any way
        raise HoldfastError(
            f"{name} cannot be called with input_ids alone: {first_line(error)}; pass a causal "
            "language model of texts"
        ) from error
    finally:
        model.train(training)
    scale = whole.abs().max().clamp_min(1e-6)
    if float((whole - split).abs().max() / scale) > CLOSE:
        raise HoldfastError(
            f"{name} changes the logits behind its output layer, for example by a cap, which is "
            "not supported; use a model of another family"
        )


@torch.no_grad()
def _refuse_later_tokens(network: Classifier, name: str) -> None:
    """Refuse a model that reads the tokens which it is to predict, as an encoder does."""
    ids = _tried(network)
    other = ids.clone()
    other[:, -1] = 0
    training = network.training
    network.eval()
    first = network.backbone(input_ids=ids)[:, :-1]
    second = network.backbone(input_ids=other)[:, :-1]
    network.train(training)
    if not torch.allclose(first, second, rtol=CLOSE, atol=CLOSE):
        raise HoldfastError(
            f"{name} reads the tokens that come later, so it can't learn to predict them; use a "
            "causal language model such as Llama or GPT-2, or classifier_from_pretrained for labels"
        )


def _tried(network: Classifier) -> Tensor:
    """The tokens on which a model is tried, (1, T)."""
    device = next(network.parameters()).device
    # Not 0, by which one of them is replaced.
    ids: Tensor = torch.arange(TRIED, device=device)[None] % (network.head.width - 1) + 1
    return ids
