"""What a run would train on: tasks, classes, columns, and what is wrong or will hurt."""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import tensors_of
from holdfast.results.run_settings import SCENARIOS
from holdfast.runs.build import build_stream
from holdfast.runs.column_facts import ColumnFacts, column_facts, row_warnings
from holdfast.runs.config import RunConfig
from holdfast.runs.own_data import own_examples, own_sets
from holdfast.streams.parts import ROWS_AT_ONCE
from holdfast.streams.several_inputs import shapes_of
from holdfast.streams.task import Examples, Part, Stream, Task
from holdfast.streams.types import Label
from holdfast.text import shown

PARTS = ("training", "validation", "test")
FEW_TESTS = 5  # test rows of a class, below which its score says little
UNEVEN = 10  # times as many rows, from which on classes are imbalanced
MOST_NAMED = 3  # names in a sentence


@dataclass(frozen=True)
class ClassRows:
    """The number of rows in each part of a task, for one of its classes."""

    label: Label
    training: int
    validation: int
    test: int


@dataclass(frozen=True)
class TaskRows:
    """The classes of a task and their rows, or the rows of which each target is known or there.

    Args:
        name: The name of the task.
        classes: The rows of each class, label or target.
        totals: The rows of each part, where a row may have several labels or targets. None: each
            row has one class.
    """

    name: str
    classes: tuple[ClassRows, ...]
    totals: dict[str, int] | None = None

    def rows(self, part: str) -> int:
        """The number of rows of the task in a part, such as "training"."""
        if self.totals is not None:
            return self.totals[part]
        return sum(int(getattr(one, part)) for one in self.classes)


@dataclass(frozen=True)
class Overview:
    """What a run would train on.

    Args:
        data: The name of the data.
        stream: How they become tasks, such as "split".
        scenario: The scenario in which the tasks are shown. None: the data fit none.
        refused: Scenario → why the data do not fit it.
        tasks: The tasks in their order.
        shape: The shape of one input. It is empty if inputs are several tensors.
        inputs: The shape of each of several inputs, by its name.
        columns: The columns of a table of the user. Empty: there is no table.
        unreadable: The images that can't be read, with the reason.
        duplicates: The number of test rows whose inputs are those of a training row.
        warnings: What is wrong or will hurt, in whole sentences.
        objective: What is learnt, such as "classification".
    """

    data: str
    stream: str
    scenario: str | None
    refused: dict[str, str]
    tasks: tuple[TaskRows, ...] = ()
    shape: tuple[int, ...] = ()
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    columns: tuple[ColumnFacts, ...] = ()
    unreadable: tuple[str, ...] = ()
    duplicates: int = 0
    warnings: list[str] = field(default_factory=list)
    objective: str = "classification"

    def to_json(self) -> dict[str, object]:
        """Return the overview as plain values."""
        return asdict(self)


def overview(config: RunConfig, scenario: str | None, data_dir: str | None = None) -> Overview:
    """Look at the data of a run, as far as they can be read.

    Args:
        config: The settings of the run, of which those of the data count.
        scenario: The scenario to look at. None: the first one that the data fit.
        data_dir: The folder of data sets. None: that of the environment.

    Returns:
        The overview. Missing values and unreadable images are counted, and the rest is shown
        without their rows.

    Raises:
        HoldfastError: The data can't be read at all; the message says why.
    """
    data = config.data
    # Rows with mistakes are left out here, so that everything else can be shown.
    if data.own and data.missing == "refuse":
        config = config.model_copy(update={"data": data.model_copy(update={"missing": "drop"})})
    own = _own(config, refused=data.missing == "refuse")
    tried = _tried(config, scenario, data_dir)
    stream = tried.stream
    tasks: tuple[TaskRows, ...] = ()
    duplicates = 0
    if stream is not None:
        tasks = tuple(_task_rows(stream, task) for task in stream)
        duplicates = _duplicates(stream)
    said = [*own.warnings, *tried.warnings]
    said += _about_duplicates(duplicates, tasks)
    if data.objective == "classification":
        said += _about_classes(tasks)
    return Overview(
        data=data.name,
        stream=data.stream,
        scenario=None if stream is None else stream.scenario,
        refused=tried.refused,
        tasks=tasks,
        shape=() if stream is None else stream.shape,
        inputs={} if stream is None or stream.shape else shapes_of(stream),
        columns=own.columns,
        unreadable=own.unreadable,
        duplicates=duplicates,
        # A run in several scenarios would say some of them twice.
        warnings=list(dict.fromkeys(said)),
        objective=data.objective,
    )


@dataclass(frozen=True)
class _Own:
    """What is known of the user's own data beside their tasks."""

    columns: tuple[ColumnFacts, ...] = ()
    unreadable: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _own(config: RunConfig, refused: bool) -> _Own:
    """Look at the columns and rows of each of the user's own data sets."""
    columns: list[ColumnFacts] = []
    unreadable: list[str] = []
    said: list[str] = []
    names = own_sets(config.data)
    for name in names:
        examples = own_examples(config.data, name)
        facts = column_facts(examples)
        warned = row_warnings(examples, facts, refused)
        # Of several data sets, each sentence says which it is about.
        if len(names) > 1:
            warned = [f"{shown(name)}: {sentence}" for sentence in warned]
        columns += facts
        unreadable += examples.unreadable
        said += warned
    return _Own(tuple(columns), tuple(unreadable), tuple(said))


