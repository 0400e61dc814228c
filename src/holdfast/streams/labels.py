"""Labels: which values may be one, and how the labels that users bring become one clean array."""

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.streams.types import Label, Values

MANY_LABELS = 20  # distinct labels from which on labels that occur only once are suspicious
INEXACT_FROM = 2**53  # from here on, float64 rounds neighbouring whole numbers to the same value


def label_array(y: Values, where: str = "labels") -> np.ndarray:
    """Check the labels that a user brings and return them as one array.

    Args:
        y: One label per example: a list, an array, a tensor or a Series. Labels are integers,
            booleans, text, or floats that are whole numbers. A column (N, 1) is read as (N,).
        where: What messages call the labels, such as "column 'fraud'".

    Returns:
        The labels, (N,): int64 for whole numbers, or object for text and for whole numbers that
        int64 can't hold.

    Raises:
        HoldfastError: A label is missing, is not a whole number, is a row of several values, or
            text and numbers are mixed. The message names the first such example.

    Example:
        >>> label_array([1.0, 3.0]).tolist(), label_array(["b", "a"]).tolist()
        ([1, 3], ['b', 'a'])
    """
    array = _one_column(y, where)
    kind = array.dtype.kind
    if kind == "f":
        return _whole_floats(array.astype(np.float64), where)
    if kind in "iub":
        return _integers(array)
    if kind in "USO":
        return _text_or_numbers(array, where)
    raise HoldfastError(
        f"{where}: expected whole numbers, booleans or text, got values of dtype {array.dtype}; "
        "convert them to one of these first"
    )


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    if value is None:
        return True
    # NaN and NaT differ from themselves. NA can't say whether it does, and raises instead.
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True


def distinct(labels: np.ndarray) -> list[Label]:
    """The distinct labels in order: numbers by value, text alphabetically, numbers before text."""
    return sorted(set(labels.tolist()), key=lambda label: (isinstance(label, str), label))


def warn_if_measured(labels: np.ndarray, name: str) -> None:
    """Warn if most labels occur only once, as measurements and identifiers do."""
    counts = Counter(labels.tolist())
    single = sum(count == 1 for count in counts.values())
    if len(counts) < MANY_LABELS or 2 * single <= len(counts):
        return
    warnings.warn(
        f"{name}: {single} of {len(counts)} labels occur only once; if they are a measurement, "
        "set objective to regression. If they are identifiers, choose another column",
        stacklevel=3,
    )


def _one_column(y: Values, where: str) -> np.ndarray:
    """The labels as an array of one dimension."""
    array = _as_array(y, where)
    # A column of a table, (N, 1), still has one label per example.
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise HoldfastError(
            f"{where}: expected one label per example, shape (N,), got shape {array.shape}; if the "
            "rows are one-hot, pass y.argmax(1). If an example may have several labels, pass "
            "objective='multilabel'"
        )
    return array


def _as_array(y: Values, where: str) -> np.ndarray:
    """The labels as an array, with a dtype that says what kind of values they are."""
    if isinstance(y, Tensor):
        tensor = y.detach().cpu()
        # NumPy has no bfloat16, so floats of every width become float64.
        return tensor.double().numpy() if tensor.is_floating_point() else tensor.numpy()
    try:
        array = np.asarray(y)
    except ValueError:  # NumPy refuses rows of several lengths
        raise HoldfastError(
            f"{where}: expected one label per example, got rows of different lengths; pass a "
            "single value for each example"
        ) from None
    if array.dtype.kind in "US" and isinstance(y, list | tuple):
        # NumPy turned any number or NaN among the text into text, so read the list again.
        return np.array(y, dtype=object)
    return array


def _whole_floats(array: np.ndarray, where: str) -> np.ndarray:
    """Whole numbers that came as floats, as integers."""
    missing = np.isnan(array)
    if missing.any():
        raise _missing_label(int(missing.argmax()), where)
    # Whole numbers often come as floats from files, but 0.5 or infinity names no class.
    broken = (array != np.rint(array)) | ~np.isfinite(array)
    if broken.any():
        first = int(broken.argmax())
        raise HoldfastError(
            f"{where}: expected labels that name classes, got the number {array[first]:g} (example "
            f"{first}); if the target is a measurement, pass objective='regression' (--objective "
            "regression). If the numbers name classes, pass them as text"
        )
    inexact = np.abs(array) >= INEXACT_FROM
    if inexact.any():
        first = int(inexact.argmax())
        raise HoldfastError(
            f"{where}: the label {array[first]:g} (example {first}) is too large for a float, "
            "which can't tell it from its neighbours; pass such labels as integers or text"
        )
    return array.astype(np.int64)


def _integers(array: np.ndarray) -> np.ndarray:
    """Integers and booleans as int64, or as Python integers if int64 can't hold them."""
    if array.dtype.kind == "u" and array.max(initial=0) > np.iinfo(np.int64).max:
        return array.astype(object)
    return array.astype(np.int64)


def _text_or_numbers(array: np.ndarray, where: str) -> np.ndarray:
    """The labels of a column of text, of numbers, or of both, which is refused."""
    values = [_label_value(value, row, where) for row, value in enumerate(array.tolist())]
    texts = [value for value in values if isinstance(value, str | bytes)]
    numbers = [value for value in values if not isinstance(value, str | bytes)]
    if texts and numbers:
        raise HoldfastError(
            f"{where} mix text and numbers: example {values.index(texts[0])} is {texts[0]!r}, "
            f"example {values.index(numbers[0])} is {numbers[0]!r}; convert all of them to one "
            "kind, because otherwise one class could count as two"
        )
    if numbers:
        return _number_array(numbers, where)
    out = np.empty(len(texts), dtype=object)
    out[:] = [_as_text(text) for text in texts]
    return out


def _as_text(text: str | bytes) -> str:
    """Text as Python's own type."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    return str(text)


def _label_value(value: object, example: int, where: str) -> str | bytes | int | float:
    """One label as a value of Python, after checking that it can be a label."""
    if type(value) is str:  # most columns of objects are text, and long
        return value
    if isinstance(value, np.generic | Tensor):
        value = value.item()
    if is_missing(value):
        raise _missing_label(example, where)
    if not isinstance(value, str | bytes | int | float):
        raise HoldfastError(
            f"{where}: expected whole numbers, booleans or text, got {type(value).__name__} "
            f"(example {example}: {str(value)[:50]!r}); convert the labels first"
        )
    return value


def _number_array(values: Sequence[int | float], where: str) -> np.ndarray:
    """Whole numbers as int64, or as Python integers if int64 can't hold one of them."""
    if any(isinstance(value, float) for value in values):
        return _whole_floats(np.array(values, dtype=np.float64), where)
    limits = np.iinfo(np.int64)
    if limits.min <= min(values) and max(values) <= limits.max:
        return _integers(np.array(values))
    return np.array(values, dtype=object)


def _missing_label(example: int, where: str) -> HoldfastError:
    """The error about an example that has no label."""
    return HoldfastError(
        f"{where}: the label of example {example} is missing; give every example a label, or leave "
        "out the examples that have none"
    )
