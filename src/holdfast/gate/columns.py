"""Columns of any kind (text, numbers, categories, decimals, bytes, mixed) as text or numbers.

The same id is the same text, whatever its type: 1, 1.0, Decimal("1.00"), b"1" and "1" all become
"1". (The text "1.0" stays; sides that differ in this form are matched when they are compared.)
"""

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
    import pyarrow as pa

LONGEST = 60  # characters of a value that a message shows
WORDS = {"true": 1.0, "false": 0.0}
# NUL and code points that are no characters: XML, terminals and databases refuse them
_NO_CHARACTERS = r"[\x00\x{FFFE}\x{FFFF}]"


def is_empty(column: Column) -> bool:
    """Whether a column has no value in any row, neither text nor number."""
    import pyarrow.compute as pc

    if isinstance(column, np.ndarray):
        return all(_missing(v) or (isinstance(v, str) and not v) for v in column)
    if pc.all(column.is_null(nan_is_null=True)).as_py() is not False:
        return True
    plain = _decoded(column)
    return _is_text(plain.type) and bool(pc.all(pc.equal(plain, "")).as_py())


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
    import pyarrow as pa
    import pyarrow.compute as pc

    single = _mixed_text if isinstance(column, np.ndarray) else _arrow_text
    found = single(column, where, name)
    if empty:
        found = pc.fill_null(found, "")
    else:
        blank = pc.equal(pc.utf8_trim_whitespace(found), "").fill_null(True)
        if pc.any(blank).as_py():
            row = pc.index(blank, True).as_py()
            what = "is missing" if found[row].as_py() is None else "is empty"
            raise HoldfastError(f"{where}: {name} {what} in row {row + 1}")
    strange = pc.match_substring_regex(found, _NO_CHARACTERS)
    if pc.any(strange).as_py():
        row = pc.index(strange, True).as_py()
        what = f"{name} in row {row + 1} holds a code point that is no character"
        raise HoldfastError(f"{where}: {what}: {short(found[row].as_py())}; take it out")
    return found.cast(pa.large_string()).to_pandas()


def _arrow_text(column: "pa.ChunkedArray", where: str, name: str) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = _decoded(column)
    kind = plain.type
    if _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return plain.cast(pa.large_string())
    if pa.types.is_boolean(kind):
        words = [pa.scalar(word, pa.large_string()) for word in ("True", "False")]
        return pc.if_else(plain, *words)
    if pa.types.is_decimal(kind):
        digits = plain.cast(pa.large_string())
        for ending in (r"(\.[0-9]*?)0+$", r"()\.$"):
            digits = pc.replace_substring_regex(digits, ending, r"\1")
        return digits
    if pa.types.is_floating(kind):
        wide = plain.cast(pa.float64())
        wide = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
        values = wide.to_numpy()
        values = values[~np.isnan(values)]
        if bool((np.abs(values) < 2**63).all()) and bool((values == np.floor(values)).all()):
            return wide.cast(pa.int64()).cast(pa.large_string())
    return _mixed_text(_objects(plain), where, name)


def _mixed_text(values: np.ndarray, where: str, name: str) -> "pa.ChunkedArray":
    """The text of Python values of any types."""
    import pyarrow as pa

    found: list[str | None] = []
    for row, value in enumerate(values):
        try:
            found.append(None if _missing(value) else _as_text(value))
        except (TypeError, ValueError, OverflowError) as error:
            encoding = isinstance(error, UnicodeError)
            reason = "no text in UTF-8" if encoding else "neither text nor a number"
            what = f"{where}: {name} in row {row + 1} is {reason}"
            raise HoldfastError(f"{what}: {short(value)} (a {type(value).__name__})") from None
    return pa.chunked_array([pa.array(found, pa.large_string())])


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
    import pyarrow as pa

    absent = np.zeros(len(column), dtype=bool)
    if isinstance(column, np.ndarray):
        values, absent = _mixed_numbers(column)
    else:
        plain = _decoded(column)
        kind = plain.type
        if _is_text(kind):
            values, absent = _parsed(plain)
        elif pa.types.is_null(kind) or pa.types.is_boolean(kind):
            values = plain.cast(pa.int8()).cast(pa.float64()).to_numpy()
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            values = plain.cast(pa.float64(), safe=False).to_numpy()
        else:
            values, absent = _mixed_numbers(_objects(plain))
        absent = absent | plain.is_null(nan_is_null=empty).to_numpy()
    bad = ~np.isfinite(values) & ~(absent if empty else False)
    if bool(bad.any()):
        row = int(bad.argmax())
        value = column[row] if isinstance(column, np.ndarray) else column[row].as_py()
        got = "nothing" if value is None or value == "" else short(value)
        if isinstance(value, float | np.floating) and np.isnan(value):
            got = "NaN"
        raise HoldfastError(f"{where}: {name} must be a number, got {got} in row {row + 1}")
    return np.array(values, dtype=float)


def _parsed(column: "pa.ChunkedArray") -> tuple[np.ndarray, np.ndarray]:
    """Text as numbers (true and false as well), NaN if it is none; and whether it is empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.utf8_trim_whitespace(column)
    empty = pc.equal(plain, "").fill_null(True)
    filled = pc.if_else(empty, pa.scalar(None, plain.type), plain)
    try:
        values = filled.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        texts = filled.to_pylist()
        values = np.array([_number(text) for text in texts])
    return values, empty.to_numpy()


def _mixed_numbers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Python values of any types as numbers, NaN if they are none, and whether they are missing."""
    absent = np.array([_missing(v) or (isinstance(v, str) and not v.strip()) for v in values])
    numbers = [np.nan if gone else _number(v) for v, gone in zip(values, absent, strict=True)]
    return np.array(numbers, dtype=float), absent


def _number(value: Any) -> float:
    try:
        if isinstance(value, bool | np.bool_ | Real | Decimal):
            return float(value)
        if isinstance(value, str):
            text = value.strip()
            return WORDS.get(text.lower(), np.nan) if text.isalpha() or "_" in text else float(text)
    except (ValueError, OverflowError):
        pass
    return np.nan


# ---- Arrow


def _decoded(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """A column without the encodings of its values: dictionaries, runs, views, bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        values = [(_decoded(pa.chunked_array([c.dictionary])), c.indices) for c in column.chunks]
        parts = [part for value, indices in values for part in value.take(indices).chunks]
        return pa.chunked_array(parts, parts[0].type) if parts else column.cast(pa.large_string())
    if pa.types.is_run_end_encoded(kind):
        parts = [pc.run_end_decode(c) for c in column.chunks]
        return _decoded(pa.chunked_array(parts, kind.value_type))
    if pa.types.is_string_view(kind) or _is_bytes(kind):
        try:
            return column.cast(pa.large_string())
        except pa.ArrowInvalid:  # bytes that are no text; whoever reads them names the row
            return column
    return column


def _is_bytes(kind: "pa.DataType") -> bool:
    import pyarrow.types as pt

    return bool(pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_binary_view(kind))


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _objects(column: "pa.ChunkedArray") -> np.ndarray:
    out = np.empty(len(column), dtype=object)
    out[:] = column.to_pylist()
    return out


def _missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    import pandas as pd

    if value is None or isinstance(value, str | bytes):
        return value is None
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
