"""The user's own map-style data sets, read row by row through a DataLoader."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from holdfast.errors import HoldfastError
from holdfast.streams.build import NO_VALIDATION, whole
from holdfast.streams.held_out import held_out_of_all, refuse_straddling
from holdfast.streams.labels import (
    Outputs,
    distinct,
    label_array,
    number_outputs,
    refuse_untrained_tests,
)
from holdfast.streams.own import column_of
from holdfast.streams.task import DatasetPart, Stream, Task

LABEL_NAMES = (
    "label",
    "labels",
    "target",
    "targets",
    "class",
    "y",
)  # of a label's column, most usual first


def from_datasets(
    datasets: Sequence[tuple[Any, Any]],
    scenario: str,
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[Sequence[Any]] | None = None,
    columns: tuple[Any, Any] | None = None,
    validation: float = 0.0,
    groups: Sequence[tuple[Any, Any]] | None = None,
    numbering: str = "label",
    seed: int = 0,
    workers: int = 0,
) -> Stream:
    """One task for each (training, test) pair of map-style data sets.

    Rows are (input, label) pairs, or dicts of two columns, of which the one called label, target, class or y
    is the label (else the last). A `datasets.Dataset` is accepted after `.with_format("torch")`.

    Args:
        datasets: One (training, test) pair per task, each with `len` and `[i]`.
        scenario: task, domain or class.
        names: The names of the tasks. None: task 0, task 1, ...
        labels: Each task's labels. They save the pass over the rows that otherwise finds and checks all
            labels before training; a row with another label then stops the run when it is read.
        columns: Keys (of dicts) or positions (of tuples) of input and label; needed for rows that have more
            than two.
        validation: As in `from_arrays`; needs the pass over the rows.
        groups: One (training, test) pair of columns per task that say which rows are related; test may be None.
        numbering: As in `from_arrays`.
        seed: Seed of the validation draw.
        workers: Processes that read ahead, for each part. 0: rows are read in the training process.

    Raises:
        HoldfastError: A part is empty or can't be read by number, a row is not a pair, or labels are wrong.

    Example:
        >>> rows = [(torch.ones(2), 0), (torch.zeros(2), 1)]
        >>> from_datasets([(rows, rows)], "class").labels
        (0, 1)
    """
    pairs = [(readable(a, columns), readable(b, columns)) for a, b in datasets]
    called = list(names) if names is not None else [f"task {k}" for k in range(len(pairs))]
    whole("seed", seed)
    _check_lengths(called, pairs, labels, groups)
    if labels is None or validation:
        train_y = [
            _labels_of(train, f"task {n!r}: training labels")
            for n, (train, _) in zip(called, pairs, strict=True)
        ]
        test_y = [
            _labels_of(test, f"task {n!r}: test labels")
            for n, (_, test) in zip(called, pairs, strict=True)
        ]
        refuse_untrained_tests(
            called, [set(distinct(v)) for v in train_y], test_y, scenario, numbering
        )
    else:
        train_y = test_y = []
    found = [distinct(np.concatenate([a, b])) for a, b in zip(train_y, test_y, strict=True)]
    listed = found if labels is None else [list(v) for v in labels]
    outputs = number_outputs(list(zip(called, listed, strict=True)), scenario, numbering)
    held = _validation_rows(pairs, train_y, groups, validation, seed)
    tasks = [
        _task(k, called[k], pair, outputs, hold if validation else None, workers)
        for k, (pair, hold) in enumerate(zip(pairs, held, strict=True))
    ]
    shape = tuple(tasks[0].test.fetch(torch.tensor([0]))[0].shape[1:])
    return Stream(
        tasks=tuple(tasks),
        scenario=scenario,
        outputs=len(outputs.names),
        shape=shape,
        labels=tuple(outputs.names),
        name="datasets",
        by_position=scenario == "domain" and numbering == "position",
    )


def _task(
    k: int,
    name: str,
    pair: tuple[Any, Any],
    outputs: Outputs,
    hold: np.ndarray | None,
    workers: int,
) -> Task:
    """Task number `k` of a (training, test) pair; `hold` marks its validation rows, None if there are none to be."""
    train, test = pair
    lookup = outputs.lookups[k]
    if hold is not None and not hold.any():
        raise HoldfastError(f"task {name!r}: {NO_VALIDATION}")
    part = partial(DatasetPart, train, k, lookup, workers=workers)
    return Task(
        index=k,
        name=name,
        train=part() if hold is None else part(rows=np.flatnonzero(~hold)),
        test=DatasetPart(test, k, lookup, workers=workers),
        outputs=outputs.ranges[k],
        validation=None if hold is None else part(rows=np.flatnonzero(hold)),
        competing=outputs.own(k),
        labels=outputs.labels(k),
    )


def _check_lengths(
    names: Sequence[str],
    pairs: Sequence[tuple[Any, Any]],
    labels: Sequence[Any] | None,
    groups: Sequence[Any] | None,
) -> None:
    """Refuse empty parts, and lists that are not one entry per task."""
    if not pairs:
        raise HoldfastError("expected at least one (training, test) pair of data sets, got none")
    for what, given in (("names", names), ("labels", labels), ("groups", groups)):
        if given is not None and len(given) != len(pairs):
            raise HoldfastError(
                f"{what} must list one entry per task: expected {len(pairs)}, got {len(given)}"
            )
    for name, parts in zip(names, pairs, strict=True):
        for part, what in zip(parts, ("training", "test"), strict=True):
            if not len(part):
                raise HoldfastError(f"task {name!r} has no {what} examples; expected at least one")


def _validation_rows(
    pairs: Sequence[tuple[Any, Any]],
    train_y: Sequence[np.ndarray],
    groups: Sequence[tuple[Any, Any]] | None,
    share: float,
    seed: int,
) -> list[np.ndarray]:
    """For each task, which training rows are held out."""
    related: list[np.ndarray | None] = [None] * len(pairs)
    if groups is not None:
        sides = [[None if g is None else column_of(g, "groups") for g in pair] for pair in groups]
        for pair, parts in zip(sides, pairs, strict=True):
            for column, part in zip(pair, parts, strict=True):
                if column is not None and len(column) != len(part):
                    raise HoldfastError(
                        f"expected one group per example, got {len(part)} examples and {len(column)} groups"
                    )
        related = [train for train, _ in sides]
        refuse_straddling(related, [test for _, test in sides])
    if not 0 <= share < 1:
        raise HoldfastError(f"validation must be a share in [0, 1), got {share}")
    if not share:
        return [np.zeros(len(train), dtype=bool) for train, _ in pairs]
    # Tasks that share one data set hold out the same rows: their labels are the same, so the draw is.
    return held_out_of_all(train_y, share, seed, related)


class Rows:
    """Rows of a user's data set, seen as (input, label) pairs."""

    def __init__(self, dataset: Any, keys: tuple[Any, Any]) -> None:
        self.dataset, self.keys = dataset, keys

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        row = self.dataset[i]
        return row[self.keys[0]], row[self.keys[1]]