@dataclass(frozen=True)
class _Tried:
    """The stream of the first scenario that the data fit, and why they don't fit others."""

    stream: Stream | None
    refused: dict[str, str]
    warnings: list[str]


def _tried(config: RunConfig, scenario: str | None, data_dir: str | None) -> _Tried:
    """Build the stream in the scenarios that are asked for, and keep the first that works."""
    # Most own data bring new classes or new months of the same classes.
    wanted = [scenario] if scenario is not None else list(reversed(SCENARIOS))
    refused: dict[str, str] = {}
    found = None
    caught_for: list[str] = []
    for name in wanted:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                stream = build_stream(config.model_copy(update={"scenario": name}), data_dir)
            except HoldfastError as error:
                refused[name] = str(error)
                continue
        if found is None:
            found = stream
            caught_for = [str(warning.message) for warning in caught]
    return _Tried(found, refused, caught_for)


# ---- rows


def _chunks(part: Part) -> Iterator[Examples]:
    """The examples of a part, some rows at once."""
    for index in torch.split(torch.arange(len(part)), ROWS_AT_ONCE):
        yield part.fetch(index)


def _task_rows(stream: Stream, task: Task) -> TaskRows:
    """Count the rows of each class of a task, or those that have each label or target."""
    totals = dict.fromkeys(PARTS, 0)
    counts: dict[Label, dict[str, int]] = {label: dict.fromkeys(PARTS, 0) for label in task.labels}
    for name, part in zip(PARTS, (task.train, task.validation, task.test), strict=True):
        if part is None:
            continue
        totals[name] = len(part)
        for _, y, _ in _chunks(part):
            outputs = y if y.dim() == 1 else _present(stream, y)
            for output in outputs.tolist():
                counts[stream.label_of(task, output)][name] += 1
    rows = [ClassRows(label, **parts) for label, parts in counts.items()]
    if stream.objective == "classification":
        return TaskRows(task.name, tuple(rows))
    return TaskRows(task.name, tuple(rows), totals)


def _present(stream: Stream, y: Tensor) -> Tensor:
    """The outputs of all labels that rows have, or of all targets that are known of them."""
    if stream.objective == "multilabel":
        return (y > 0).nonzero()[:, 1]
    return (~y.isnan()).nonzero()[:, 1]


def _digests(part: Part) -> Iterator[bytes]:
    """A digest of the inputs of each row."""
    for inputs, _, _ in _chunks(part):
        tensors = [tensor.numpy() for tensor in tensors_of(inputs)]
        for row in zip(*tensors, strict=True):
            content = b"".join(part.tobytes() for part in row)
            yield hashlib.blake2b(content, digest_size=16).digest()


def _duplicates(stream: Stream) -> int:
    """Count the test rows whose inputs some training row has as well."""
    trained: set[bytes] = set()
    for task in stream:
        trained.update(_digests(task.train))
    return sum(digest in trained for task in stream for digest in _digests(task.test))


# ---- sentences


def _about_duplicates(duplicates: int, tasks: tuple[TaskRows, ...]) -> list[str]:
    """Say that test rows were trained on."""
    if not duplicates:
        return []
    share = duplicates / sum(task.rows("test") for task in tasks)
    return [
        f"{duplicates} test rows ({share:.0%}) have the same inputs as a training row, so their "
        "score shows memory rather than skill. Remove duplicates, or name what relates rows with "
        "--group-column"
    ]


def _about_classes(tasks: tuple[TaskRows, ...]) -> list[str]:
    """Say where classes are imbalanced, hardly tested, or alone."""
    said = []
    for task in tasks:
        rows = {one.label: one.training for one in task.classes if one.training}
        if not rows:
            continue
        largest = max(rows, key=rows.__getitem__)
        smallest = min(rows, key=rows.__getitem__)
        if rows[largest] >= UNEVEN * rows[smallest]:
            said.append(
                f"task {shown(task.name)}: class {shown(str(largest))} has {rows[largest]} "
                f"training rows and class {shown(str(smallest))} has {rows[smallest]}, so a model "
                "can ignore the small one and still score well. Look at the scores of single "
                "classes"
            )
        if len(task.classes) == 1:
            said.append(
                f"task {shown(task.name)} has one class, so it is learned by always giving that "
                "answer"
            )
    few = [(task.name, one) for task in tasks for one in task.classes if one.test < FEW_TESTS]
    if few:
        named = ", ".join(
            f"{shown(str(one.label))} in {shown(name)} ({one.test})"
            for name, one in few[:MOST_NAMED]
        )
        said.append(
            f"{len(few)} classes have fewer than {FEW_TESTS} test rows, so their scores are rough: "
            f"{named}"
        )
    return said
