"""The user's own data in memory: arrays, and a DataFrame with a task column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from holdfast.errors import HoldfastError, unknown
from holdfast.streams.build import Piece, Source, build, warn_of_measurements, whole
from holdfast.streams.held_out import codes, held_out
from holdfast.streams.inputs import frame_inputs, input_rows
from holdfast.streams.labels import distinct, label_array
from holdfast.streams.task import Augment, Stream

if TYPE_CHECKING:
    import pandas as pd


def from_arrays(
    x: Any,
    y: Any,
    task: Any,
    scenario: str,
    *,
    test: float | Sequence[bool] | np.ndarray = 0.2,
    validation: float = 0.0,
    groups: Any = None,
    numbering: str = "label",
    seed: int = 0,
    augment: Augment | None = None,
    name: str = "arrays",
) -> Stream:
    """Tasks from arrays.

    Args:
        x: Inputs, (N, ...). Integers stay integers (token ids), floats stay floats, uint8 are pixels.
        y: Labels, (N,): whole numbers, booleans or text.
        task: The task of each example, (N,), of any kind; tasks come in the order of their first example.
        scenario: task, domain or class.
        test: The share of each label and task held out for testing, in (0, 1), or one boolean per example
            that marks the test examples.
        validation: The share of the training examples of each label and task set aside for validation,
            in [0, 1). 0: none.
        groups: What relates examples, (N,): a user, a patient, an original image of which there are several
            views. All examples of a group, whatever their tasks, are then on one side of every cut, so that
            neither test nor validation sees relatives of training examples. None: examples are unrelated.
        numbering: In the domain scenario, `label` (a label has one output in all tasks) or `position` (class
            number k of each task is output k: even or odd, whatever the digits).
        seed: Seed of the cuts.
        augment: Random change of whole batches in training. None: none.
        name: The name of the stream.

    Returns:
        A stream with one task for each distinct value of `task`.

    Raises:
        HoldfastError: The data can't be learnt as they are; the message names the first example of the fault.

    Example:
        >>> s = from_arrays(np.eye(8), list("ababcdcd"), [1, 1, 1, 1, 2, 2, 2, 2], "class", test=0.5)
        >>> [(t.name, t.labels, t.outputs) for t in s]
        [('1', ('a', 'b'), (0, 2)), ('2', ('c', 'd'), (0, 4))]
    """
    # Labels and tasks come first: what is wrong with them is said without reading the inputs.
    whole("seed", seed)
    labels, tasks = label_array(y), column_of(task, "tasks")
    _equal_lengths(x, labels, tasks)
    inputs = input_rows(x)
    relatives = None if groups is None else column_of(groups, "groups")
    if relatives is not None and len(relatives) != len(labels):
        raise HoldfastError(
            f"expected one group per example, got {len(labels)} examples and {len(relatives)} groups"
        )
    held = _test_rows(test, labels, tasks, relatives, seed)
    order = [tasks[i] for i in sorted(np.unique(tasks, return_index=True)[1])]
    pieces = []
    for t in order:
        train, tested = np.flatnonzero((tasks == t) & ~held), np.flatnonzero((tasks == t) & held)
        source = Source(
            train_x=inputs[train],
            train_y=labels[train],
            test_x=inputs[tested],
            test_y=labels[tested],
            name=f"task {t}",
            groups=None if relatives is None else relatives[train],
            test_groups=None if relatives is None else relatives[tested],
        )
        warn_of_measurements(source)
        pieces.append(Piece(str(t), source, tuple(distinct(labels[tasks == t]))))
    return build(
        pieces,
        scenario,
        validation=validation,
        seed=seed,
        augment=augment,
        name=name,
        numbering=numbering,
    )


def _equal_lengths(x: Any, labels: np.ndarray, tasks: np.ndarray) -> None:
    if hasattr(x, "toarray"):
        raise HoldfastError(
            f"inputs must be dense, got a sparse {type(x).__name__}; pass x.toarray()"
        )
    if not hasattr(x, "__len__"):
        raise HoldfastError(
            f"inputs must be an array, a tensor or a list with one row per example, got {type(x).__name__}"
        )
    if not len(x) == len(labels) == len(tasks):
        raise HoldfastError(
            f"expected equal lengths, got {len(x)} inputs, {len(labels)} labels and {len(tasks)} tasks"
        )
    if not len(labels):
        raise HoldfastError("no examples: the arrays are empty")


def column_of(values: Any, what: str) -> np.ndarray:
    """One value per example that only tells examples apart (tasks, groups), as integers or text.

    Raises:
        HoldfastError: There are several values per example, or one is missing.

    Example:
        >>> column_of([3.0, 1.5], "tasks").tolist()
        ['3.0', '1.5']
    """
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise HoldfastError(
            f"{what}: expected one value per example, shape (N,), got shape {array.shape}"
        )
    missing = _missing(array)
    if missing.any():
        raise HoldfastError(f"{what} must not be missing: example {int(missing.argmax())} has none")
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    text = np.empty(len(array), dtype=object)
    text[:] = [str(v) for v in array]
    return text


def _missing(array: np.ndarray) -> np.ndarray:
    """Which values are None, or NaN, NaT or pandas' NA, which don't equal themselves or can't say."""
    out = np.zeros(len(array), dtype=bool)
    for k, v in enumerate(array if array.dtype.kind in "OfM" else ()):
        try:
            out[k] = v is None or bool(v != v)
        except (TypeError, ValueError):
            out[k] = True
    return out


