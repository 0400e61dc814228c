"""The user's own data: arrays, a DataFrame with a task column, a list of data sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, unknown
from holdfast.streams.build import Piece, Source, build, distinct, number_outputs
from holdfast.streams.task import Augment, DatasetPart, Stream, Task

if TYPE_CHECKING:
    import pandas as pd


def _tensor(x: Any, what: str) -> Tensor:
    if isinstance(x, Tensor):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise HoldfastError(f"{what} must be numbers, got dtype {array.dtype}; encode text and categories first")
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype.kind in "ib" and array.dtype != np.uint8:
        array = array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(array))


def _labels(y: Any) -> np.ndarray:
    array = y.numpy() if isinstance(y, Tensor) else np.asarray(y)
    return array.astype(object) if array.dtype.kind in "USO" else array


def hold_out(y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A boolean mask that marks `share` of each label's examples (at least one where a label has two or more)."""
    mask = np.zeros(len(y), dtype=bool)
    for v in distinct(y):
        rows = rng.permutation(np.flatnonzero(y == v))
        cut = max(round(len(rows) * share), 1 if len(rows) > 1 else 0)
        mask[rows[:cut]] = True
    return mask


def from_arrays(
    x: Any,
    y: Any,
    task: Any,
    scenario: str,
    *,
    test: float | Sequence[bool] = 0.2,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    name: str = "arrays",
) -> Stream:
    """Tasks from arrays: inputs (N, ...), labels (N,) of any kind, and the task of each example, in order of first appearance.

    `test` is the share of each label and task held out for testing, or a boolean mask of test examples.

    >>> s = from_arrays(np.eye(8), list("ababcdcd"), [1, 1, 1, 1, 2, 2, 2, 2], "class", test=0.5)
    >>> [(t.name, t.labels, t.outputs) for t in s]
    [('1', ('a', 'b'), (0, 2)), ('2', ('c', 'd'), (0, 4))]
    """
    inputs, labels, tasks = _tensor(x, "inputs"), _labels(y), np.asarray(task)
    if not len(inputs) == len(labels) == len(tasks):
        raise HoldfastError(f"expected equal lengths, got {len(inputs)} inputs, {len(labels)} labels and {len(tasks)} tasks")
    if not len(inputs):
        raise HoldfastError("no examples: the arrays are empty")
    if inputs.is_floating_point() and not bool(torch.isfinite(inputs).all()):
        bad = int((~torch.isfinite(inputs.flatten(1))).any(1).nonzero()[0])
        raise HoldfastError(f"inputs contain NaN or infinity (first at example {bad}); clean or impute them")
    rng = np.random.default_rng(seed)
    order = [tasks[i] for i in sorted(np.unique(tasks, return_index=True)[1])]
    pieces = []
    for t in order:
        here = np.flatnonzero(tasks == t)
        held = hold_out(labels[here], test, rng) if isinstance(test, float) else np.asarray(test, dtype=bool)[here]
        source = Source(inputs[here[~held]], labels[here[~held]], inputs[here[held]], labels[here[held]], str(t))
        pieces.append(Piece(str(t), source, tuple(distinct(labels[here]))))
    return build(pieces, scenario, validation=validation, seed=seed, augment=augment, name=name)


def from_frame(
    frame: "pd.DataFrame",
    scenario: str,
    *,
    task: str,
    label: str,
    inputs: Sequence[str] | None = None,
    test: float | str = 0.2,
    validation: float = 0.0,
    seed: int = 0,
) -> Stream:
    """Tasks from a DataFrame. `inputs` are the numeric input columns (default: all others); `test` is a share or a boolean column."""
    for column in [task, label, *(inputs or []), *([test] if isinstance(test, str) else [])]:
        if column not in frame.columns:
            raise unknown("column", column, map(str, frame.columns))
    used = list(inputs) if inputs else [c for c in frame.columns if c not in {task, label, test}]
    held: Any = frame[test].to_numpy(dtype=bool) if isinstance(test, str) else test
    for what in (task, label):
        if frame[what].isna().any():
            raise HoldfastError(f"column {what!r} has missing values (first in row {int(frame[what].isna().to_numpy().argmax())})")
    text = [c for c in used if frame[c].dtype.kind not in "fiub"]
    if text:
        raise HoldfastError(f"input columns must be numeric, but {text[0]!r} has dtype {frame[text[0]].dtype}; encode it, or name inputs=")
    x = frame[used].to_numpy(dtype=np.float32)
    return from_arrays(
        x, frame[label].to_numpy(), frame[task].to_numpy(), scenario, test=held, validation=validation, seed=seed, name="frame"
    )


def from_datasets(
    datasets: Sequence[tuple[Any, Any]],
    scenario: str,
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[Sequence[Any]] | None = None,
    workers: int = 0,
) -> Stream:
    """One task for each (training, test) pair of map-style datasets, each giving (input, label); read through DataLoaders.

    A `datasets.Dataset` is accepted after `.with_format("torch")` where its rows are dicts with two columns, input then label.
    `labels` lists each task's labels, which saves a pass over the data to find them.
    """
    pairs = [(_pairs(a), _pairs(b)) for a, b in datasets]
    called = list(names) if names else [f"task {k}" for k in range(len(pairs))]
    for name, (train, test) in zip(called, pairs, strict=True):
        for part, what in ((train, "training"), (test, "test")):
            if not len(part):
                raise HoldfastError(f"task {name!r} has no {what} examples; expected at least one")
    found = [tuple(v) for v in labels] if labels else [tuple(_labels_of(train)) for train, _ in pairs]
    empty = Source(torch.zeros(0), np.zeros(0), torch.zeros(0), np.zeros(0))
    lookups, ranges, outputs = number_outputs([Piece(n, empty, v) for n, v in zip(called, found, strict=True)], scenario)
    tasks = []
    for k, ((train, test), lookup, span) in enumerate(zip(pairs, lookups, ranges, strict=True)):
        own = torch.tensor(sorted(lookup.values()))
        competing = None if len(own) == span[1] - span[0] else own
        tasks.append(
            Task(
                k, called[k], DatasetPart(train, k, lookup, workers=workers), DatasetPart(test, k, lookup), span, None, competing, found[k]
            )
        )
    shape = tuple(tasks[0].test.fetch(torch.tensor([0]))[0].shape[1:])
    return Stream(tuple(tasks), scenario, len(outputs), shape, tuple(outputs), None, "datasets")


class _RowDicts:
    """Rows given as dicts, seen as (input, label) pairs: first column, last column."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        values = list(self.dataset[i].values())
        return values[0], values[-1]


def _pairs(dataset: Any) -> Any:
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise HoldfastError(
            f"expected map-style datasets (with len and [i]), got {type(dataset).__name__}; materialise iterable ones first"
        )
    return _RowDicts(dataset) if len(dataset) and isinstance(dataset[0], dict) else dataset


def _labels_of(dataset: Any) -> list[Any]:
    values = [dataset[i][1] for i in range(len(dataset))]
    return distinct(np.array([v.item() if isinstance(v, Tensor) else v for v in values], dtype=object))
