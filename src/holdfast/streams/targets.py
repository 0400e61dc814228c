"""Targets that are rows of numbers: several labels at once, and measurements.

A stream of such targets has one output per column. An entry is NaN where nothing is known, for
example about a label of the first month that nobody looked for in the second.
"""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.streams.labels import distinct
from holdfast.streams.types import Values

MULTILABEL = "multilabel"


@dataclass(frozen=True)
class Targets:
    """Targets of examples, one column per output.

    Args:
        values: (N, K) in float32, NaN where nothing is known.
        names: The name of each column.
        listed: Whether each example came as a list of its labels. A label that is on no list of a
            task is then not known there, unless all tasks share their outputs.
    """

    values: np.ndarray
    names: tuple[str, ...]
    listed: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def known_in(self, rows: np.ndarray) -> list[int]:
        """The columns of which something is known in some rows, given as a mask (N,)."""
        part = self.values[rows]
        # Lists hold no NaN, and a label that is on none of them was perhaps never looked for.
        if self.listed:
            return np.flatnonzero((part > 0).any(0)).tolist()
        return np.flatnonzero(~np.isnan(part).all(0)).tolist()


def read_targets(
    y: Values, objective: str, where: str = "targets", names: Sequence[str] | None = None
) -> Targets:
    """Check the targets that a user brings.

    Args:
        y: (N,) or (N, K) numbers, an array, a tensor, a list or a DataFrame. For several labels 0,
            1 and NaN, or one collection of label names per example.
        objective: "multilabel", "regression" or "custom".
        where: What messages call them.
        names: The name of each column. None: those of the frame, or numbers.

    Returns:
        The targets.

    Raises:
        HoldfastError: They have another shape or other values. The message names the first example.

    Example:
        >>> targets = read_targets([["cat", "dog"], ["dog"]], "multilabel")
        >>> targets.names, targets.values.tolist()
        (('cat', 'dog'), [[1.0, 1.0], [0.0, 1.0]])
    """
    if objective == MULTILABEL and is_listed(y):
        return _of_lists(y, where)
    # Read before the frame becomes an array, which has no names.
    columns = getattr(y, "columns", None)
    values = _numbers(y, where)
    if names is None:
        names = [str(number) for number in range(values.shape[1])]
        if columns is not None:
            names = [str(column) for column in columns]
    if len(names) != values.shape[1]:
        raise HoldfastError(
            f"{where}: there are {values.shape[1]} columns, but {len(names)} names for them"
        )
    _refuse_values(values, objective, where, names)
    return Targets(values.astype(np.float32), tuple(names))


def is_listed(y: object) -> TypeGuard[Sequence[Collection[str]]]:
    """Whether targets are one collection of label names per example."""
    if hasattr(y, "to_list"):  # a column of a table
        y = y.to_list()
    if not isinstance(y, list | tuple) or not y:
        return False
    # An example without any label is an empty list, which does not show what lists hold.
    filled = [example for example in y if _is_collection(example) and len(example)]
    texts = all(isinstance(label, str) for example in filled for label in example)
    return bool(filled) and texts and all(_is_collection(example) for example in y)


def _is_collection(value: object) -> TypeGuard[Collection[object]]:
    """Whether a value is a list, a tuple or a set."""
    return isinstance(value, list | tuple | Set)


def _of_lists(y: Sequence[Collection[str]], where: str) -> Targets:
    """One column per label that occurs."""
    if hasattr(y, "to_list"):
        y = y.to_list()
    # NumPy would turn a list of texts into its own type of text.
    every = np.empty(sum(map(len, y)), dtype=object)
    every[:] = [label for example in y for label in example]
    names = distinct(every)
    column_of = {name: column for column, name in enumerate(names)}
    values = np.zeros((len(y), len(names)), dtype=np.float32)
    for row, example in enumerate(y):
        for label in example:
            values[row, column_of[label]] = 1.0
    return Targets(values, tuple(map(str, names)), listed=True)


def _numbers(y: Values, where: str) -> np.ndarray:
    """Targets as float64 columns."""
    array = y.detach().cpu().double().numpy() if isinstance(y, Tensor) else np.asarray(y)
    # A single None makes objects of all numbers.
    if array.dtype == object or array.dtype.kind in "US":
        array = _from_objects(array, where)
    if array.dtype.kind not in "fiub":
        raise HoldfastError(
            f"{where}: expected numbers, got values of dtype {array.dtype}; convert them first"
        )
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise HoldfastError(
            f"{where}: expected one number per example, shape (N,), or one per example and output, "
            f"shape (N, K), got shape {array.shape}"
        )
    return array.astype(np.float64)


def _from_objects(array: np.ndarray, where: str) -> np.ndarray:
    """Numbers that came as objects, with None where nothing is known."""
    flat = []
    for place, value in enumerate(array.ravel().tolist()):
        if value is None:
            flat.append(np.nan)
            continue
        try:
            flat.append(float(value))
        except (TypeError, ValueError):
            # The array is flat here, so several places belong to one example.
            row = place // max(1, array.size // len(array))
            raise HoldfastError(
                f"{where}: expected numbers, got {str(value)[:50]!r} in example {row}; if examples "
                "have one label each, leave out objective="
            ) from None
    return np.array(flat).reshape(array.shape)


def _refuse_values(values: np.ndarray, objective: str, where: str, names: Sequence[str]) -> None:
    """Refuse values that no target can have, and examples or outputs without any."""
    if objective == MULTILABEL:
        broken = ~(np.isnan(values) | (values == 0) | (values == 1))
        expected = "1 where a label is there, 0 where it is not, NaN where nothing is known"
    else:
        broken = np.isinf(values)
        expected = "finite numbers, or NaN where nothing is known"
    if broken.any():
        row, column = map(int, np.argwhere(broken)[0])
        raise HoldfastError(
            f"{where}: expected {expected}, got {values[row, column]:g} in example {row} for "
            f"{names[column]}"
        )
    # float32 rounds what lies beyond its range to infinity.
    if np.isinf(values.astype(np.float32)).any():
        raise HoldfastError(f"{where}: some numbers are too large; give them in a larger unit")
    # An example of which nothing is known can be neither learnt nor scored.
    unknown = np.isnan(values).all(1)
    if unknown.any():
        raise HoldfastError(
            f"{where}: nothing is known of example {int(unknown.argmax())}; leave out such examples"
        )


def as_tensor(values: np.ndarray, columns: Sequence[int | None]) -> Tensor:
    """Arrange the columns of targets as outputs.

    Args:
        values: (N, K).
        columns: The column of each output, or None for outputs of other tasks.

    Returns:
        (N, number of outputs), NaN at outputs of other tasks.
    """
    out = np.full((len(values), len(columns)), np.nan, dtype=np.float32)
    for output, column in enumerate(columns):
        if column is not None:
            out[:, output] = values[:, column]
    return torch.from_numpy(out)
