"""Tables of any library as columns: pandas, Polars, DuckDB, PyArrow, and rows of JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Column = Any  # a pyarrow ChunkedArray, or an object array of values that Arrow has no type for


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
    found: dict[str, Column] = {n: column_of(frame.index.get_level_values(n)) for n in levels}
    for position, name in enumerate(names[: len(frame.columns)]):
        if name in known:
            found[name] = column_of(frame.iloc[:, position])
    return found, names


def from_arrow(source: ArrowStream, known: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """The known columns of a table that speaks Arrow, and the names of all columns."""
    import pyarrow as pa

    try:
        table = source if isinstance(source, pa.Table) else pa.table(source)
        names = list(table.column_names)
    except pa.ArrowException:
        if not isinstance(source, Selectable):
            raise
        names = [str(n) for n in source.columns]  # one that is not needed may have a strange type
        table = pa.table(source.select(*(name for name in names if name in known)))
    found = enumerate(table.column_names)
    return {name: table.column(k) for k, name in found if name in known}, names


def from_records(
    records: Sequence[Mapping[str, Any]],
    known: Sequence[str],
) -> tuple[dict[str, Column], list[str]]:
    """The known columns of rows that are mappings; a key that a row lacks is missing there."""
    names = list(dict.fromkeys(key for record in records for key in record))
    return {n: column_of([r.get(n) for r in records]) for n in names if n in known}, names


def column_of(values: Any) -> Column:
    """Values of one column as an Arrow array if they have one type, else as an object array."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(kind := getattr(values, "dtype", None), pd.CategoricalDtype):
        values = values.astype(object) if kind.categories.dtype == object else values
    own = isinstance(values, list)  # of JSON, where NaN is no missing value
    plain = own or values.dtype.kind == "O"
    mixed = plain and _mixes_numpy(values)
    try:
        if not mixed:
            found = pa.array(values, from_pandas=not own)
            return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError):
        pass  # values of several types, or of one that Arrow lacks
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


def _mixes_numpy(values: Any) -> bool:
    """Whether NumPy scalars stand beside other types; PyArrow 26 crashes on some of those."""
    kinds = set(map(type, values)) - {type(None)}
    return len(kinds) > 1 and any(issubclass(kind, np.generic) for kind in kinds)
