"""Columns of any kind (text, numbers, categories, decimals, bytes, mixed) as text or numbers.

The same id is the same text, whatever its type: 1, 1.0, Decimal("1.00"), b"1" and "1" all become
"1". (The text "1.0" stays; sides that differ in this form are matched when they are compared.)
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.frames import Column
from holdfast.text import shown

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 60  # characters of a value that a message shows
WORDS = {"true": 1.0, "false": 0.0}
# NUL and code points that are no characters: XML, terminals and databases refuse them
_NO_CHARACTERS = re.compile("[\\0\\ufffe\\uffff]")


def is_empty(column: Column) -> bool:
    """Whether a column has no value in any row, neither text nor number."""
    return all((isinstance(v, str) and not v) or _missing(v) for v in column.tolist())


# ---- text


def text(column: Column, where: str, name: str, empty: bool = False) -> "pd.Series[str]":
    """A column as text.

    Args:
        column: A column of a table, see `holdfast.gate.frames`.
        where: The file or argument, for messages.
        name: The column's name, for messages.
        empty: Whether values may be missing; they are then empty text.

    Returns:
        The text of each row. Whole numbers have no decimal point.

    Raises:
        HoldfastError: A value is missing, is neither text nor a number, or holds code points that
            are no characters.
    """
    import pandas as pd

    words = _words(column, where, name)
    gap = None if empty else next((k for k, w in enumerate(words) if not (w and w.strip())), None)
    if gap is not None:
        what = "is missing" if words[gap] is None else "is empty"
        raise HoldfastError(f"{where}: {name} {what} in row {gap + 1}")
    full = [word or "" for word in words]
    if _NO_CHARACTERS.search("".join(full)):
        row = next(k for k, word in enumerate(full) if _NO_CHARACTERS.search(word))
        what = f"{name} in row {row + 1} holds a code point that is no character"
        raise HoldfastError(f"{where}: {what}: {short(full[row])}; take it out")
    return pd.Series(full, dtype="str")


def _words(column: Column, where: str, name: str) -> list[str | None]:
    """The text of each value; None if there is no value."""
    values = column.tolist()
    if _is_plain_text(values):
        return values
    found: list[str | None] = []
    for row, value in enumerate(values):
        try:
            found.append(None if _missing(value) else _as_text(value))
        except (TypeError, ValueError, OverflowError) as error:
            encoding = isinstance(error, UnicodeError)
            reason = "no text in UTF-8" if encoding else "neither text nor a number"
            what = f"{where}: {name} in row {row + 1} is {reason}"
            raise HoldfastError(f"{what}: {short(value)} (a {type(value).__name__})") from None
    return found


def _is_plain_text(values: list[Any]) -> bool:
    """Whether all values are text that UTF-8 can hold."""
    if set(map(type, values)) != {str}:
        return False
    try:
        "".join(values).encode()
    except UnicodeError:
        return False
    return True


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate is no text
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return str(int(value)) if whole else format(value.normalize(), "f")
    if isinstance(value, Real):
        number = float(value)  # infinity is an OverflowError below
        return str(int(number)) if number.is_integer() or np.isinf(number) else repr(number)
    if isinstance(value, Iterable) or not hasattr(type(value), "__str__"):
        raise TypeError
    if isinstance(value, complex) or type(value).__str__ is object.__str__:
        raise TypeError
    return str(value)


# ---- numbers


def numbers(column: Column, where: str, name: str, empty: bool = False) -> np.ndarray:
    """A column as finite numbers.

    Args:
        column: A column of a table, see `holdfast.gate.frames`.
        where: The file or argument, for messages.
        name: The column's name, for messages.
        empty: Whether values may be missing; they are then NaN.

    Returns:
        The number of each row, shape (N,).

    Raises:
        HoldfastError: A value is missing, or is no finite number.
    """
    if column.dtype == object:
        values, absent = _parsed(column.tolist())
    else:
        values = column.astype(float)
        absent = np.isnan(values)
    bad = ~np.isfinite(values) & ~(absent if empty else False)
    if bool(bad.any()):
        row = int(bad.argmax())
        value = column[row]
        got = short(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            got = "nothing"
        elif isinstance(value, float | np.floating) and np.isnan(value):
            got = "NaN"
        raise HoldfastError(f"{where}: {name} must be a number, got {got} in row {row + 1}")
    return values


def _parsed(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Values as numbers (true and false as well), NaN if they are none; and whether they are missing."""
    if _is_plain_text(values) and "_" not in "".join(values):  # float takes 1_000 for a number
        try:
            return np.array(values, dtype=object).astype(float), np.zeros(len(values), dtype=bool)
        except ValueError:
            pass  # words, or nothing, among the numbers
    values = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values]
    gaps = [v.isspace() or not v if isinstance(v, str) else _missing(v) for v in values]
    filled = [np.nan if gap else v for v, gap in zip(values, gaps, strict=True)]
    return np.array(list(map(_number, filled)), dtype=float), np.array(gaps, dtype=bool)


def _number(value: Any) -> float:
    try:
        if isinstance(value, float):
            return value
        if isinstance(value, bool | np.bool_ | Real | Decimal):
            return float(value)
        if isinstance(value, str):
            text = value.strip()
            return WORDS.get(text.lower(), np.nan) if text.isalpha() or "_" in text else float(text)
    except (ValueError, OverflowError):
        pass
    return np.nan


def _missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    import pandas as pd

    if value is None or isinstance(value, str | bytes | int):
        return value is None
    if isinstance(value, float):
        return value != value
    return bool(np.ndim(value) == 0 and pd.isna(value))


def short(value: Any) -> str:
    """A value as a message shows it.

    >>> short("x" * 100)[-4:], short(3.0)
    ("xx…'", '3.0')
    """
    if isinstance(value, np.generic):
        value = value.item()
    try:
        if isinstance(value, str):
            return repr(value[:LONGEST] + "…" * (len(value) > LONGEST))
        found = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return f"a {type(value).__name__}"
    return shown(found[:LONGEST] + "…" * (len(found) > LONGEST))
