"""Tables of other libraries: pandas, Polars, DuckDB, PyArrow, and all that speak Arrow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from holdfast.errors import require
from holdfast.gate.reading.raw_table import KNOWN, Column, Known, RawTable, as_column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# How a table that is lazy or lives elsewhere becomes one that can be read.
COLLECTING = ("toPandas", "collect", "compute", "to_pandas")


@runtime_checkable
class ArrowStream(Protocol):
    """A table of any library that offers its columns by the Arrow PyCapsule protocol."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a capsule with the table."""
        ...


@runtime_checkable
class Selectable(Protocol):
    """A table whose columns can be selected by name, as those of Polars and DuckDB."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        ...

    def select(self, *names: str) -> ArrowStream:
        """Return a table with these columns alone."""
        ...


def collecting(source: object) -> str:
    """Name the method by which a lazy or remote table becomes a table; "" if it has none.

    >>> import polars as pl
    >>> collecting(pl.LazyFrame()), collecting(3)
    ('collect', '')
    """
    # The class is asked, because a table may offer its columns as its own attributes.
    for method in COLLECTING:
        if callable(getattr(type(source), method, None)):
            return method
    return ""


# ---- pandas


def from_pandas(frame: "pd.DataFrame", known: Known = KNOWN) -> RawTable:
    """Take the known columns of a data frame, including those that are levels of its index."""
    known_levels = [level for level in frame.index.names if level in known]
    levels = [str(level) for level in known_levels if level not in frame.columns]
    columns = {name: _of_pandas(frame.index.get_level_values(name).to_series()) for name in levels}
    names = [str(column) for column in frame.columns]
    # By position, because a frame may have two columns of one name.
    for position, name in enumerate(names):
        if name in known:
            columns[name] = _of_pandas(frame.iloc[:, position])
    return RawTable(columns, names + levels)


def _of_pandas(values: "pd.Series[Any]") -> Column:
    """Convert a column of pandas."""
    missing = values.isna().to_numpy()
    is_plain = isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf"
    if is_plain and not missing.any():
        return values.to_numpy()
    column = as_column(values.astype(object))
    # pandas has several values for what is missing, and None is the same in every column.
    column[missing] = None
    return column


# ---- Arrow


def from_arrow(source: ArrowStream, known: Known = KNOWN) -> RawTable:
    """Take the known columns of a table that speaks Arrow.

    Raises:
        MissingExtra: PyArrow is not installed.
    """
    pa = pyarrow()
    try:
        if isinstance(source, pa.Table):
            table = source
        else:
            table = pa.table(source)
        names = list(table.column_names)
    except pa.ArrowException:
        # Arrow refuses the whole table if one column has a type that it does not know. The gate
        # may not need that column, so the known ones are selected first.
        if not isinstance(source, Selectable):
            raise
        names = [str(name) for name in source.columns]
        table = pa.table(source.select(*(name for name in names if name in known)))
    return RawTable(_known_columns(table, known), names)


def from_arrow_table(table: "pa.Table", names: list[str], known: Known) -> RawTable:
    """Take the known columns of a table of PyArrow.

    Args:
        table: The table, or a part of it.
        names: The names of all columns of the whole table.
        known: The columns that are read.
    """
    return RawTable(_known_columns(table, known), names)


def pyarrow() -> Any:
    """Import the package PyArrow, with its compute functions.

    Raises:
        MissingExtra: It is not installed.
    """
    require("parquet", "pyarrow")
    import pyarrow as pa
    import pyarrow.compute

    return pa


def _known_columns(table: "pa.Table", known: Known) -> dict[str, Column]:
    """Convert the known columns of a table of PyArrow."""
    columns: dict[str, Column] = {}
    for position, name in enumerate(table.column_names):
        if name in known:
            columns[name] = _of_arrow(table.column(position))
    return columns


def _of_arrow(column: "pa.ChunkedArray") -> Column:
    """Convert a column of Arrow, and undo the encodings of its values."""
    pa = pyarrow()
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        parts = [pa.compute.run_end_decode(chunk) for chunk in column.chunks]
        return _of_arrow(pa.chunked_array(parts, kind.value_type))
    if pa.types.is_dictionary(kind):
        values: list[object] = []
        # Each chunk may have a dictionary of its own.
        for chunk in column.chunks:
            values += _looked_up(chunk)
        return as_column(values)

    # Numbers and texts become arrays at once. Everything else becomes Python objects.
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if is_number and not column.null_count:
        return np.asarray(column.to_numpy())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(column.to_numpy(), dtype=object)
    return as_column(column.to_pylist())


def _looked_up(chunk: "pa.DictionaryArray") -> list[object]:
    """Return the values that the indices of a dictionary stand for, and None for no index."""
    values = [*chunk.dictionary.to_pylist(), None]
    looked_up: list[object] = []
    for index in chunk.indices.to_pylist():
        if index is None:
            index = -1  # the last value
        looked_up.append(values[index])
    return looked_up
