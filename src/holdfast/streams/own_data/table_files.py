"""Tables in files: CSV with any usual separator, Parquet, JSON lines and JSON."""

import bz2
import csv
import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from holdfast.errors import HoldfastError, reading, require
from holdfast.streams.own_data.files import TABLES, suffix_of
from holdfast.streams.own_data.table import FileRows, Table
from holdfast.streams.types import ArrowStream, ToPandas
from holdfast.text import safe_name

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
LONGEST_FIELD = 2**31 - 1  # characters
BEGINNING = 2**20  # characters that tell what a file holds
FEW_ROWS = 1000  # rows of a Parquet file that do so
PARQUET = (".parquet", ".pq")
LINE = "line"  # the name of an index that counts the lines of a file
OPENERS: dict[str, Callable[..., object]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
NOT_UTF8 = "is not written in UTF-8; save it as UTF-8, which every editor and spreadsheet offers"


def read_table(path: Path) -> Table:
    """Read a table file.

    Args:
        path: A file whose ending tells its form, plain or compressed.

    Raises:
        HoldfastError: The form is unknown, or the file is not a table of that form.
    """
    name = safe_name(path.name)
    suffix = suffix_of(path)
    if suffix not in READERS:
        raise HoldfastError(
            f"{name} has an unknown form; expected a table file with one of the endings "
            f"{', '.join(TABLES)}"
        )
    form, read = READERS[suffix]
    with reading(name, form):
        try:
            frame = read(path)
        except UnicodeDecodeError:
            raise HoldfastError(f"{name} {NOT_UTF8}") from None
    table = checked(frame, name, as_text=form == "CSV")
    if frame.index.name == LINE:
        return replace(table, parts=(FileRows(name, len(table), tuple(frame.index)),))
    return table


def table_of(frame: object, name: str = "the frame") -> Table:
    """Take a data frame of pandas, or of another library that speaks Arrow.

    Raises:
        HoldfastError: It is no data frame.
        MissingExtra: The conversion needs PyArrow, which is not installed.
    """
    # What has these two behaves as a pandas frame.
    if hasattr(frame, "isna") and hasattr(frame, "columns"):
        return checked(cast("pd.DataFrame", frame), name)
    if isinstance(frame, ToPandas):
        return checked(frame.to_pandas(), name)
    if isinstance(frame, ArrowStream):
        require("parquet", "pyarrow")
        import pyarrow as pa

        return checked(pa.table(frame).to_pandas(), name)
    raise HoldfastError(
        f"expected a path or a data frame, got {type(frame).__name__}; if your data are arrays, "
        "pass them to from_arrays"
    )


def beginning(path: Path) -> str:
    """The first characters of a table file as text, or the first rows of a Parquet file.

    Raises:
        HoldfastError: The file can't be read.
    """
    with reading(safe_name(path.name), "a table file"):
        if suffix_of(path) in PARQUET:
            require("parquet", "pyarrow")
            from pyarrow.parquet import ParquetFile

            batch = next(ParquetFile(path).iter_batches(batch_size=FEW_ROWS), None)
            return "" if batch is None else str(batch.to_pydict())
        try:
            with _opened(path) as file:
                return file.read(BEGINNING)
        except UnicodeDecodeError:
            raise HoldfastError(f"{safe_name(path.name)} {NOT_UTF8}") from None


def checked(frame: "pd.DataFrame", name: str, as_text: bool = False) -> Table:
    """Make a table of a frame, after checking its rows and the names of its columns."""
    if not len(frame):
        raise HoldfastError(f"{name} has no rows; expected one row per example")
    columns = [str(column) for column in frame.columns]
    for column in columns:
        count = columns.count(column)
        if count > 1:
            raise HoldfastError(
                f"{name} has {count} columns called {column!r}; rename or remove all but one"
            )
    plain = frame.reset_index(drop=True)
    plain.columns = columns
    return Table(plain, name, (FileRows(name, len(plain)),), as_text=as_text)


def _csv(path: Path) -> "pd.DataFrame":
    """A CSV file whose values all stay text, so that a message can show what the file has."""
    import pandas as pd

    # One field may hold a long text. The limit of the csv module is for files of unknown origin.
    csv.field_size_limit(LONGEST_FIELD)
    with _opened(path) as lines:
        header = next((line for line in lines if line.strip()), "")
        separator = _separator(header, path)
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
        reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
        rows: list[list[str | None]] = []
        for row in reader:
            # csv gives an empty list for an empty line.
            if not row:
                continue
            if len(row) != len(names):
                raise ValueError(
                    f"row {len(rows) + 1} has {len(row)} values, but the first line has "
                    f"{len(names)} names; put texts that contain {separator!r} in quotes"
                )
            rows.append([value or None for value in row])
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    if separator == ";":
        # Programs that separate by semicolons do so because the comma is their decimal point.
        frame = frame.replace(r"^\s*([+-]?\d*),(\d+)\s*$", r"\1.\2", regex=True)
    return frame


def _opened(path: Path) -> TextIO:
    """A text file, plain or compressed, without the mark that some programs put at its start."""
    open_file = OPENERS.get(path.suffix.lower(), open)
    return cast(TextIO, open_file(path, "rt", encoding="utf-8-sig", newline=""))


def _separator(header: str, path: Path) -> str:
    """The separator that gives the most columns; a tab in files that are called after it."""
    if suffix_of(path) == ".tsv":
        return "\t"
    if not header:
        raise HoldfastError(f"{safe_name(path.name)} is empty; expected a line of column names")
    counts = {}
    for separator in SEPARATORS:
        counts[separator] = len(next(csv.reader([header], delimiter=separator)))
    return max(SEPARATORS, key=counts.__getitem__)


def _parquet(path: Path) -> "pd.DataFrame":
    """A Parquet file."""
    require("parquet", "pyarrow")
    import pandas as pd

    return pd.read_parquet(path)


def _json_lines(path: Path) -> "pd.DataFrame":
    """A file with one JSON object per line."""
    import pandas as pd

    records = []
    numbers = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}: {error.msg}") from None
        if not isinstance(record, dict):
            raise ValueError(f'line {number} is not a JSON object such as {{"label": 1}}')
        records.append(record)
        numbers.append(number)
    frame = _of_records(records)
    # Empty lines are no rows, so that the number of a row is not that of its line.
    frame.index = pd.Index(numbers, name=LINE)
    return frame


def _json(path: Path) -> "pd.DataFrame":
    """A JSON file: a list of objects, or one object per line under another name."""
    try:
        records = json.loads(_text(path))
    except json.JSONDecodeError:
        return _json_lines(path)
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise ValueError("expected a list of objects, one for each row")
    return _of_records(records)


def _text(path: Path) -> str:
    """The text of a file, plain or compressed."""
    with _opened(path) as file:
        return file.read()


def _of_records(records: Sequence[dict[str, object]]) -> "pd.DataFrame":
    """Rows that are objects. A key that a row lacks is missing there."""
    import pandas as pd

    frame = pd.DataFrame.from_records(list(records)).astype(object)
    # Numbers with a missing value among them stay whole numbers in this way.
    return frame.where(frame.notna(), None).infer_objects()


READERS: dict[str, tuple[str, "Callable[[Path], pd.DataFrame]"]] = {
    ".csv": ("CSV", _csv),
    ".tsv": ("CSV", _csv),
    ".parquet": ("Parquet", _parquet),
    ".pq": ("Parquet", _parquet),
    ".jsonl": ("JSON lines", _json_lines),
    ".ndjson": ("JSON lines", _json_lines),
    ".json": ("JSON", _json),
}
