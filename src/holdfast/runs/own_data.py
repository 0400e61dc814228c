"""From the settings of a run to the user's own data as sources and streams."""

from collections.abc import Sequence
from dataclasses import replace

from holdfast.errors import HoldfastError
from holdfast.runs.config import RunConfig
from holdfast.runs.data_config import DataConfig
from holdfast.runs.model_config import ModelConfig
from holdfast.runs.own_settings import options_of
from holdfast.streams.build import build
from holdfast.streams.own_data.digests import digest_of
from holdfast.streams.own_data.examples import Examples, limited, open_examples
from holdfast.streams.own_data.files import existing
from holdfast.streams.own_data.folders import read_path
from holdfast.streams.own_data.from_files import listed_order
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.target_stream import target_stream
from holdfast.streams.source import Source
from holdfast.streams.split import first_classes
from holdfast.streams.task import Stream
from holdfast.streams.types import Label


def own_sets(data: DataConfig) -> list[str]:
    """List the paths of the user's own data among the data sets of a run, in order."""
    return sorted(data.sets & data.content.keys())


def own_examples(data: DataConfig, name: str, model: ModelConfig | None = None) -> Examples:
    """Read the user's own data.

    Args:
        data: The settings of the data.
        name: The path of one of its data sets.
        model: The settings of the network, which may be a language model whose tokens texts
            become. None: texts become features.

    Raises:
        HoldfastError: The files changed after the settings were made, or hold a mistake.
    """
    if digest_of(existing(name)) != data.content[name]:
        raise HoldfastError(
            f"the files of {name} changed after this run was set up; give the command again, or "
            "restore the files"
        )
    return open_examples(read_path(name), own_options(data, model), data.task_classes)


def own_options(data: DataConfig, model: ModelConfig | None = None) -> Options:
    """Say how the user's own data are read for a network.

    Args:
        data: The settings of the data.
        model: Those of the network, as in `own_examples`.

    Raises:
        HoldfastError: A role can't be read, or the network can't be found.
    """
    options = options_of(data, data.features, data.group_column)
    # Data of images have no texts, and the backbone itself says that it can't read them.
    if model is not None and model.tokenizer is not None:
        return replace(options, tokenizer=model.tokenizer, max_length=model.max_length)
    return options


def own_source(config: RunConfig, examples: Examples) -> Source:
    """Make a source of the user's own data, from which streams are cut by class.

    Args:
        config: The settings of the run.
        examples: The data.
    """
    data = config.data
    # In the other streams the first task has all classes.
    if data.stream != "split":
        return examples.source()
    sizes, order = class_split(data, examples.classes, config.seed)
    try:
        first = first_classes(examples.classes, sizes, order, _first_task(data))
    except HoldfastError as error:
        if data.sizes or data.classes or examples.images is not None:
            raise
        # Most tables have the same few classes in every month.
        raise HoldfastError(
            f"{error}. If every task has all classes, make tasks of rows with --time or --task "
            "(data.time, data.task) and the scenario domain"
        ) from None
    return examples.source(first)


def own_stream(config: RunConfig) -> Stream:
    """Build a stream whose tasks a column of the user's own data makes.

    Args:
        config: The settings of the run.

    Raises:
        HoldfastError: The data are not the user's own, or their tasks can't be learned.
    """
    data = config.data
    if data.name not in data.content:
        raise HoldfastError(
            f"data.task and data.time need your own data, but data.name is {data.name!r}; name a "
            "folder or a table file"
        )
    examples = own_examples(data, data.name, config.model)
    trained = int((~examples.tested).sum())
    if (data.examples or 0) > trained:
        raise HoldfastError(
            f"{data.name} has {trained} training rows, but data.examples asks for {data.examples}; "
            "ask for fewer"
        )
    share = data.fraction * (data.examples or trained) / trained

    def made(examples: Examples) -> Stream:
        if examples.targets is not None:
            if share < 1:
                raise HoldfastError(
                    "data.examples and data.fraction take as many rows of each class, and with "
                    f"data.objective={data.objective} there are no classes; leave them out"
                )
            return target_stream(
                examples,
                config.scenario,
                task_order=data.task_order or None,
                validation=data.validation,
                seed=config.seed,
            )
        return build(
            limited(examples.pieces(_first_task(data)), share, config.seed),
            config.scenario,
            validation=data.validation,
            seed=config.seed,
            name=examples.table.name,
            task_order=data.task_order or None,
        )

    if data.validation:
        examples = examples.fitted_beside(made)
    return made(examples)


def _first_task(data: DataConfig) -> int:
    """The number of the task that is learned first."""
    if data.task_order:
        return data.task_order[0]
    return 0


def class_split(
    data: DataConfig, labels: Sequence[Label], seed: int
) -> tuple[int | list[int], Sequence[Label] | int | None]:
    """Say how the classes of a split stream become tasks, as `split` takes it.

    Args:
        data: The settings of the data.
        labels: The labels of the data set.
        seed: The seed of the run.

    Returns:
        The number of tasks or the number of classes of each, and the order of the classes.
    """
    if data.classes:
        listed = data.task_classes
        return [len(classes) for classes in listed], listed_order(labels, listed)
    sizes = data.sizes or data.tasks
    if data.order == "sorted":
        return sizes, None
    if data.order == "seed":
        return sizes, seed
    return sizes, list(data.order)
