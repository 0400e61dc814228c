"""From the settings of a run to its pretrained network, and to features that are computed once."""

import copy
import hashlib
import json

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.methods import GenerativeReplay, Mix, parse_method
from holdfast.methods.frozen_features import FrozenFeatures
from holdfast.methods.method import Method
from holdfast.models.calling import call_module
from holdfast.models.classifier import Classifier, float_type
from holdfast.models.pretrained import Precomputed, Pretrained, load_pretrained, prepared
from holdfast.named_inputs import Inputs, described
from holdfast.runs.config import ModelConfig, RunConfig
from holdfast.runs.model_config import digests_of, without_place
from holdfast.streams.computed import FeaturePart, with_features
from holdfast.streams.task import Stream

FEATURES = 1  # version of how features are computed; raise it if they become others
# The frozen network that was loaded last, by its settings: loading takes seconds, and the stream
# and the learners of a run share it, because nothing changes it.
_shared: dict[str, Pretrained] = {}


def reads_features(config: RunConfig) -> bool:
    """Tell whether a run trains on features of its frozen backbone, which are computed once.

    Args:
        config: The settings of the run.

    Returns:
        False if the backbone is trained, if the method changes the network or draws inputs by
        itself, or if forward passes have a precision of their own.
    """
    model = config.model
    if model.backbone is None or not model.keeps_backbone:
        return False
    if config.training.precision != "float32":
        return False
    return all(_takes_features(part) for part in parse_method(config.method).parts)


def _takes_features(part: Method) -> bool:
    """Whether a method does the same with features as with the network that computes them."""
    if isinstance(part, FrozenFeatures):
        return True  # it looks at the network in `attach`, but does not change it
    return not part.uses("attach") and not isinstance(part, GenerativeReplay | Mix)


def feature_stream(config: RunConfig, stream: Stream) -> Stream:
    """Replace the inputs of a stream by features of the frozen backbone of a run.

    Args:
        config: The settings of the run.
        stream: The stream with raw inputs.
    """
    loaded = _load_shared(config.model, _example(stream))
    what = [FEATURES, _plain(config.model), str(torch.__version__)]
    key = json.dumps(what, sort_keys=True)
    content = hashlib.sha256(key.encode()).hexdigest()

    def compute(x: Inputs) -> Tensor:
        return _features(loaded.module, x)

    return with_features(stream, compute, loaded.features, content)


def backbone_classifier(config: RunConfig, stream: Stream, head: str) -> Classifier:
    """Make the network of a run with a pretrained backbone.

    Args:
        config: The settings of the run.
        stream: Its stream, as `build_stream` made it.
        head: The kind of head.

    Returns:
        The classifier. For a stream of features, only its head is called.

    Raises:
        HoldfastError: The backbone changed after the settings were made, or does not fit the data.
    """
    model = config.model
    example = _example(stream)
    # A learner of `holdfast learn` reads raw inputs, also if its backbone is frozen.
    if not isinstance(stream[0].train, FeaturePart):
        return _load(model, example).classifier(head, stream.outputs, config.seed)
    loaded = _load_shared(model, example)
    made = loaded.classifier(head, stream.outputs, config.seed)
    # The head may hold the old output layer, which other learners of this process use as well.
    return Classifier(Precomputed(loaded.module), copy.deepcopy(made.head))


def _example(stream: Stream) -> Inputs:
    """One raw row of a stream."""
    part = stream[0].train
    if isinstance(part, FeaturePart):
        part = part.part
    return part.fetch(torch.arange(1))[0]


def _load_shared(model: ModelConfig, example: Inputs) -> Pretrained:
    """Load a frozen backbone, or take the one that was loaded last if it is the same."""
    key = json.dumps([_plain(model), described(example)], sort_keys=True)
    if key not in _shared:
        loaded = _load(model, example)
        loaded.module.requires_grad_(False)
        # One is enough, and several could fill the memory.
        _shared.clear()
        _shared[key] = loaded
    return _shared[key]


def _load(model: ModelConfig, example: Inputs) -> Pretrained:
    """Load the backbone of a run, which must be the one that its settings know."""
    backbone = str(model.backbone)
    now = digests_of(backbone, model.backbone_factory, {})
    changed = [name for name in now if now[name] != model.backbone_content.get(name)]
    if changed:
        raise HoldfastError(
            f"{' and '.join(changed)} changed after this run was set up; give the command again, "
            "or restore what it was made with"
        )
    return load_pretrained(
        backbone,
        example,
        model.backbone_factory,
        model.old_output,
        model.output_layer,
        model.pooling,
    )


def _plain(model: ModelConfig) -> dict[str, object]:
    """What decides the features of a backbone, as plain values without places."""
    plain = without_place(model.model_dump(mode="json"))
    names = ["backbone", "backbone_factory", "old_output", "output_layer"]
    # Features that were kept before there was a choice stay valid.
    if model.pooling is not None:
        names.append("pooling")
    return {name: plain.get(name) for name in names}


@torch.no_grad()
def _features(network: nn.Module, x: Inputs) -> Tensor:
    """Compute features of raw inputs where these are, and return them on the CPU."""
    network.to(x.device)
    made = call_module(network, prepared(x, float_type(network)))
    return made.float().cpu()
