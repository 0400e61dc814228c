"""Mistakes in runs that are found before the first of them starts."""

import json
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.runs.own_faults import blaming_own_method

if TYPE_CHECKING:
    from holdfast.streams.task import Stream


def refuse_early(configs: Sequence[RunConfig], data_dir: str | None) -> None:
    """Build every kind of run once, so that a mistake is found while nothing is lost.

    This also decodes the data, which worker processes then read from a cache.

    Args:
        configs: The settings of the runs. Runs that differ only in their seeds are built once.
        data_dir: The folder of data sets. None: that of the environment.

    Raises:
        HoldfastError: Some run cannot be built or trained; the message says why.
    """
    from holdfast.runs.build import build_learner, build_stream
    from holdfast.training.fit import check

    kinds = {config.model_copy(update={"seed": 0}).hash: config for config in configs}
    streams: dict[str, Stream] = {}
    for config in kinds.values():
        # Methods of a suite share a stream, and building one takes longest.
        parts: list[object] = [config.data.model_dump(), config.scenario]
        # A backbone decides what its inputs become: tokens, or features.
        if config.model.backbone is not None:
            parts += [config.model.model_dump(), config.method, config.training.precision]
        key = json.dumps(parts)
        # Each run hears the same warnings again, and keeps them beside its result.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if key not in streams:
                streams[key] = build_stream(config, data_dir)
                refuse_other_count(config, len(streams[key]))
            with blaming_own_method(config):
                learner = build_learner(config, streams[key])
                check(learner.view, streams[key], config.training.evaluate_every)


def refuse_other_count(config: RunConfig, tasks: int) -> None:
    """Raise an error if numbers that the user gave disagree with the tasks of the stream.

    Args:
        config: The settings of a run.
        tasks: The number of tasks of its stream.

    Raises:
        HoldfastError: The data have another number of groups, or there is not one number of epochs
            per task.
    """
    data = config.data
    epochs = config.training.epochs
    # With a task order, the number of tasks is that of the listed ones.
    asked_for = "tasks" in data.model_fields_set and not data.task_order
    if asked_for and data.by_rows and data.tasks != tasks:
        raise HoldfastError(
            f"data.tasks is {data.tasks}, but the rows of {data.name} make {tasks} tasks; leave "
            "data.tasks out"
        )
    if asked_for and data.stream == "grouped" and data.tasks != tasks:
        raise HoldfastError(
            f"data.tasks is {data.tasks}, but the labels of {data.name} have {tasks} groups, and "
            "stream='grouped' makes a task of each; leave data.tasks out"
        )
    if isinstance(epochs, list) and len(epochs) != tasks:
        raise HoldfastError(
            f"training.epochs lists {len(epochs)} numbers, but the stream has {tasks} tasks; "
            "give one number for all of them, or one number per task"
        )
