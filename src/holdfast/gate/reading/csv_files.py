"""CSV files of every common layout: other separators, quotes, decimal commas, spaces."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.gate.reading.raw_table import (
    Column,
    Known,
    RawTable,
    as_column,
    or_matrix,
    refuse_equal_names,
)
from holdfast.metrics import AccuracyMatrix

SEPARATORS = (",", ";", "\t", "|")
# Columns in which 0,5 is text. In all others it is a number.
TEXTS = {"task", "example_id", "id", "cluster", "segment", "label", "prediction", "input"}
_WITH_COMMA = re.compile(r"^\s*(-?[0-9]*),([0-9]+)\s*$")


@dataclass(frozen=True)
class _Layout:
    """How a file is written.

    Attributes:
        separator: What separates two values.
        names: The names of the columns.
        spaced: Whether spaces surround the names, as in a table that is aligned for the eye.
    """

    separator: str
    names: list[str]
    spaced: bool


def from_csv(text: str, known: Known) -> RawTable | AccuracyMatrix:
    """Read a table, or an accuracy matrix, from the text of a CSV file.

    Raises:
        ValueError: The text is empty, has two columns of one name, or rows of different lengths.
    """
    # Nothing is known of the layout yet, so the header must tell it.
    header, body = _header(text)
    layout = _layout(header, known)
    refuse_equal_names(layout.names)
    values = _split_rows(body, layout.separator, len(layout.names))
    columns: dict[str, Column] = {}
    for name, column in zip(layout.names, values, strict=True):
        if name in known:
            columns[name] = _cleaned(column, name, layout)
    return or_matrix(RawTable(columns, layout.names))


def _header(text: str) -> tuple[str, str]:
    """Split a text into its first line that is not empty, and what follows it."""
    stream = io.StringIO(text, newline="")
    for line in stream:
        if line.strip():
            return line.rstrip("\r\n"), stream.read()
    raise ValueError("it is empty")


def _layout(header: str, known: Known) -> _Layout:
    """Choose the separator that gives the most known columns."""
    best = _Layout(separator="", names=[], spaced=False)
    most_known = -1
    for separator in SEPARATORS:
        fields = next(csv.reader([header], delimiter=separator, strict=True))
        names = [field.strip() for field in fields]
        count = len([name for name in names if name in known])
        # A tie keeps the earlier separator, of which the comma is the most common.
        if count > most_known:
            best = _Layout(separator, names, spaced=names != fields)
            most_known = count
    return best


def _split_rows(body: str, separator: str, width: int) -> list[Sequence[str]]:
    """Split the lines below the header into the values of each column."""
    if '"' in body:
        # Unless it is strict, a quote that never ends would swallow all rows after it.
        lines = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
        rows = [row for row in lines if row]
        _refuse_other_widths([len(row) for row in rows], width)
        return list(zip(*rows, strict=True)) or [()] * width

    # Without quotes, one split of the whole text is much faster than one per line.
    plain = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # Blank lines, which editors leave at the end, are no rows with quotes or without.
    plain = [line for line in plain if line]
    if not plain:
        return [()] * width
    _refuse_other_widths([line.count(separator) + 1 for line in plain], width)
    values = separator.join(plain).split(separator)
    return [values[column::width] for column in range(width)]


def _refuse_other_widths(widths: list[int], expected: int) -> None:
    """Stop at a row with too few or too many values."""
    if set(widths) <= {expected}:
        return
    for row, width in enumerate(widths):
        if width != expected:
            raise ValueError(
                f"row {row + 1} has {width} values, but the first line has {expected} names"
            )


def _cleaned(values: Sequence[str], name: str, layout: _Layout) -> Column:
    """Remove the spaces of an aligned table, and write decimal commas as points."""
    if layout.spaced:
        values = [value.strip() for value in values]
    # Programs that separate by semicolons do so because the comma is their decimal point.
    if layout.separator == ";" and name not in TEXTS:
        values = [_WITH_COMMA.sub(r"\1.\2", value) for value in values]
    return as_column(values)
