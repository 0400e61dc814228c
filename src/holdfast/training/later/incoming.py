"""New data of any kind as tasks, before their labels get their outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np

from holdfast.errors import HoldfastError, unknown
from holdfast.methods.outputs import own_outputs
from holdfast.streams.arrays import from_arrays
from holdfast.streams.build import Piece, build
from holdfast.streams.own_data.digests import digests_of
from holdfast.streams.own_data.examples import Examples
from holdfast.streams.own_data.folders import read_path
from holdfast.streams.own_data.options import CLASSIFICATION, Options, options_from
from holdfast.streams.own_data.reader import OF_EACH, Reader, first_reader
from holdfast.streams.own_data.table_files import table_of
from holdfast.streams.own_data.target_stream import target_task
from holdfast.streams.source import Source
from holdfast.streams.targets import MULTILABEL, is_listed
from holdfast.streams.task import Stream, Task
from holdfast.streams.types import ArrowStream, Label, ToPandas, Values
from holdfast.text import safe_name
from holdfast.training.later.records import Reference

if TYPE_CHECKING:
    import pandas as pd

    Later = (
        str | Path | pd.DataFrame | ToPandas | ArrowStream | Task | Stream | tuple[Values, Values]
    )
else:
    Later = object

EXPECTED = (
    "expected the path of a folder or a table, a data frame, a task, a stream, or a pair of inputs "
    "and labels"
)


class LearnOptions(TypedDict, total=False):
    """What `learn` takes about the user's own data, by the names of `own_data.options.Options`."""

    text: str | Sequence[str]
    inputs: Sequence[str]
    roles: Mapping[str, str]
    missing: str
    scale: str
    features: str
    encoder: str | Path | None
    embeddings: str | Path | None
    tokenizer: str | Path | None
    max_length: int | None
    groups: str | None
    image_size: int
    color: str
    targets: str | Sequence[str]
    separate_inputs: bool


@dataclass(frozen=True)
class Incoming:
    """New data.

    Args:
        tasks: The tasks, each with the labels of its outputs as its source numbered them.
        reader: How the user's own data are read from now on. None: they are not the user's files.
        reference: Where the test examples are, if they are in files.
        by_position: Whether outputs keep their numbers, because they mean positions.
        stream: The stream, if the data are one.
        notes: What the user should know of the reading, in whole sentences.
        objective: What the targets are for, such as "classification".
        listed: Whether examples list their labels, so that others are not there.
    """

    tasks: list[Task]
    reader: Reader | None = None
    reference: Reference | None = None
    by_position: bool = False
    stream: Stream | None = None
    notes: list[str] = field(default_factory=list)
    objective: str = CLASSIFICATION
    listed: bool = False


def incoming(
    data: object,
    name: str | None,
    reader: Reader | None,
    label: str | None,
    test: float | str,
    given: Mapping[str, object],
    objective: str = CLASSIFICATION,
) -> Incoming:
    """Read new data.

    Args:
        data: The data, of any kind that `learn` takes.
        name: What the task is called, or None for a name that follows from the data.
        reader: How earlier data were read, or None if there were none.
        label: The column of the label, or None.
        test: The share of test rows, or the column that marks them.
        given: The other options of own data that were given.
        objective: What the learner trains for.

    Raises:
        HoldfastError: The data are of another kind, or hold a mistake. The message names its place.
    """
    for option in given:
        if option not in LearnOptions.__annotations__:
            raise unknown("argument of learn", option, LearnOptions.__annotations__)
    own = isinstance(data, str | Path) or _is_frame(data)
    if not own:
        # An option that nobody reads would be a mistake without a message.
        _refuse_options(label, test, given)
    if isinstance(data, Stream):
        if name is not None:
            raise HoldfastError(
                f"name={name!r} has no effect, because the tasks of a stream have names; leave it "
                "out"
            )
        return Incoming(
            list(data), by_position=data.by_position, stream=data, objective=data.objective
        )
    if isinstance(data, Task):
        return Incoming([replace(data, name=name or data.name)], objective=objective)
    if isinstance(data, tuple):
        task = _of_arrays(data, name, test, objective)
        # A list of labels says that all others are not there, which NaN in a row leaves open.
        listed = objective == MULTILABEL and is_listed(data[1])
        return Incoming([task], objective=objective, listed=listed)
    if not own:
        raise HoldfastError(f"{EXPECTED}, got {type(data).__name__}")
    return _of_own_data(data, name, reader, label, test, given, objective)


def _is_frame(data: object) -> bool:
    """Whether data are a frame of any library."""
    # A frame of pandas is recognised by what it has, so that pandas need not be imported.
    return (hasattr(data, "isna") and hasattr(data, "columns")) or isinstance(
        data, ToPandas | ArrowStream
    )


def _refuse_options(label: str | None, test: float | str, given: Mapping[str, object]) -> None:
    """Refuse options that only the user's own files and frames have."""
    names = list(given)
    if label is not None:
        names.append("label")
    # Arrays may be cut by a share as well, but only tables have a column that marks rows.
    if isinstance(test, str):
        names.append("test")
    if names:
        raise HoldfastError(
            f"{names[0]} says how a table or a folder is read, and these data are neither; leave "
            "it out"
        )


