"""From a model of transformers to the network of a learner, and back for saving."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from holdfast.engine.next_token import NextToken
from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier, classifier_from, replace_module
from holdfast.models.head import Head
from holdfast.models.heads import FITS
from holdfast.models.language import language_model
from holdfast.models.one_layer_heads import MaskedHead
from holdfast.models.token_head import TokenHead
from holdfast.streams.task import Stream
from holdfast.training import Learner

if TYPE_CHECKING:
    from transformers import PreTrainedModel


LEARNER = "learner.safetensors"  # the file of a network of Holdfast


@dataclass(frozen=True)
class OutputLayer:
    """The output layer of a model of transformers, whose place a head takes.

    Args:
        model: The model, maybe with adapters of peft.
        name: The name of the layer in it. None: the layer has stayed in its place.
    """

    model: Any
    name: str | None


def network_of(model: nn.Module, stream: Stream) -> tuple[nn.Module, OutputLayer | None]:
    """Make the network of a learner of a model.

    Args:
        model: A network of Holdfast, which stays as it is, or a model of transformers. For a stream
            of texts it is a causal language model, otherwise one for sequence classification, whose
            last linear layer becomes the first head that fits the scenario and keeps its weights.
        stream: The tasks.

    Returns:
        The network, and where its head comes from if it was made here.

    Raises:
        HoldfastError: The model has no such layer.
    """
    if isinstance(getattr(model, "head", None), Head):
        return model, None
    # `from_pretrained` returns models in evaluation mode, and a Trainer switches on dropout.
    if stream.objective == NextToken.name:
        return language_model(model.train()), OutputLayer(model, None)
    name = output_layer(model)
    kind = FITS[stream.scenario][0]
    # A layer of one task cannot hold all outputs, so that tasks get layers of their own.
    old_output = "keep"
    if kind == "separate":
        old_output = "drop"
    network = classifier_from(model, name, kind, outputs=stream.outputs, old_output=old_output)
    network.backbone.train()
    return network, OutputLayer(model, name)


def output_layer(model: nn.Module) -> str:
    """Find the output layer of a model for sequence classification.

    Args:
        model: A model of transformers, maybe with adapters of peft.

    Returns:
        The name of its last linear layer that is trained and has as many outputs as the model has
        labels.

    Raises:
        HoldfastError: There is none. The message lists the linear layers.

    Example:
        >>> from types import SimpleNamespace
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> model.config = SimpleNamespace(num_labels=3)
        >>> output_layer(model)
        '2'
    """
    labels = getattr(getattr(model, "config", None), "num_labels", None)
    layers = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    # peft keeps a frozen copy of the layer beside the trained one.
    found = [
        name
        for name, layer in layers.items()
        if layer.out_features == labels and layer.weight.requires_grad
    ]
    if found:
        return str(found[-1])
    raise HoldfastError(
        f"expected a network of Holdfast or a model for sequence classification, but "
        f"{type(model).__name__} has no trained linear layer with one output per label "
        f"(num_labels is {labels}, its last linear layers are {', '.join(list(layers)[-3:])}); "
        "make a network of it first: classifier_from(model, head='<name>', kind='growing') "
        "replaces a layer, and classifier_from_pretrained(model, 'growing') pools hidden states"
    )


@contextmanager
def whole(layer: OutputLayer, network: nn.Module, stream: Stream) -> Iterator[Any]:
    """Inside, the model of transformers has the trained output layer in its place again.

    Args:
        layer: Where the head comes from.
        network: The network, as its method wrapped it.
        stream: The tasks, whose labels the configuration of the model gets.

    Yields:
        The model.

    Raises:
        HoldfastError: The network is not the model with one layer on top.
    """
    if type(network) is not Classifier or not isinstance(network.head, MaskedHead | TokenHead):
        raise HoldfastError(
            f"a {type(network).__name__} with a {getattr(network.head, 'kind', '')} head is no "
            "model of transformers; keep it with trainer.learner.save(path) instead"
        )
    if layer.name is None:
        yield layer.model
        return
    config = layer.model.config
    labels = {number: str(label) for number, label in enumerate(stream.labels)}
    config.id2label = {k: labels.get(k, str(k)) for k in range(network.head.width)}
    config.label2id = {name: number for number, name in config.id2label.items()}
    identity = layer.model.get_submodule(layer.name)
    replace_module(layer.model, layer.name, network.head.linear)
    try:
        yield layer.model
    finally:
        replace_module(layer.model, layer.name, identity)


def save_pretrained(model: "PreTrainedModel", folder: Path) -> None:
    """Write a model of transformers into a folder.

    Args:
        model: The model.
        folder: The folder.
    """
    # Copies, because parameters are views of one vector, which the library would write whole.
    state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=state)


def save_whole(
    folder: Path, learner: Learner, layer: OutputLayer | None, stream: Stream, tokenizer: Any
) -> None:
    """Write what a learner has trained into a folder.

    Args:
        folder: The folder.
        learner: The learner.
        layer: Where its head comes from. None: its network was made by Holdfast, and becomes a file
            that `Learner.load` reads.
        stream: The tasks.
        tokenizer: The tokenizer of the Trainer, which is written beside a model. None: there is
            none.

    Raises:
        HoldfastError: The network has become something else than the model of transformers.
    """
    if layer is None:
        learner.save(folder / LEARNER)
        return
    with whole(layer, learner.model, stream) as model:
        save_pretrained(model, folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
