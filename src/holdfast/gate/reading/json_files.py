"""JSON files: records, tables by column, one record per line, and accuracy matrices."""

import json
from collections.abc import Callable, Mapping, Sequence

from holdfast.errors import HoldfastError
from holdfast.gate.reading.raw_table import Known, RawTable, from_records
from holdfast.metrics import AccuracyMatrix

Record = dict[str, object]

MATRIX_KEYS = {"matrix", "cells", "tasks"}  # an object with one of them holds an accuracy matrix


def from_json(text: str, known: Known) -> RawTable | AccuracyMatrix:
    """Read a table, or an accuracy matrix, from the text of a JSON file.

    Raises:
        ValueError: The text is not JSON, or its values are not rows of a table.
        HoldfastError: It is not a valid accuracy matrix.
    """
    try:
        value: object = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError:
        # Many tools call a file with one record per line .json as well.
        if len(text.strip().split("\n")) < 2:
            raise
        return from_json_lines(text, known)
    # A list holds rows. An object is a matrix, a table by column, or a single row.
    if not isinstance(value, dict):
        return from_records(_checked_records(value), known)
    if MATRIX_KEYS & set(value):
        return AccuracyMatrix.from_json(_matrix_object(value.get("matrix", value)))
    if isinstance(value.get("task"), list | dict):
        return from_records(_by_column(value), known)
    return from_records([value], known)


def from_json_lines(text: str, known: Known) -> RawTable:
    """Read a table from text with one record per line.

    Raises:
        ValueError: A line is not a JSON object.
    """
    decode: Callable[[str], object] = json.JSONDecoder(object_pairs_hook=_object).decode
    records: list[Record] = []
    # splitlines would also split at other characters, which a text in JSON may hold.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = decode(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}: {error.msg}") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number} is not a JSON object")
        records.append(record)
    return from_records(records, known)


def _object(pairs: list[tuple[str, object]]) -> Record:
    """Build a JSON object, and stop at a key that occurs twice, whose first value would be lost."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return result


def _checked_records(value: object) -> Sequence[Record]:
    """Check that a value is a list of objects."""
    if not isinstance(value, list):
        raise ValueError(f"expected a list of objects, got {type(value).__name__}")
    for row, record in enumerate(value):
        if not isinstance(record, dict):
            raise ValueError(f"row {row + 1} is not a JSON object")
    return value


def _matrix_object(value: object) -> Record:
    """Check that an accuracy matrix is an object."""
    if not isinstance(value, dict):
        raise HoldfastError("expected an accuracy matrix as JSON with the keys tasks and cells")
    return value


def _by_column(table: Mapping[str, object]) -> list[Record]:
    """Turn a table that maps each column to its values into rows.

    pandas writes each column as an object that maps the index to the values instead.
    """
    columns: dict[str, list[object]] = {}
    row_names: set[object] = set()
    for name, column in table.items():
        if isinstance(column, dict):
            columns[name] = list(column.values())
            # Values are matched by their place alone, so every column must have the same index.
            row_names.add(tuple(column))
        elif isinstance(column, list):
            columns[name] = column
            row_names.add(len(column))
        else:
            raise ValueError(f"its column {name!r} is not a list of values")
    if len(row_names) != 1:
        raise ValueError("its columns have different rows")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
