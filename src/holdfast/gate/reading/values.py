"""The values of a column of any kind (text, numbers, categories, decimals, bytes, mixed).

The same id is the same text, whatever its type: 1, 1.0, Decimal("1.00"), b"1" and "1" all become
"1". (The text "1.0" stays. Sides that differ in this form are matched when they are compared.)
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.text import shown

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 60  # characters of a value that a message shows
WORDS = {"true": 1.0, "false": 0.0}

# NUL and the code points that Unicode reserves: XML, terminals and databases refuse them.
_NO_CHARACTERS = re.compile("[\\0\\ufffe\\uffff]")


def is_empty(column: np.ndarray) -> bool:
    """Whether a column has no value in any row, neither text nor number."""
    return all(_is_gap(value) for value in column.tolist())


def _is_gap(value: object) -> bool:
    """Whether a value is empty text or missing."""
    if isinstance(value, str):
        return not value
    return _is_missing(value)


# ---- text


def text(column: np.ndarray, where: str, name: str, empty: bool = False) -> "pd.Series[str]":
    """Read a column as text.

    Args:
        column: The values, shape (N,).
        where: The file or argument, for messages.
        name: The column's name, for messages.
        empty: Whether values may be missing. They are then empty text.

    Returns:
        The text of each row. Whole numbers have no decimal point.

    Raises:
        HoldfastError: A value is missing, is neither text nor a number, or holds code points that
            are not characters.
    """
    import pandas as pd

    words = _words(column, where, name)
    if not empty:
        _refuse_gaps(words, where, name)
    texts = [word or "" for word in words]
    # One search through the whole column is much faster than one per row.
    if _NO_CHARACTERS.search("".join(texts)):
        row = next(row for row, word in enumerate(texts) if _NO_CHARACTERS.search(word))
        raise HoldfastError(
            f"{where}: {name} in row {row + 1} holds a code point that is not a character: "
            f"{short(texts[row])}; remove it"
        )
    return pd.Series(texts, dtype="str")


def _refuse_gaps(words: Sequence[str | None], where: str, name: str) -> None:
    """Stop at a value that is missing or blank."""
    for row, word in enumerate(words):
        if word is None:
            raise HoldfastError(f"{where}: {name} is missing in row {row + 1}")
        if not word.strip():
            raise HoldfastError(f"{where}: {name} is empty in row {row + 1}")


def _words(column: np.ndarray, where: str, name: str) -> list[str | None]:
    """Return the text of each value, or None if there is no value."""
    values: list[object] = column.tolist()
    if _is_plain_text(values):
        plain: list[str | None] = column.tolist()
        return plain
    words: list[str | None] = []
    for row, value in enumerate(values):
        try:
            word = None
            if not _is_missing(value):
                word = _as_text(value)
            words.append(word)
        except (TypeError, ValueError, OverflowError) as error:
            problem = "neither text nor a number"
            if isinstance(error, UnicodeError):
                problem = "not valid UTF-8"
            raise HoldfastError(
                f"{where}: {name} in row {row + 1} is {problem}: {short(value)} "
                f"(a {type(value).__name__})"
            ) from None
    return words


def _is_plain_text(values: Sequence[object]) -> bool:
    """Whether all values are text that UTF-8 can hold, so that none needs a closer look."""
    if set(map(type, values)) != {str}:
        return False
    try:
        "".join(map(str, values)).encode()
    except UnicodeError:
        return False
    return True


def _as_text(value: object) -> str:
    """Return the text of a value that is not missing.

    Raises:
        TypeError: The value has no text of its own, such as a list.
        ValueError: Its bytes are not UTF-8, or its digits are too many.
        OverflowError: The number is infinite.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, str):
        value.encode("utf-8")  # fails for a lone surrogate, which is half a character
        return value
    # True is also a whole number in Python, and its text would be 1.
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Decimal):
        return _decimal_text(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return _float_text(float(value))

    # Dates and the like have a text of their own. Containers and plain objects have none that
    # would name an example.
    own_text: object = type(value).__str__
    if own_text is object.__str__ or isinstance(value, Iterable | complex):
        raise TypeError
    return str(value)


def _decimal_text(number: Decimal) -> str:
    """Write a decimal number without trailing zeros."""
    if number == number.to_integral_value():
        return str(int(number))
    # Without this format, a small number would be written with an exponent.
    return format(number.normalize(), "f")


def _float_text(number: float) -> str:
    """Write a number without a decimal point if it is whole. Infinity is an OverflowError."""
    if number.is_integer() or np.isinf(number):
        return str(int(number))
    return repr(number)


# ---- numbers


def numbers(column: np.ndarray, where: str, name: str, empty: bool = False) -> np.ndarray:
    """Read a column as finite numbers.

    Args:
        column: The values, shape (N,).
        where: The file or argument, for messages.
        name: The column's name, for messages.
        empty: Whether values may be missing. They are then NaN.

    Returns:
        The number of each row, shape (N,).

    Raises:
        HoldfastError: A value is missing, or is not a finite number.
    """
    if column.dtype == object:
        values, missing = _parsed(column.tolist())
    else:
        values = column.astype(float)
        missing = np.isnan(values)
    wrong = ~np.isfinite(values)
    if empty:
        wrong &= ~missing
    if bool(wrong.any()):
        row = int(wrong.argmax())
        raise HoldfastError(
            f"{where}: {name} must be a number, got {_shown_number(column[row])} in row {row + 1}"
        )
    return values


def _shown_number(value: object) -> str:
    """Show a value that is not a number."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return "nothing"
    if isinstance(value, float | np.floating) and np.isnan(value):
        return "NaN"
    return short(value)


def _parsed(values: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """Return values as numbers (NaN if they are none), and whether they are missing."""
    # Text can be parsed at once, unless it holds 1_000, which Python takes for a number.
    if _is_plain_text(values) and "_" not in "".join(map(str, values)):
        try:
            return np.array(values, dtype=object).astype(float), np.zeros(len(values), dtype=bool)
        except ValueError:
            pass  # there are words or gaps among the numbers, so each value is looked at

    parsed: list[float] = []
    missing: list[bool] = []
    for value in values:
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            is_missing = not value or value.isspace()
        else:
            is_missing = _is_missing(value)
        missing.append(is_missing)
        number = np.nan
        if not is_missing:
            number = _number(value)
        parsed.append(number)
    return np.array(parsed, dtype=float), np.array(missing, dtype=bool)


def _number(value: object) -> float:
    """Return a value as a number, also if it is true or false, and NaN if it is not a number."""
    try:
        if isinstance(value, float):
            return value
        if isinstance(value, bool | np.bool_ | Real | Decimal):
            return float(value)
        if isinstance(value, str):
            stripped = value.strip()
            # Letters alone (true, but also "inf" and "nan") and 1_000 are no numbers for float.
            if stripped.isalpha() or "_" in stripped:
                return WORDS.get(stripped.lower(), np.nan)
            return float(stripped)
    except (ValueError, OverflowError):
        pass  # the caller refuses NaN, and shows the value
    return np.nan


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    import pandas as pd

    if value is None:
        return True
    # The usual kinds come first, because pandas takes far longer to answer.
    if isinstance(value, str | bytes | int):
        return False
    if isinstance(value, float):
        return value != value
    # A list or an array is a value, though not one that is allowed.
    return bool(np.ndim(value) == 0 and pd.isna(value))


def short(value: object) -> str:
    """Show a value in a message, shortened if it is long.

    >>> short("x" * 100)[-4:], short(3.0)
    ("xx…'", '3.0')
    """
    if isinstance(value, np.generic):
        value = value.item()
    try:
        if isinstance(value, str):
            return repr(_shortened(value))
        return shown(_shortened(repr(value)))
    except ValueError:  # an integer of more digits than Python prints
        return f"a {type(value).__name__}"


def _shortened(text: str) -> str:
    """Cut a text that is too long for a message."""
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST] + "…"