def _test_rows(
    test: Any, labels: np.ndarray, tasks: np.ndarray, groups: np.ndarray | None, seed: int
) -> np.ndarray:
    """Which examples are test examples: a share drawn within each task and label, or those marked."""
    if isinstance(test, float | int | np.number) and not isinstance(test, bool):
        if not 0 < test < 1:
            raise HoldfastError(
                f"test must be a share in (0, 1), or one boolean per example, got {test}"
            )
        return held_out(_pairs(tasks, labels), float(test), seed, groups)
    return _marked(test, len(labels))


def _pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A number for each distinct pair."""
    return codes(a) * (len(b) + 1) + codes(b)


def _marked(test: Any, n: int) -> np.ndarray:
    mask = np.asarray(test.detach().cpu() if isinstance(test, Tensor) else test)
    if mask.shape != (n,):
        raise HoldfastError(
            f"test must be a share in (0, 1), or one boolean per example: expected shape ({n},), got {mask.shape}"
        )
    values = set(mask.tolist())
    if not values <= {True, False}:  # 0 and 1 are equal to them
        strange = next(v for v in mask.tolist() if v not in (True, False))
        raise HoldfastError(
            f"test must mark test examples by True and others by False, got {strange!r}"
        )
    return mask.astype(bool)


def from_frame(
    frame: "pd.DataFrame",
    scenario: str,
    *,
    task: str,
    label: str,
    inputs: Sequence[str] | None = None,
    test: float | str = 0.2,
    validation: float = 0.0,
    groups: str | None = None,
    numbering: str = "label",
    seed: int = 0,
) -> Stream:
    """Tasks from a DataFrame.

    Args:
        frame: One row per example; a frame of another package, such as Polars, is converted to pandas.
        scenario: task, domain or class.
        task: The column of the task.
        label: The column of the label.
        inputs: The numeric input columns. None: all that have no other use. If all of them are integers the
            inputs are integers, else floats.
        test: A share in (0, 1), or a boolean column that marks test rows.
        validation: As in `from_arrays`.
        groups: The column that relates rows, such as a user. None: rows are unrelated.
        numbering: As in `from_arrays`.
        seed: Seed of the cuts.

    Raises:
        HoldfastError: A column does not exist, is missing values, or is of the wrong kind; the message names
            column and row.

    Example:
        >>> import pandas as pd
        >>> rows = {"month": [1] * 4 + [2] * 4, "usage": range(8), "churn": ["no", "yes"] * 4}
        >>> from_frame(pd.DataFrame(rows), "domain", task="month", label="churn", test=0.5).labels
        ('no', 'yes')
    """
    frame = _pandas(frame)
    special = {"task": task, "label": label}
    if isinstance(test, str):
        special["test"] = test
    if groups is not None:
        special["groups"] = groups
    for column in [*special.values(), *(inputs or [])]:
        if column not in frame.columns:
            raise unknown("column", column, map(str, frame.columns))
    for column in special.values():
        if frame[column].isna().to_numpy().any():
            row = int(frame[column].isna().to_numpy().argmax())
            raise HoldfastError(f"column {column!r} has missing values (first in row {row})")
    used = list(inputs) if inputs else [c for c in frame.columns if c not in special.values()]
    overlap = [c for c in used if c in special.values()]
    if overlap:
        raise HoldfastError(
            f"column {overlap[0]!r} can't be an input and {next(k for k, v in special.items() if v == overlap[0])} at once"
        )
    return from_arrays(
        frame_inputs(frame, used),
        label_array(frame[label].to_numpy(), f"column {label!r}"),
        frame[task].to_numpy(),
        scenario,
        test=_marked(frame[test].to_numpy(), len(frame)) if isinstance(test, str) else test,
        validation=validation,
        groups=None if groups is None else frame[groups].to_numpy(),
        numbering=numbering,
        seed=seed,
        name="frame",
    )


def _pandas(frame: Any) -> "pd.DataFrame":
    """The frame as one of pandas."""
    if hasattr(frame, "isna") and hasattr(frame, "columns"):
        return frame  # type: ignore[no-any-return]
    if hasattr(frame, "to_pandas"):
        return frame.to_pandas()  # type: ignore[no-any-return]
    raise HoldfastError(
        f"expected a DataFrame, got {type(frame).__name__}; pass arrays to from_arrays instead"
    )
