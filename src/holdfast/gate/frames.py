"""Tables of any library as columns: pandas, Polars, DuckDB, PyArrow, and rows of JSON.

A column is a NumPy array: of numbers or truth values, or of Python objects if it holds anything else or
lacks a value (which is then None, NaN or another value that pandas takes for missing).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from holdfast.errors import require

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Column = np.ndarray


@runtime_checkable
class ArrowStream(Protocol):
    """A table of any library that hands out its columns by the Arrow PyCapsule protocol."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


# How tables that are not there yet, or live elsewhere, are turned into one of these.
COLLECTING = ("toPandas", "collect", "compute", "to_pandas")


def collecting(source: object) -> str:
    """The method by which a lazy or remote table becomes a table; "" if it has none.

    >>> import polars as pl
    >>> collecting(pl.LazyFrame()), collecting(3)
    ('collect', '')
    """
    return next((m for m in COLLECTING if callable(getattr(type(source), m, None))), "")


@runtime_checkable
class Selectable(Protocol):
    """A table of which columns can be taken by name, as those of Polars and DuckDB."""

    @property
    def columns(self) -> Sequence[str]: ...

    def select(self, *names: str) -> ArrowStream: ...


def from_pandas(frame: "pd.DataFrame", known: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """The known columns of a data frame, index levels included, and the names of all columns."""
    levels = [str(n) for n in frame.index.names if n in known and n not in frame.columns]
    names = [str(c) for c in frame.columns] + levels
    found = {n: _of_pandas(frame.index.get_level_values(n).to_series()) for n in levels}
    for position, name in enumerate(names[: len(frame.columns)]):
        if name in known:
            found[name] = _of_pandas(frame.iloc[:, position])
    return found, names


def _of_pandas(values: "pd.Series[Any]") -> Column:
    missing = values.isna().to_numpy()
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf" and not missing.any():
        return values.to_numpy()
    out = objects(values.astype(object))
    out[missing] = None
    return out


def from_arrow(source: ArrowStream, known: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """The known columns of a table that speaks Arrow, and the names of all columns.

    Raises:
        MissingExtra: PyArrow is not installed.
    """
    pa = pyarrow()
    try:
        table = source if isinstance(source, pa.Table) else pa.table(source)
        names = list(table.column_names)
    except pa.ArrowException:
        if not isinstance(source, Selectable):
            raise
        names = [str(n) for n in source.columns]  # one that is not needed may have a strange type
        table = pa.table(source.select(*(name for name in names if name in known)))
    found = enumerate(table.column_names)
    return {name: _of_arrow(table.column(k)) for k, name in found if name in known}, names


def pyarrow() -> Any:
    """The package PyArrow, with its compute functions.

    Raises:
        MissingExtra: It is not installed.
    """
    require("parquet", "pyarrow")
    import pyarrow as pa
    import pyarrow.compute

    return pa


def _of_arrow(column: "pa.ChunkedArray") -> Column:
    """A column of Arrow, without the encodings of its values (dictionaries, runs, views, bytes)."""
    pa = pyarrow()
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        parts = [pa.compute.run_end_decode(c) for c in column.chunks]
        return _of_arrow(pa.chunked_array(parts, kind.value_type))
    if pa.types.is_dictionary(kind):
        return objects([value for chunk in column.chunks for value in _looked_up(chunk)])
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if number and not column.null_count:
        return np.asarray(column.to_numpy())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(column.to_numpy(), dtype=object)
    return objects(column.to_pylist())


def _looked_up(chunk: "pa.DictionaryArray") -> list[Any]:
    """The values that the indices of a dictionary stand for."""
    values = [*chunk.dictionary.to_pylist(), None]
    return [values[-1 if index is None else index] for index in chunk.indices.to_pylist()]


def from_records(
    records: Sequence[Mapping[str, Any]],
    known: Sequence[str],
) -> tuple[dict[str, Column], list[str]]:
    """The known columns of rows that are mappings; a key that a row lacks is missing there."""
    names = list(dict.fromkeys(key for record in records for key in record))
    return {n: objects([r.get(n) for r in records]) for n in names if n in known}, names


def objects(values: "Sequence[Any] | pd.Series[Any]") -> Column:
    """Values of any types as a column."""
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)  # so that a value that is a list stays one
    return out
