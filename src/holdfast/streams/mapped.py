"""Your own data as map-style data sets, for data that do not fit into memory.

Rows are read one by one when they are needed. By default all labels are read once when the stream
is built, which finds the classes of each task and checks all labels before training starts. If you
pass the labels instead, a row with any other label stops the run when it is read.
"""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.arguments import check_validation, whole
from holdfast.streams.build import NO_VALIDATION, assemble
from holdfast.streams.columns import check_groups, column_of
from holdfast.streams.dataset_part import Batching, Collate, DatasetPart
from holdfast.streams.dataset_rows import labelled_rows, labels_of
from holdfast.streams.held_out import held_out_of_all, refuse_straddling
from holdfast.streams.labels import distinct
from holdfast.streams.outputs import NamedLabels, OutputNumbers, number_outputs
from holdfast.streams.task import Stream, Task
from holdfast.streams.text_rows import text_rows
from holdfast.streams.tokens import PADDING, Tokenizer, check_length, warn_of_cuts
from holdfast.streams.types import Key, Label, LabelledRows, MapStyle, Values
from holdfast.streams.untrained import refuse_untrained_tests

# The groups of the training and of the test examples of one task; None: they are unrelated.
GroupPair = tuple[Values | None, Values | None]


def from_datasets(
    datasets: Sequence[tuple[MapStyle, MapStyle]],
    scenario: str,
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[Sequence[Label]] | None = None,
    columns: tuple[Key | Sequence[Key], Key] | None = None,
    padding: Mapping[str, float] | None = None,
    collate: Collate | None = None,
    tokenizer: Tokenizer | None = None,
    max_length: int | None = None,
    validation: float = 0.0,
    groups: Sequence[GroupPair] | None = None,
    numbering: str = "label",
    seed: int = 0,
    workers: int = 0,
) -> Stream:
    """Make a task of each (training, test) pair of map-style data sets.

    Args:
        datasets: One (training, test) pair per task. Rows are (input, label) pairs, or dicts of
            two columns. Pass a `datasets.Dataset` after `.with_format("torch")`.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        names: The names of the tasks. None: task 0, task 1, ...
        labels: The labels of each task, which saves reading all labels first. None: read them.
        columns: Names or positions of input (or a list of inputs) and label, if rows have more.
        padding: The value that fills short sequences, by the name of the input. None: one shape.
        collate: Makes a batch of inputs: a tensor, a mapping or a tuple of tensors. None: stacked.
        tokenizer: What turns inputs that are texts into those of a language model, once for all
            epochs, as `tokenize` takes it. None: inputs are numbers.
        max_length: The most tokens of a text, as `tokenize` takes it.
        validation: The share of the training examples to set aside, in [0, 1). 0: none.
        groups: One (training, test) pair of columns per task that relate rows. None: unrelated.
        numbering: How the domain scenario numbers outputs: by "label", or by "position" in a task.
        seed: The seed of the validation draw.
        workers: Processes per part that read ahead. 0: rows are read in the training process.

    Raises:
        HoldfastError: A part is empty or can't be read by number, or its labels are refused.

    Example:
        >>> rows = [(np.ones(2), 0), (np.zeros(2), 1)]
        >>> from_datasets([(rows, rows)], "class").labels
        (0, 1)
    """
    whole("seed", seed)
    _check_lengths(datasets, names=names, labels=labels, groups=groups)
    pairs = _pairs(datasets, names, columns)
    batching = Batching(padding, collate)
    check_length(max_length, tokenizer)
    if tokenizer is not None:
        pairs = _tokenized(pairs, tokenizer, max_length, batching)
        batching = Batching(PADDING)
    task_labels = _labels(pairs, labels, scenario, numbering, validation)
    numbers = number_outputs(task_labels.classes, scenario, numbering)
    masks = _validation_masks(pairs, task_labels.train, groups, validation, seed)
    of_pairs = enumerate(zip(pairs, masks, strict=True))
    tasks = [_task(n, pair, numbers, mask, workers, batching) for n, (pair, mask) in of_pairs]
    return assemble(tasks, numbers, scenario, numbering, name="datasets")


@dataclass(frozen=True)
class _Pair:
    """The rows of one task."""

    name: str
    train: LabelledRows
    test: LabelledRows


@dataclass(frozen=True)
class _Labels:
    """What is known of the labels of all tasks when their outputs are numbered.

    `classes` has the name and the labels of each task. `train` has the label of each training row
    of each task, and is empty if the labels are not read.
    """

    classes: Sequence[NamedLabels]
    train: list[np.ndarray]


def _check_lengths(datasets: Sequence[object], **lists: Sized | None) -> None:
    """Refuse lists that haven't one entry per task."""
    if not len(datasets):
        raise HoldfastError("expected at least one (training, test) pair of data sets, got none")
    for what, entries in lists.items():
        if entries is not None and len(entries) != len(datasets):
            raise HoldfastError(
                f"{what} must list one entry per task: expected {len(datasets)}, got {len(entries)}"
            )


