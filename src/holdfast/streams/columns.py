"""Columns beside inputs and labels: tasks, groups, and the mask that marks test examples."""

import numpy as np
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.streams.labels import is_missing
from holdfast.streams.types import Values


def column_of(values: Values, what: str) -> np.ndarray:
    """Read a column whose values only tell examples apart, such as tasks or groups.

    Args:
        values: One value per example, of any kind. A column (N, 1) is read as (N,).
        what: What messages call the column.

    Returns:
        The values, (N,), as integers, or as text if they were anything else.

    Raises:
        HoldfastError: There are several values per example, or a value is missing.

    Example:
        >>> column_of([3.0, 1.5], "tasks").tolist()
        ['3.0', '1.5']
    """
    array = _as_array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise HoldfastError(
            f"{what}: expected one value per example, shape (N,), got shape {array.shape}"
        )
    _refuse_missing(array, what)
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    # Any other value (a date, a float, an object) is compared by its text.
    text = np.empty(len(array), dtype=object)
    text[:] = [str(value) for value in array]
    return text


def check_groups(groups: np.ndarray, examples: int) -> None:
    """Refuse a column of groups that hasn't one value per example."""
    if len(groups) != examples:
        raise HoldfastError(
            f"groups: expected one group per example, got {examples} examples and {len(groups)} "
            "groups"
        )


def marked_test_rows(test: Values, examples: int) -> np.ndarray:
    """Read the mask that marks the test examples by True.

    Args:
        test: One boolean per example; 0 and 1 are read as False and True.
        examples: The number of examples, N.

    Returns:
        A boolean mask, (N,).

    Raises:
        HoldfastError: The mask has another shape, or other values.
    """
    mask = _as_array(test)
    if mask.shape != (examples,):
        raise HoldfastError(
            "test must be a share in (0, 1), or one boolean per example: expected shape "
            f"({examples},), got {mask.shape}"
        )
    for value in dict.fromkeys(mask.tolist()):
        if value not in (True, False):  # the numbers 0 and 1 are equal to them
            raise HoldfastError(
                f"test must mark test examples by True and all others by False, got {value!r}"
            )
    return mask.astype(bool)


def _as_array(values: Values) -> np.ndarray:
    """The values as a NumPy array, also if they are a tensor on a device."""
    if isinstance(values, Tensor):
        return np.asarray(values.detach().cpu())
    return np.asarray(values)


def _refuse_missing(array: np.ndarray, what: str) -> None:
    """Refuse None, NaN, NaT and NA, which say nothing about the task or the group of an example."""
    if array.dtype.kind not in "OfM":  # no other kind of array can hold a missing value
        return
    for example, value in enumerate(array):
        if is_missing(value):
            raise HoldfastError(
                f"{what}: the value of example {example} is missing; give every example one, or "
                "leave out the examples that have none"
            )
