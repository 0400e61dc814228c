"""Streams from your own files and frames: folders of images, and tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from holdfast.errors import HoldfastError
from holdfast.streams.build import build
from holdfast.streams.own_data.examples import Examples, open_examples
from holdfast.streams.own_data.folders import read_path, sided
from holdfast.streams.own_data.options import FolderOptions, TableOptions, options_from
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.table_files import table_of
from holdfast.streams.own_data.target_stream import target_stream
from holdfast.streams.split import first_classes, split
from holdfast.streams.task import Augment, Stream
from holdfast.streams.types import ArrowStream, Label, ToPandas

if TYPE_CHECKING:
    import pandas as pd

    Data = str | Path | pd.DataFrame | ToPandas | ArrowStream
else:
    Data = object


def from_table(
    data: "Data | tuple[Data, Data]",
    scenario: str,
    *,
    classes: Sequence[Sequence[Label]] = (),
    tasks: int | None = None,
    test: float | str = 0.2,
    validation: float = 0.0,
    numbering: str | None = None,
    seed: int = 0,
    **options: Unpack[TableOptions],
) -> Stream:
    """Make a stream from a table with numbers, categories, dates and texts.

    Whatever is fitted, such as the mean of a number, is fitted on the training rows of the first
    task alone. Give one of `task`, `time`, `classes` and `tasks`.

    Args:
        data: A CSV, TSV, Parquet, JSON or JSON lines file, a folder of such files, or a data frame
            of pandas, Polars or another library that speaks Arrow. A pair is training and test.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        classes: The classes of each task, such as [["cat", "dog"], ["car"]].
        tasks: The number of tasks of equally many classes.
        test: The share of rows of each task and label to test on, or the column that says train or
            test. The test rows are the same for every seed.
        validation: The share of the training rows to set aside, in [0, 1). 0: none.
        numbering: How the domain scenario numbers outputs: by "label", or by "position" in a task.
            None: by position for tasks of classes, as `split` does, else by label.
        seed: The seed of the validation draw.
        **options: What the columns are: label, task, time, every, time_format, text, inputs, roles,
            missing, scale, features, encoder, tokenizer, max_length, groups, separate_inputs; see
            `own_data.options.Options`.

    Raises:
        HoldfastError: A value is missing or wrong. The message names its file, row and column.

    Example:
        >>> import pandas as pd
        >>> rows = {"day": ["2026-01-05"] * 4 + ["2026-02-09"] * 4, "shop": ["a", "b"] * 4}
        >>> frame = pd.DataFrame(rows | {"sold": ["no", "no", "yes", "yes"] * 2})
        >>> [task.name for task in from_table(frame, "domain", label="sold", time="day", test=0.5)]
        ['2026-01', '2026-02']
    """
    read = options_from(options, TableOptions.__annotations__, test)
    examples = open_examples(_table(data), read, classes)
    making: Making = {"validation": validation, "seed": seed}
    return own_stream(examples, scenario, classes, tasks, numbering, **making)


def from_folder(
    folder: str | Path,
    scenario: str,
    *,
    classes: Sequence[Sequence[Label]] = (),
    tasks: int | None = None,
    test: float | str = 0.2,
    validation: float = 0.0,
    numbering: str | None = None,
    seed: int = 0,
    augment: Augment | None = None,
    **options: Unpack[FolderOptions],
) -> Stream:
    """Make a stream from a folder of images.

    The folder holds a folder per class (`cat/1.jpg`), perhaps below `train` and `test` or below a
    folder per task (`task="folder"`), or it holds images and one table with their file names and
    labels. Images are decoded once into a cache, and mapped from there. Give one of `task`, `time`,
    `classes` and `tasks`.

    Args:
        folder: The folder, or the table in it that names the images.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        classes: The classes of each task, such as [["cat", "dog"], ["car"]].
        tasks: The number of tasks of equally many classes.
        test: As in `from_table`.
        validation: The share of the training images to set aside, in [0, 1). 0: none.
        numbering: As in `from_table`.
        seed: The seed of the validation draw.
        augment: A random change of whole batches in training. None: no change.
        **options: What the images and columns are: image_size, color, and what `from_table` takes;
            see `own_data.options.Options`.

    Returns:
        The stream, whose inputs are uint8, (channels, image_size, image_size), or with
        `separate_inputs` several tensors, of which the images are called "image".

    Raises:
        HoldfastError: The folder has another layout, or an image can't be read. The message names
            the file.
    """
    read = options_from(options, FolderOptions.__annotations__, test)
    examples = open_examples(read_path(folder), read, classes)
    # A folder may hold a table that names no images.
    if examples.images is None:
        raise HoldfastError(f"{examples.table.name} holds no images; use from_table for tables")
    making: Making = {"validation": validation, "seed": seed, "augment": augment}
    return own_stream(examples, scenario, classes, tasks, numbering, **making)


class Making(TypedDict, total=False):
    """How all streams are made of examples, see `build`."""

    validation: float
    seed: int
    augment: Augment | None


def own_stream(
    examples: Examples,
    scenario: str,
    classes: Sequence[Sequence[Label]] = (),
    tasks: int | None = None,
    numbering: str | None = None,
    **making: Unpack[Making],
) -> Stream:
    """Make a stream of examples that have been read.

    Args:
        examples: The examples.
        scenario: "task", "domain" or "class".
        classes: The classes of each task. Empty: tasks are made in another way.
        tasks: The number of tasks of equally many classes.
        numbering: As in `from_table`.
        **making: The validation share, the seed of its draw, and a change of batches.

    Raises:
        HoldfastError: Not exactly one way to make tasks is given, or the tasks can't be learned.
    """
    ways = [examples.tasks is not None, bool(classes), tasks is not None]
    if sum(ways) != 1:
        raise HoldfastError(
            "say in one way how rows become tasks: by a column (task), by time (time and every), "
            "by lists of classes (classes), or by the number of tasks of equally many classes "
            f"(tasks); {sum(ways)} are given"
        )

    def made(examples: Examples) -> Stream:
        if examples.targets is not None:
            return target_stream(examples, scenario, **making)
        if examples.tasks is not None:
            name = examples.table.name
            # Tasks of rows repeat labels, so that a label keeps its meaning at one output.
            by = numbering or "label"
            return build(examples.pieces(), scenario, name=name, numbering=by, **making)
        sizes: int | list[int] = tasks or 0
        order = None
        if classes:
            sizes = [len(listed) for listed in classes]
            order = listed_order(examples.classes, classes)
        source = examples.source(first_classes(examples.classes, sizes, order))
        # Tasks of classes have no label in common, so that they can share outputs by place only.
        by = numbering or "position"
        return split(source, sizes, scenario, order=order, numbering=by, **making)

    if making.get("validation"):
        examples = examples.fitted_beside(made)
    return made(examples)


def listed_order(labels: Sequence[Label], classes: Sequence[Sequence[Label]]) -> list[Label]:
    """The classes of all tasks in order, as the labels of the data spell them.

    Args:
        labels: The labels of the training rows.
        classes: The classes of each task.

    Raises:
        HoldfastError: A class has no training row, or two tasks list it.
    """
    # A list may come from a command line, where the class 3 is a text.
    label_of = {str(label): label for label in labels}
    order: list[Label] = []
    for label in [str(label) for listed in classes for label in listed]:
        if label not in label_of:
            raise HoldfastError(f"the class {label!r} of a task has no training row; add some")
        if label_of[label] in order:
            raise HoldfastError(f"the class {label!r} is listed twice; each belongs to one task")
        order.append(label_of[label])
    return order


def _table(data: "Data | tuple[Data, Data]") -> Table:
    """The rows of a file, a folder, a frame, or a pair of training and test data."""
    if isinstance(data, tuple):
        if len(data) != 2:
            raise HoldfastError(
                f"expected a pair of training and test data, got {len(data)} parts; join them first"
            )
        train, test = (_table(side) for side in data)
        return sided(train, test)
    if isinstance(data, str | Path):
        return read_path(data)
    return table_of(data)
