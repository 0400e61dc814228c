"""From a run's config to its stream and learner."""

from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.methods import parse_method
from holdfast.models import MODELS
from holdfast.models.heads import FITS
from holdfast.runs.config import RunConfig
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
from holdfast.streams.source import Source
from holdfast.training import Learner, optimizer


def build_stream(config: RunConfig, data_dir: str | Path | None = None) -> Stream:
    """The stream that a run trains on."""
    stream = _stream(config, data_dir)
    return blurry(stream, config.data.blurry, seed=config.seed) if config.data.blurry else stream


def _stream(config: RunConfig, data_dir: str | Path | None) -> Stream:
    data = config.data

    def named(name: str, folder: str | Path | None) -> Source:
        whole = sources.named(name, folder, features=data.features, groups=data.group_column)
        wanted = round(data.fraction * (data.examples or len(whole.train_y)))
        return whole if wanted == len(whole.train_y) else whole.limited(wanted, config.seed)

    rest: dict[str, Any] = {
        "validation": data.validation,
        "seed": config.seed,
        "task_order": data.task_order or None,
    }
    if data.stream == "mixture":
        return mixture(data.pieces, lambda name: named(name, data_dir), config.scenario, **rest)
    source = named(data.name, data_dir)
    if data.stream == "sequence":
        return sequence(
            [source, *(named(name, data_dir) for name in data.then)], config.scenario, **rest
        )
    if data.stream == "split":
        order: Any = (
            config.seed if data.order == "seed" else None if data.order == "sorted" else data.order
        )
        return split(source, data.sizes or data.tasks, config.scenario, order=order, **rest)
    if data.sizes:
        raise HoldfastError(
            f"data.sizes gives the classes of each task of a split stream; a {data.stream} stream has its own"
        )
    if data.order != "sorted":
        raise HoldfastError(
            f"data.order orders the classes of a split stream; a {data.stream} stream has its own"
        )
    if data.stream == "grouped":
        return grouped(source, config.scenario, **rest)
    make = permuted if data.stream == "permuted" else rotated
    return make(source, data.tasks, config.scenario, **rest)


def build_learner(config: RunConfig, stream: Stream, device: str = "cpu") -> Learner:
    """The learner of a run."""
    t, m = config.training, config.model
    head = FITS[config.scenario][0] if m.head == "auto" else m.head
    extra: dict[str, Any] = {"hidden": m.hidden, "init": m.init} if m.name == "mlp" else {}
    try:
        model = MODELS[m.name](stream.shape, head, stream.outputs, seed=config.seed, **extra)  # type: ignore[operator]
    except (RuntimeError, MemoryError):  # torch has no error of its own for this
        raise HoldfastError(
            f"the network {m.name} {m.hidden if extra else ''} does not fit into this machine's memory; choose smaller layers"
        ) from None
    if m.frozen:
        model.freeze()
    options: dict[str, Any] = {"lr": t.lr, "weight_decay": t.weight_decay}
    if t.optimizer == "sgd":
        options["momentum"] = t.momentum
    return Learner(
        model,
        parse_method(config.method),
        optimizer(t.optimizer, **options),
        scenario=config.scenario,
        seed=config.seed,
        device=device,
        **{name: getattr(t, name) for name in Settings.model_fields},
    )
