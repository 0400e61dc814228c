"""Pretrained networks as classifiers: from a file, a folder, or the hub."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, first_line, one_of
from holdfast.models.backbone_places import find_backbone
from holdfast.models.calling import call_module
from holdfast.models.classifier import (
    Classifier,
    as_input,
    float_type,
    linear_layer,
    replace_module,
)
from holdfast.models.heads import make_head
from holdfast.models.hugging_face import load_folder
from holdfast.models.input_forms import form_of, inputs_like
from holdfast.models.onnx_network import OnnxNetwork
from holdfast.models.own_networks import made_by
from holdfast.models.pretrained_checks import Factory, check_arguments, check_pooling
from holdfast.models.recipes import note, rebuildable
from holdfast.models.seeding import seeded
from holdfast.models.state_dicts import load_weights, read_weights
from holdfast.named_inputs import Inputs, NamedInputs, described
from holdfast.own_code import fault_of
from holdfast.text import safe_name

OLD_OUTPUTS = ("drop", "keep", "none")


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network that was loaded and tried, before it has a head.

    Args:
        source: What the user calls it.
        module: The network without its old output layer, in evaluation mode.
        features: The number D of features that it gives.
        kept: The old output layer, if it is to be kept.
        dropped: The old output layer that was dropped, in words. Empty: there was none.
        again: The arguments of `pretrained_like` that load it again, but those of the head.
    """

    source: str
    module: nn.Module
    features: int
    kept: nn.Linear | None = None
    dropped: str = ""
    again: Mapping[str, object] = field(default_factory=dict)

    def classifier(self, head: str, outputs: int | None, seed: int | None = None) -> Classifier:
        """Put a head on the network, which is used and not copied.

        Args:
            head: The kind of head.
            outputs: The number of outputs of the stream.
            seed: The seed of new outputs.

        Raises:
            HoldfastError: The old output layer is to be kept, but has more outputs.
        """
        old = 0
        if self.kept is not None:
            old = self.kept.out_features
        if outputs is not None and old > outputs:
            raise HoldfastError(
                f"the old output layer of {self.source} has {old} outputs, but the tasks have "
                f"{outputs}, so old_output='keep' (--old-output keep) would leave outputs that "
                "mean nothing here; drop it"
            )
        with seeded(seed):
            made = make_head(head, self.features, outputs or old)
            if self.kept is not None:
                made.take(self.kept, self.module)
        classifier = Classifier(self.module, made)
        note(classifier, pretrained_like, **self.again, head=head, outputs=outputs, seed=seed)
        return classifier


@rebuildable
def pretrained_like(
    source: str,
    inputs: Mapping[str, object],
    head: str,
    outputs: int | None,
    factory: str | None,
    old_output: str,
    output_layer: str | None,
    seed: int | None,
    pooling: str | None = None,
) -> Classifier:
    """Load a pretrained network again in another process, from plain values.

    Args:
        source: As in `pretrained_classifier`, as an absolute path if it is one.
        inputs: The form of the inputs, as `form_of` describes it.
        head: As there.
        outputs: As there.
        factory: The name of the factory, or None.
        old_output: As there.
        output_layer: As there.
        seed: As there.
        pooling: As there.

    Raises:
        HoldfastError: The weights are gone, or no longer fit.
    """
    example = inputs_like(inputs)
    return pretrained_classifier(
        source,
        example,
        head,
        outputs,
        factory=factory,
        old_output=old_output,
        output_layer=output_layer,
        seed=seed,
        pooling=pooling,
    )


def pretrained_classifier(
    source: str | Path,
    example: Inputs,
    head: str,
    outputs: int | None = None,
    *,
    factory: Factory | None = None,
    old_output: str = "drop",
    output_layer: str | None = None,
    seed: int | None = None,
    pooling: str | None = None,
) -> Classifier:
    """Make a classifier of a pretrained network. `holdfast run --backbone` does the same.

    Args:
        source: A file of weights (.pt, .pth, .bin, .ckpt or .safetensors), which needs `factory`;
            a folder of transformers, a GGUF file, or a name of the hub, which is downloaded once if
            the local cache does not have it; or an ONNX file, which can only be frozen.
        example: One or a few raw inputs (N, ...), with which the network is tried and its features
            are counted, such as `stream[0].train.fetch(torch.arange(1))[0]`.
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        factory: A function without arguments that makes the network of the weights, or its name as
            `module:function`.
        old_output: What becomes of the linear layer in which the network ends. "drop" leaves it
            out, "keep" continues its outputs in the new head, and "none" says that the network ends
            in features. A network that ends in another layer has no old output layer.
        output_layer: The name of the old output layer. None: the last linear layer.
        seed: The seed of new outputs. None draws them from the global generator.
        pooling: How the hidden states of a text become one vector: "mean", "first" or "last", as
            `Pooled` takes it. None: as the folder says, by default their mean.

    Returns:
        The classifier. Freeze it with `freeze()` if only its head is to learn.

    Raises:
        HoldfastError: The network can't be found, loaded or called; the message says why.
        MissingExtra: A package that reads the network is not installed.
    """
    loaded = load_pretrained(source, example, factory, old_output, output_layer, pooling)
    return loaded.classifier(head, outputs, seed)


