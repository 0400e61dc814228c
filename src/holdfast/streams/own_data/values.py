"""The values of a column as numbers, dates or labels, and what is said of those that are not."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.own_data.files import IMAGES
from holdfast.streams.own_data.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.streams.own_data.table import Column

# How files write that there is no number or date. In texts and labels they are words.
MISSING_MARKS = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "-", "?")
TRUTHS = {"true": 1.0, "false": 0.0}
# Further words that are read if the user says that a column is true or false.
BOOLEANS = TRUTHS | {"yes": 1.0, "no": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
# A number such as 007 is a code, which loses its zeros as a number.
CODE = re.compile(r"^\s*[+-]?0\d+\s*$")
ZONE = r"\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})\s*$"
ISO = "ISO8601"
DATE_EXPECTED = (
    "is not a date; expected one such as 2026-11-30 or 2026-11-30T08:00, or say how dates are "
    "written with time_format, such as %d.%m.%Y"
)


def missing_in(values: "Column", kind: str) -> np.ndarray:
    """Mark the rows of a column that have no value.

    Args:
        values: The column.
        kind: What the column is, such as "number" or "text".

    Returns:
        A boolean mask, (N,). Texts of spaces alone are missing, and in numbers and dates also such
        as say "NA".
    """
    missing = values.isna().to_numpy(dtype=bool)
    # Only texts and objects can spell out that a value is missing.
    if values.dtype.kind in "biufM":
        return missing
    texts = values.map(lambda value: value.strip() if isinstance(value, str) else value)
    missing = missing | (texts == "").to_numpy(dtype=bool)
    if kind in ("number", "date", "time", "boolean"):
        missing = missing | texts.isin(MISSING_MARKS).to_numpy(dtype=bool)
    return missing


def numbers(table: Table, column: str) -> np.ndarray:
    """Read a column of numbers.

    Returns:
        The numbers, (N,), float64. NaN where one is missing.

    Raises:
        HoldfastError: A value is not a finite number; the message names its row.
    """
    values = table.column(column)
    missing = missing_in(values, "number")
    read = as_numbers(values.mask(missing))
    # A single infinite value would make the mean of its column infinite.
    bad = ~np.isfinite(read) & ~missing
    if bad.any():
        raise table.wrong(
            column,
            int(bad.argmax()),
            "is not a finite number, as other values of this column are; correct it, or give the "
            "column another role, such as category",
        )
    read[missing] = np.nan
    return read


def as_numbers(values: "Column") -> np.ndarray:
    """Values as float64, NaN for what is no number."""
    import pandas as pd

    # What is no number becomes NaN, so that the caller can name its row.
    read = pd.to_numeric(values, errors="coerce")
    return np.array(read.to_numpy(dtype=np.float64, na_value=np.nan))


def booleans(table: Table, column: str) -> np.ndarray:
    """Read a column of true and false.

    Returns:
        1 and 0, (N,), float64. NaN where a value is missing.

    Raises:
        HoldfastError: A value is neither; the message names its row.
    """
    values = table.column(column)
    missing = missing_in(values, "boolean")
    # Programs write true, True and TRUE.
    texts = [str(value).strip().lower() for value in values]
    read = np.array([BOOLEANS.get(text, np.nan) for text in texts])
    bad = np.isnan(read) & ~missing
    if bad.any():
        raise table.wrong(
            column,
            int(bad.argmax()),
            "is neither true nor false; correct it, or give the column another role, such as "
            "category",
        )
    return read


def image_names(values: "Column") -> list[str]:
    """Read a column of names of images.

    Args:
        values: The column.

    Returns:
        The names; none if some value is something else.
    """
    present = values[~missing_in(values, "text")]
    names = [value.strip() for value in present if isinstance(value, str)]
    if len(names) < len(present):
        return []
    # A single other name makes it a column of text.
    if all(Path(name).suffix.lower() in IMAGES for name in names):
        return names
    return []


def is_code(values: "Column") -> bool:
    """Whether texts that read as numbers are codes, because one begins with a zero."""
    return any(isinstance(value, str) and CODE.match(value) is not None for value in values)


def dates(table: Table, column: str, time_format: str | None) -> "pd.Series[pd.Timestamp]":
    """Read a column of dates or times.

    Args:
        table: The table.
        column: The name of the column.
        time_format: How the texts are written, as `strptime` has it. None: ISO 8601.

    Returns:
        The times, (N,), in UTC if they have a time zone. NaT where one is missing.

    Raises:
        HoldfastError: A value is not a date, or only some of them have a time zone. The message
            names the row.
    """
    values = table.column(column)
    missing = missing_in(values, "date")
    if values.dtype.kind in "iuf" and time_format is None:
        raise HoldfastError(
            f"{table.name}: column {column!r} holds numbers, which may be years, seconds or days; "
            "say how they are written with time_format, such as %Y or %Y%m%d, or write dates such "
            "as 2026-11-30"
        )
    # Before all times are in UTC, where it can't be seen any more which of them had no zone.
    _refuse_mixed_zones(table, column, missing)
    times = as_dates(values.mask(missing), time_format)
    bad = times.isna().to_numpy(dtype=bool) & ~missing
    if bad.any():
        expected = DATE_EXPECTED
        if time_format is not None:
            expected = f"is not a date of the form {time_format}; correct it, or change time_format"
        raise table.wrong(column, int(bad.argmax()), expected)
    return times


def as_dates(values: "Column", time_format: str | None = None) -> "pd.Series[pd.Timestamp]":
    """Values as times in UTC without a zone, NaT for what is no time."""
    import pandas as pd

    if values.dtype.kind in "iuf":
        # Years beside a missing one are floats, and 2026.0 is of no format.
        whole = values.astype("Int64").astype(object)
        values = whole.map(str, na_action="ignore").astype(object)
    times = pd.to_datetime(values, format=time_format or ISO, errors="coerce", utc=True)
    # Times with a zone can't be compared with times that never had one.
    return times.dt.tz_localize(None)


def _refuse_mixed_zones(table: Table, column: str, missing: np.ndarray) -> None:
    """Refuse times of which some have a zone and others none: their order would be a guess."""
    values = table.column(column)
    if values.dtype.kind != "O" and not _is_text(values):
        return
    zoned = np.array([_has_zone(value) for value in values], dtype=bool)
    without = ~zoned & ~missing
    if not (zoned & ~missing).any() or not without.any():
        return
    raise table.wrong(
        column,
        int(without.argmax()),
        f"has no time zone, but other times have one (first in "
        f"{table.place(int(zoned.argmax()))}); write all of them with a zone, or none",
    )


def _is_text(values: "Column") -> bool:
    """Whether a column has a type for text, which newer versions of pandas have."""
    import pandas as pd

    return pd.api.types.is_string_dtype(values)


def _has_zone(value: object) -> bool:
    """Whether a time says its zone."""
    if isinstance(value, str):
        return re.search(ZONE, value) is not None
    return getattr(value, "tzinfo", None) is not None


def labels(table: Table, column: str) -> np.ndarray:
    """Read the labels, as `label_array` of arrays does, but with the row of a mistake.

    Returns:
        The labels, (N,): int64 if all of them are whole numbers, else object for text.

    Raises:
        HoldfastError: A label is missing, or is a measurement.
    """
    from holdfast.streams.labels import label_array

    values = table.column(column)
    # A file writes the class 3 as 3 or as 3.0, but the code 007 is a text.
    if table.as_text and not is_code(values):
        read = as_numbers(values)
        if not np.isnan(read).any():
            return _whole(table, column, read)
    # Programs turn whole numbers into floats, for example beside missing values.
    elif values.dtype.kind == "f":
        return _whole(table, column, values.to_numpy(dtype=np.float64))
    plain = values.to_numpy()
    if plain.dtype.kind not in "biuf":
        plain = np.array([_plain_label(value) for value in values], dtype=object)
    return label_array(plain, f"{table.name}: column {column!r}")


def _plain_label(value: object) -> object:
    """A label without the spaces around it, which nobody means."""
    if isinstance(value, str):
        return value.strip()
    return value


def _whole(table: Table, column: str, read: np.ndarray) -> np.ndarray:
    """Labels that are whole numbers."""
    broken = ~np.isfinite(read) | (read != np.rint(read))
    if broken.any():
        raise table.wrong(
            column,
            int(broken.argmax()),
            "is a measurement, but a label names a class; set objective to regression "
            "(--objective regression), or name another column as the label",
        )
    return read.astype(np.int64)