def _pairs(
    datasets: Sequence[tuple[MapStyle, MapStyle]],
    names: Sequence[str] | None,
    columns: tuple[Key | Sequence[Key], Key] | None,
) -> list[_Pair]:
    """The rows of every task as (input, label) pairs."""
    if names is None:
        names = [f"task {number}" for number in range(len(datasets))]
    pairs = []
    for name, (train, test) in zip(names, datasets, strict=True):
        pair = _Pair(name, labelled_rows(train, columns), labelled_rows(test, columns))
        for rows, what in ((pair.train, "training"), (pair.test, "test")):
            if not len(rows):
                raise HoldfastError(f"task {name!r} has no {what} examples, but needs at least one")
        pairs.append(pair)
    return pairs


def _refuse_batching(given: Batching) -> None:
    """Refuse a way to make batches beside a tokenizer, which has its own."""
    for name, value in (("padding", given.padding), ("collate", given.collate)):
        if value is not None:
            raise HoldfastError(
                f"{name} says how batches are made, which tokenizer does by itself; leave out one "
                "of them"
            )


def _tokenized(
    pairs: Sequence[_Pair], tokenizer: Tokenizer, max_length: int | None, given: Batching
) -> list[_Pair]:
    """The rows of every task with tokens in the place of texts."""
    _refuse_batching(given)
    made = []
    facts = []
    for pair in pairs:
        train, of_train = text_rows(
            pair.train, f"task {pair.name!r} (training)", tokenizer, max_length
        )
        test, of_test = text_rows(pair.test, f"task {pair.name!r} (test)", tokenizer, max_length)
        made.append(_Pair(pair.name, train, test))
        facts += [of_train, of_test]
    # One warning for all tasks, which the user reads as one set of texts.
    warn_of_cuts(facts)
    return made


def _labels(
    pairs: Sequence[_Pair],
    given: Sequence[Sequence[Label]] | None,
    scenario: str,
    numbering: str,
    validation: float,
) -> _Labels:
    """The labels of all tasks: as given, or read from the rows, as a validation draw needs them."""
    names = [pair.name for pair in pairs]
    # A validation draw is made within each class, so it needs the label of every row.
    if given is not None and not validation:
        classes = [(name, list(labels)) for name, labels in zip(names, given, strict=True)]
        return _Labels(classes, train=[])
    train = [labels_of(pair.train, f"task {pair.name!r}: training labels") for pair in pairs]
    test = [labels_of(pair.test, f"task {pair.name!r}: test labels") for pair in pairs]
    trained = [set(distinct(labels)) for labels in train]
    refuse_untrained_tests(names, trained, test, scenario, numbering)
    if given is None:
        given = [distinct(np.concatenate(sides)) for sides in zip(train, test, strict=True)]
    classes = [(name, list(labels)) for name, labels in zip(names, given, strict=True)]
    return _Labels(classes, train)


def _validation_masks(
    pairs: Sequence[_Pair],
    train_labels: Sequence[np.ndarray],
    groups: Sequence[GroupPair] | None,
    share: float,
    seed: int,
) -> list[np.ndarray] | list[None]:
    """For each task, the mask of the training rows that are held out; None without validation."""
    train_groups: list[np.ndarray | None] = [None] * len(pairs)
    if groups is not None:
        train_groups = []
        test_groups = []
        for pair, (train, test) in zip(pairs, groups, strict=True):
            train_groups.append(_groups_of(pair.train, train))
            test_groups.append(_groups_of(pair.test, test))
        # Also without validation: the test must not see relatives of training rows.
        refuse_straddling(train_groups, test_groups)
    check_validation(share)
    if not share:
        return [None] * len(pairs)
    # Tasks that share a data set hold out the same rows, because their labels are the same.
    return held_out_of_all(train_labels, share, seed, train_groups)


def _groups_of(rows: LabelledRows, groups: Values | None) -> np.ndarray | None:
    """The group of each row, if groups are given."""
    if groups is None:
        return None
    column = column_of(groups, "groups")
    check_groups(column, len(rows))
    return column


def _task(
    number: int,
    pair: _Pair,
    numbers: OutputNumbers,
    held_out: np.ndarray | None,
    workers: int,
    batching: Batching,
) -> Task:
    """Make a task of a pair; `held_out` marks its validation rows, if there are any."""
    # Labels are translated when rows are read, because the rows are not in memory.
    lookup = numbers.lookups[number]
    make = partial(DatasetPart, task=number, lookup=lookup, workers=workers, batching=batching)
    train = make(pair.train)
    validation = None
    if held_out is not None:
        if not held_out.any():
            raise HoldfastError(f"task {pair.name!r}: {NO_VALIDATION}")
        train_rows = np.flatnonzero(~held_out)
        validation_rows = np.flatnonzero(held_out)
        train = make(pair.train, rows=train_rows)
        validation = make(pair.train, rows=validation_rows)
    return Task(
        index=number,
        name=pair.name,
        train=train,
        test=make(pair.test),
        outputs=numbers.ranges[number],
        validation=validation,
        competing=numbers.competing(number),
        labels=numbers.labels(number),
    )