def readable(dataset: Any, columns: tuple[Any, Any] | None) -> Any:
    """A data set whose rows are (input, label) pairs; refuses columns that would be dropped without a word."""
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise HoldfastError(
            f"expected map-style datasets (with len and [i]), got {type(dataset).__name__}; materialise iterable ones first"
        )
    if not len(dataset):
        return dataset
    row = dataset[0]
    if isinstance(row, dict):
        return Rows(dataset, columns or _columns_of(row))
    if columns is not None:
        return Rows(dataset, columns)
    if not isinstance(row, tuple | list) or len(row) != 2:
        many = (
            f"{len(row)} values" if isinstance(row, tuple | list) else f"one {type(row).__name__}"
        )
        raise HoldfastError(
            f"expected rows of (input, label), got rows of {many}; name the positions of both: columns=(0, 1)"
        )
    return dataset


def _columns_of(row: dict[Any, Any]) -> tuple[Any, Any]:
    """The keys of input and label in a row of two."""
    keys = list(row)
    if len(keys) != 2:
        raise HoldfastError(
            f"expected rows of two columns, input and label, got {keys}; one input can be learnt at a time: name "
            "both, columns=('image', 'label'), say; the others are then left out"
        )
    named = [k for name in LABEL_NAMES for k in keys if str(k).lower() == name]
    label = named[0] if named else keys[1]
    return next(k for k in keys if k != label), label


def _labels_of(dataset: Any, where: str) -> np.ndarray:
    """The label of every row, without reading the inputs where the data set allows it."""
    column = _label_column(dataset)
    if column is None:
        column = [dataset[i][1] for i in range(len(dataset))]
    if column and isinstance(column[0], Tensor) and column[0].numel() != 1:
        raise HoldfastError(
            f"{where}: expected one label per row, got a tensor of shape {tuple(column[0].shape)}"
        )
    return label_array([v.item() if isinstance(v, Tensor) else v for v in column], where)


def _label_column(dataset: Any) -> list[Any] | None:
    """All labels at once, of a TensorDataset or a `datasets.Dataset`."""
    if isinstance(dataset, TensorDataset):
        return list(dataset.tensors[1])
    if isinstance(dataset, Rows) and hasattr(dataset.dataset, "select_columns"):
        key = dataset.keys[1]
        return [row[key] for row in dataset.dataset.select_columns([key])]
    return None
