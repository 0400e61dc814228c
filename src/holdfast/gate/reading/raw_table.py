"""A table of results as it was read: columns of any types, before they are checked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.gate.reading.values import short
from holdfast.metrics import AccuracyMatrix

if TYPE_CHECKING:
    import pandas as pd

# A column is a NumPy array: of numbers or truth values, or of Python objects if it holds anything
# else or lacks a value (which is then None, NaN or another value that pandas takes for missing).
Column = np.ndarray

PROBABILITIES = "proba_"  # start of the names of columns with the probability of one class
REQUIRED = ("task", "example_id", "score")  # columns of results with one row per example
AGGREGATED = ("task", "score", "examples")  # columns of aggregated results
MATRIX = ("task", "after", "score")  # columns of an accuracy matrix
# Other names for the same columns, as tables of predictions have them.
ALIASES = {
    "id": "example_id",
    "y_true": "label",
    "y_pred": "prediction",
    "y_score": "probability",
    "epoch": "repeat",
    "seed": "repeat",
}


@dataclass(frozen=True)
class Known:
    """The names of the columns that are read. All others are ignored.

    Attributes:
        names: The names.
    """

    names: frozenset[str]

    def __contains__(self, name: object) -> bool:
        """Whether a column is read. There may be one column of probabilities per class."""
        return name in self.names or str(name).startswith(PROBABILITIES)

    def also(self, names: Iterable[str]) -> "Known":
        """Add further names."""
        return Known(self.names.union(names))


KNOWN = Known(
    frozenset(
        {
            *ALIASES,
            "task",
            "example_id",
            "score",
            "examples",
            "sd",
            "cluster",
            "segment",
            "label",
            "prediction",
            "probability",
            "after",
            "weight",
            "weights",
            "sample_weight",
            "repeat",
            "input",
        }
    )
)


@dataclass(frozen=True)
class RawTable:
    """A table as it was read.

    Attributes:
        columns: The columns that are read, by name.
        names: The names of all columns, for messages.
    """

    columns: dict[str, Column]
    names: list[str]


def as_column(values: "Sequence[object] | pd.Series[Any]") -> Column:
    """Make a column of values of any types."""
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)  # so that a value that is a list stays one
    return column


def from_records(records: Sequence[Mapping[str, object]], known: Known = KNOWN) -> RawTable:
    """Make a table of rows that are mappings. A key that a row lacks is missing there."""
    names: dict[str, None] = {}  # in order of their first occurrence
    for record in records:
        names.update(dict.fromkeys(record))
    columns: dict[str, Column] = {}
    for name in names:
        if name in known:
            columns[name] = as_column([record.get(name) for record in records])
    return RawTable(columns, list(names))


def refuse_equal_names(names: Sequence[str]) -> None:
    """Stop if two columns have the same name.

    Raises:
        ValueError: They have.
    """
    for name in dict.fromkeys(names):
        count = names.count(name)
        # Spreadsheets leave columns without a name at the edge, and none of them is read.
        if name and count > 1:
            raise ValueError(f"{count} columns are called {short(name)}; names must differ")


def or_matrix(table: RawTable) -> RawTable | AccuracyMatrix:
    """Return the accuracy matrix that a table holds, or the table itself if it holds none.

    A matrix has the columns task, after and score, and perhaps examples and segment.
    """
    has_all = all(name in table.names for name in MATRIX)
    # Results of single examples may have a column after of their own.
    if not has_all or "example_id" in table.names:
        return table
    wanted = [name for name in (*MATRIX, "examples", "segment") if name in table.columns]
    columns = [_values(table.columns[name]) for name in wanted]
    records = [dict(zip(wanted, row, strict=True)) for row in zip(*columns, strict=True)]
    return AccuracyMatrix.from_records(records)


def _values(column: Column) -> Iterable[object]:
    """Yield the values of a column, with None for NaN."""
    for value in column.tolist():
        if isinstance(value, float) and value != value:
            yield None
        else:
            yield value
