"""From the settings of a run to its stream and its learner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypedDict

from holdfast.errors import HoldfastError
from holdfast.methods import parse_method
from holdfast.methods.view import MakeOptimizer
from holdfast.models import MODELS, Classifier
from holdfast.models.heads import FITS
from holdfast.runs.backbones import backbone_classifier, feature_stream, reads_features
from holdfast.runs.config import RunConfig
from holdfast.runs.data_config import DataConfig
from holdfast.runs.objective import objective_of, scorer_of
from holdfast.runs.own_data import class_split, own_examples, own_sets, own_source, own_stream
from holdfast.settings import Settings
from holdfast.streams import (
    Stream,
    blurry,
    grouped,
    mixture,
    permuted,
    rotated,
    sequence,
    sources,
    split,
)
from holdfast.streams.own_data.examples import Examples
from holdfast.streams.own_data.unfitted import held_out_rows, unnumbered
from holdfast.streams.several_inputs import shapes_of
from holdfast.streams.source import Source
from holdfast.training import Learner, optimizer

BRANCHES = "branches"  # the network that takes several inputs


class Shared(TypedDict):
    """The arguments that all kinds of streams share."""

    validation: float
    seed: int
    task_order: Sequence[int] | None


def build_stream(config: RunConfig, data_dir: str | Path | None = None) -> Stream:
    """Build the stream that a run trains on.

    Args:
        config: The settings of the run.
        data_dir: The folder of data sets. None: that of the environment.

    Raises:
        HoldfastError: A data set is missing, or its tasks cannot be made; the message says why.

    Example:
        >>> len(build_stream(RunConfig()))
        5
    """
    stream = _clear_stream(config, data_dir)
    if config.data.blurry:
        stream = blurry(stream, config.data.blurry, seed=config.seed)
    if reads_features(config):
        return feature_stream(config, stream)
    return stream


def _clear_stream(config: RunConfig, data_dir: str | Path | None) -> Stream:
    """Build the stream before examples move between its tasks."""
    if config.data.by_rows:
        return own_stream(config)
    whole = {}
    for name in own_sets(config.data):
        whole[name] = own_examples(config.data, name, config.model)
    if config.data.validation and whole:
        # Nothing may be fitted on validation rows, so they are found out before inputs are encoded.
        numbered = {}
        for number, (name, examples) in enumerate(whole.items()):
            numbered[name] = replace(examples, numbered=number)
        stream = _of_sources(config, partial(_source, config, data_dir, numbered))
        for number, (name, examples) in enumerate(whole.items()):
            rows = held_out_rows(stream, number, len(examples))
            whole[name] = replace(examples, unfitted=rows)
    return _of_sources(config, partial(_source, config, data_dir, whole))


def _of_sources(config: RunConfig, named: Callable[[str], Source]) -> Stream:
    """Build a stream from data sets that are read by their names."""
    data = config.data
    scenario = config.scenario
    shared: Shared = {
        "validation": data.validation,
        "seed": config.seed,
        "task_order": data.task_order or None,
    }
    # Its pieces name their data sets themselves, so the data set of the run is not read.
    if data.stream == "mixture":
        return mixture(data.pieces, named, scenario, **shared)
    source = named(data.name)
    if data.stream == "sequence":
        return sequence([source, *map(named, data.then)], scenario, **shared)
    if data.stream == "split":
        sizes, order = class_split(data, source.labels, config.seed)
        return split(source, sizes, scenario, order=order, **shared)
    _refuse_options_of_split(data)
    if data.stream == "grouped":
        return grouped(source, scenario, **shared)
    if data.stream == "permuted":
        return permuted(source, data.tasks, scenario, **shared)
    return rotated(source, data.tasks, scenario, **shared)


def _source(
    config: RunConfig, data_dir: str | Path | None, own: Mapping[str, Examples], name: str
) -> Source:
    """Read a data set, and take the share of its training examples that the run uses."""
    data = config.data
    if name in own:
        source = own_source(config, own[name])
    else:
        source = sources.named(
            name,
            data_dir,
            features=data.features,
            groups=data.group_column,
            tokenizer=config.model.tokenizer,
            embeddings=data.embeddings,
            max_length=config.model.max_length,
        )
        if any(examples.numbered is not None for examples in own.values()):
            source = unnumbered(source)
    whole = len(source.train_y)
    wanted = round(data.fraction * (data.examples or whole))
    # A copy of all examples would only need more memory.
    if wanted == whole:
        return source
    return source.limited(wanted, config.seed)


def _refuse_options_of_split(data: DataConfig) -> None:
    """Raise an error for what only a split stream can do, because its tasks differ in classes."""
    if data.sizes:
        raise HoldfastError(
            f"data.sizes gives the classes of each task of a split stream; a {data.stream} stream "
            "has its own"
        )
    if data.order != "sorted":
        raise HoldfastError(
            f"data.order orders the classes of a split stream; a {data.stream} stream has its own"
        )


def build_learner(config: RunConfig, stream: Stream, device: str = "cpu") -> Learner:
    """Build the learner of a run, untrained.

    Args:
        config: The settings of the run.
        stream: The stream that it will train on, which decides the inputs and the outputs.
        device: Where the learner is put.

    Raises:
        HoldfastError: The network does not fit into memory, or the parts do not go together.

    Example:
        >>> config = RunConfig()
        >>> build_learner(config, build_stream(config)).method
        FineTune()
    """
    training = config.training
    model = config.model
    head: str = model.head
    if head == "auto":
        # The first output layer of the scenario is the usual one.
        head = FITS[config.scenario][0]
    if model.backbone is not None:
        network = backbone_classifier(config, stream, head)
    else:
        network = _untrained(config, stream, head)
    if model.keeps_backbone:
        network.freeze()
    return Learner(
        network,
        parse_method(config.method),
        _optimizer(config),
        scenario=config.scenario,
        objective=objective_of(config, stream),
        scorer=scorer_of(config, stream),
        seed=config.seed,
        device=device,
        # By their declaration, so that a new setting of the learner needs no line here.
        **{name: getattr(training, name) for name in Settings.model_fields},
    )


def _input_shape(network: str, stream: Stream) -> object:
    """The shape of one input, or the shapes of several by name, as the network takes them.

    Raises:
        HoldfastError: The network takes one input and there are several, or the other way around.
    """
    shapes = shapes_of(stream)
    if network == BRANCHES:
        if stream.shape:
            raise HoldfastError(
                "the network branches is for inputs of several tensors, but these are one tensor "
                f"of shape {stream.shape}; give --separate-inputs (data.separate_inputs) for your "
                "own data, or choose another network"
            )
        return shapes
    if not stream.shape:
        raise HoldfastError(
            f"the network {network} takes one tensor, but the inputs are {', '.join(shapes)}; name "
            "the network branches (--model, in holdfast learn --network, in suites model.name), or "
            "leave --separate-inputs (data.separate_inputs) out"
        )
    return stream.shape


def _untrained(config: RunConfig, stream: Stream, head: str) -> Classifier:
    """Make a network with random weights."""
    model = config.model
    # The other networks have fixed layers, and would refuse these arguments.
    mlp_only: dict[str, object] = {}
    if model.name == "mlp":
        mlp_only = {"hidden": model.hidden, "init": model.init}
    make = MODELS[model.name]
    shape = _input_shape(model.name, stream)
    try:
        return make(shape, head, stream.outputs, seed=config.seed, **mlp_only)
    # PyTorch has no error of its own for a lack of memory on the CPU.
    except (RuntimeError, MemoryError):
        layers = mlp_only.get("hidden", "")
        raise HoldfastError(
            f"the network {model.name} {layers} does not fit into this machine's memory; "
            "choose smaller layers"
        ) from None


def _optimizer(config: RunConfig) -> MakeOptimizer:
    """The optimizer of a run. Only SGD has a momentum to set."""
    training = config.training
    options: dict[str, object] = {"lr": training.lr, "weight_decay": training.weight_decay}
    if training.optimizer == "sgd":
        options["momentum"] = training.momentum
    # A rate of 0 freezes the backbone, which then has no parameter to move.
    backbone_lr = None
    if not config.model.keeps_backbone:
        backbone_lr = config.model.backbone_lr
    return optimizer(training.optimizer, backbone_lr=backbone_lr, **options)