def load_pretrained(
    source: str | Path,
    example: Inputs,
    factory: Factory | None = None,
    old_output: str = "drop",
    output_layer: str | None = None,
    pooling: str | None = None,
) -> Pretrained:
    """Load a pretrained network and try it; see `pretrained_classifier` for the arguments."""
    one_of("old_output", old_output, OLD_OUTPUTS)
    place = find_backbone(source)
    name = safe_name(str(source))
    check_arguments(place, name, factory, old_output, output_layer)
    check_pooling(place, name, pooling)
    if place.of_texts and not isinstance(example, NamedInputs):
        raise HoldfastError(
            f"the backbone {name} reads texts, but the inputs are {described(example)}; use data "
            "of texts, or a backbone of images"
        )
    layer = None
    if place.kind == "onnx":
        module: nn.Module = OnnxNetwork(place.path)
    elif place.kind in ("folder", "gguf"):
        module = load_folder(place, pooling)
    else:
        module, layer = _with_weights(place.path, factory, old_output, output_layer)
    # Trying it must not move the statistics of BatchNorm.
    module.eval()
    features = tried(module, example, name, layer)
    again = {
        "source": str(place.path.absolute()) if place.path.exists() else str(source),
        "inputs": form_of(example),
        "factory": _name_of(factory),
        "old_output": old_output,
        "output_layer": output_layer,
    }
    # Files of learners from before have none.
    if pooling is not None:
        again["pooling"] = pooling
    if layer is None:
        return Pretrained(name, module, features, again=again)
    old = linear_layer(module, layer)
    # An identity takes its place, since the code of the network still calls the layer.
    replace_module(module, layer, nn.Identity())
    if old_output == "keep":
        return Pretrained(name, module, features, kept=old, again=again)
    dropped = f"{layer or 'the network itself'} ({old.in_features} to {old.out_features})"
    return Pretrained(name, module, features, dropped=dropped, again=again)


def _name_of(factory: Factory | None) -> object:
    """The name by which a factory can be imported, or the factory if it has none."""
    if factory is None or isinstance(factory, str):
        return factory
    module, name = factory.__module__, factory.__qualname__
    if module == "__main__" or "<" in name:
        return factory  # which no file can hold, and so the recipe says what is in the way
    return f"{module}:{name}"


def _with_weights(
    path: Path, factory: Factory | None, old_output: str, output_layer: str | None
) -> tuple[nn.Module, str | None]:
    """Make the network of a file of weights, and find its old output layer."""
    if factory is None:
        raise HoldfastError("a file of weights needs a factory")
    module = made_by(factory)
    layer = output_layer
    if layer is not None:
        linear_layer(module, layer)  # raises an error if there is none
    elif old_output != "none":
        linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
        # A convolutional network without one ends in features.
        layer = next(reversed(linear), None)
    # A layer that is left out may be of other classes, and thus of another shape.
    load_weights(module, read_weights(path), path, layer if old_output == "drop" else None)
    return module, layer


def tried(module: nn.Module, example: Inputs, name: str, layer: str | None = None) -> int:
    """Call a network with an example, check what it returns, and count its features."""
    x = prepared(example, float_type(module))
    ends: list[tuple[Tensor, int]] = []
    hook = None
    if layer is not None:
        # What the layer returned, and how often it had been changed in place by then.
        hook = linear_layer(module, layer).register_forward_hook(
            lambda _, __, made: ends.append((made, made._version))
        )
    try:
        with torch.no_grad():
            returned = call_module(module, x)
    # It says already what is wrong.
    except HoldfastError:
        raise
    except Exception as error:
        reason = fault_of(error) or first_line(error)
        raise HoldfastError(
            f"the backbone {name} cannot read these inputs, {described(x)}: {reason}. Change the "
            "data (for images, their size and colours), or let the network convert its inputs"
        ) from error
    finally:
        if hook is not None:
            hook.remove()
    if layer is not None:
        # Another tensor, or one that was changed, comes from what follows the layer.
        if not ends or ends[-1][0] is not returned or returned._version != ends[-1][1]:
            raise HoldfastError(
                f"the network of {name} does more after its linear layer {layer!r}, so that is no "
                "output layer; if the network ends in features, give old_output='none' "
                "(--old-output none), else let the factory make it without what follows the layer"
            )
        return linear_layer(module, layer).in_features
    if returned.dim() != 2 or not returned.is_floating_point():
        raise HoldfastError(
            f"the backbone {name} returns {described(returned)} per row; expected features, one "
            "vector of numbers per row, so pool or flatten them in the network"
        )
    return returned.shape[1]


class Precomputed(nn.Module):
    """The backbone of a network that is trained on features which were computed before.

    Args:
        network: The network that computes features. It belongs to the model, so that its size is
            counted and its weights are saved, but it is not called.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Return the features (N, D) that it is given."""
        return features


def prepared(x: Inputs, dtype: torch.dtype) -> Inputs:
    """Turn raw rows into inputs of a network, as the learner does."""
    if isinstance(x, NamedInputs):
        return x.map(lambda tensor: as_input(tensor, dtype))
    return as_input(x, dtype)