def _of_arrays(
    data: tuple[object, ...], name: str | None, test: float | str, objective: str
) -> Task:
    """A task of a pair of arrays."""
    if len(data) != 2:
        raise HoldfastError(
            f"expected a pair of inputs and labels, got a tuple of {len(data)}; if the inputs are "
            "several arrays, pass them as a dict"
        )
    x, y = data
    if _is_frame(x):
        raise HoldfastError(
            "the first of a pair is an array of inputs, got a data frame; pass the frame alone, "
            "with its label column: learn(frame, label='class')"
        )
    rows = len(y) if hasattr(y, "__len__") else 0
    # The length of a mapping is its number of inputs, whose rows `from_arrays` compares.
    if hasattr(x, "__len__") and not isinstance(x, Mapping) and len(x) != rows:
        raise HoldfastError(
            f"a pair has one label per input, got {len(x)} inputs and {rows} labels"
        )
    # Of targets, a task of the task scenario has the columns of which something is known.
    scenario = "class" if objective == CLASSIFICATION else "task"
    one = np.zeros(rows, dtype=int)
    # Any object may come here, and `from_arrays` checks it.
    inputs = cast(Values, x)
    labels = cast(Values, y)
    whole = from_arrays(inputs, labels, one, scenario, test=test, objective=objective)
    return replace(whole[0], name=name or "")


def _of_own_data(
    data: object,
    name: str | None,
    reader: Reader | None,
    label: str | None,
    test: float | str,
    given: Mapping[str, object],
    objective: str,
) -> Incoming:
    """A task of files or of a frame."""
    path = Path(data).expanduser() if isinstance(data, str | Path) else None
    if path is not None and not path.exists():
        raise HoldfastError(
            f"there is no file or folder {safe_name(str(data))}; give the path of a folder of "
            "images by class, of a table file or of a folder of tables"
        )
    table = table_of(data) if path is None else read_path(path)
    known = LearnOptions.__annotations__
    said = {**given, "label": label, "objective": objective}
    options = options_from(said, [*known, "label", "objective"], test)
    # The first data decide how all later data are read and encoded.
    if reader is None:
        examples, reader = first_reader(table, options)
    else:
        _refuse_other_options(reader, options, given)
        examples = reader.examples(table, options)
    reference = None
    # A frame has no place at which its test rows could be found again.
    if path is not None:
        reference = Reference(
            path=str(path.absolute()),
            # A later process notices by them that a file was changed.
            digests=digests_of(path),
            label=options.label,
            test=options.test,
            test_column=options.test_column,
        )
    task = _of_examples(examples)
    if name is None and path is not None:
        # A hidden folder has nothing before its first dot.
        name = path.absolute().name.partition(".")[0] or path.absolute().name
    return Incoming(
        [replace(task, name=name or "")],
        reader=reader,
        reference=reference,
        notes=examples.notes,
        objective=objective,
        listed=examples.targets is not None and examples.targets.listed,
    )


def _refuse_other_options(reader: Reader, options: Options, given: Mapping[str, object]) -> None:
    """Refuse options that contradict those with which the first data were read."""
    for option in given:
        before = getattr(reader.options, option)
        now = getattr(options, option)
        if option not in OF_EACH and now != before and list_of(now) != list_of(before):
            raise HoldfastError(
                f"{option}={now!r} contradicts {option}={before!r}, with which this learner has "
                "read its first data; later data are read in the same way, so leave it out"
            )


def list_of(value: object) -> object:
    """A value, and a tuple as the list that a file makes of it."""
    return list(value) if isinstance(value, tuple) else value


def _of_examples(examples: Examples) -> Task:
    """A task of all rows of the user's own data."""
    if examples.targets is not None:
        return target_task(examples)
    source: Source = examples.source()
    labels: tuple[Label, ...] = tuple(examples.classes)
    # Any scenario would do: the learner gives the labels its own outputs afterwards.
    return build([Piece(examples.table.name, source, labels)], "class")[0]


def named(task: Task, taken: Sequence[str], number: int) -> Task:
    """Give a task a name of its own.

    Args:
        task: The task, perhaps without a name.
        taken: The names of the tasks so far.
        number: Its number, from 0.

    Raises:
        HoldfastError: Another task has its name.
    """
    # People count from 1.
    task = replace(task, name=task.name or f"task {number + 1}")
    if task.name in taken:
        raise HoldfastError(
            f"the learner has learnt a task called {task.name!r} already (number "
            f"{list(taken).index(task.name) + 1} of {len(taken)}); give these data another name "
            "with name= (--name), or leave them out if they are the same"
        )
    labels = len(own_outputs(task))
    if len(task.labels) != labels:
        raise HoldfastError(
            f"task {task.name!r} has {len(task.labels)} labels for {labels} outputs, but labels "
            "keep their outputs by name; build the task with holdfast.streams, or give it labels"
        )
    return task
