"""Results in files: CSV, Parquet, JSON and JSON lines, plain or compressed."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, reading
from holdfast.gate.columns import short
from holdfast.gate.frames import Column, from_arrow, from_records, objects, pyarrow
from holdfast.metrics import AccuracyMatrix

REQUIRED = ("task", "example_id", "score")
AGGREGATED = ("task", "score", "examples")
MATRIX = ("task", "after", "score")
KNOWN = (
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
)
FORMS = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
}
SEPARATORS = (",", ";", "\t", "|")
WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
LONGEST = 500  # characters of a message
NUMBERS = ("score", "sd", "probability")
_WITH_COMMA = re.compile(r"^\s*([0-9]*),([0-9]+)\s*$")

Table = tuple[dict[str, Column], list[str]]  # known columns, and the names of all


def read_file(path: Path, where: str) -> Table | AccuracyMatrix:
    """The columns of a file of results, or the accuracy matrix that it holds.

    Args:
        path: A file whose name ends in one of FORMS, in any case, and then perhaps in .gz, .bz2,
            .xz or .zst (not for Parquet).
        where: The file as messages call it.

    Returns:
        The known columns and the names of all columns; or an accuracy matrix.

    Raises:
        HoldfastError: The file cannot be read, or its ending or content is of another form.
    """
    endings = [ending.lower() for ending in path.suffixes]
    packed = endings[-1] if endings and endings[-1] in PACKED else ""
    ending = (endings[-2:-1] if packed else endings[-1:]) or [""]
    form = FORMS.get(ending[0])
    if form is None or (packed and form == "Parquet"):
        packings = f"all but Parquet perhaps followed by {', '.join(PACKED)}"
        raise HoldfastError(f"{where}: expected a file ending in {', '.join(FORMS)} ({packings})")
    with reading(where, form):
        try:
            if form == "Parquet":
                return _parquet(path)
            raw = path.read_bytes()
            text = _decoded(PACKED[packed](raw) if packed else raw)
            return _csv(text) if form == "CSV" else _json(text, lines=form == "JSON lines")
        except HoldfastError as error:  # of an accuracy matrix, which does not know its file
            raise HoldfastError(f"{where}: {in_one_line(error)}") from None


def in_one_line(error: Exception) -> str:
    """The message of an error that may show names of any length, in one line of some length."""
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


# ---- bytes


def _unpacked_zst(raw: bytes) -> bytes:
    pa = pyarrow()
    with pa.input_stream(pa.BufferReader(raw), compression="zstd") as stream:
        return bytes(stream.read())


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": _unpacked_zst,
}


def _decoded(raw: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark."""
    wide = next((name for mark, name in WIDE.items() if raw.startswith(mark)), None)
    if wide is None and b"\x00" in raw:
        wide = "UTF-16 or not text at all, for it holds NUL bytes"
    if wide is not None:
        raise ValueError(f"it is {wide}; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} (0x{raw[error.start]:02x})"
        raise ValueError(f"{byte} is not UTF-8; save it as UTF-8") from None


# ---- Parquet


def _parquet(path: Path) -> Table | AccuracyMatrix:
    pyarrow()
    from pyarrow.parquet import ParquetDataset, ParquetFile

    if path.is_dir():
        files = ParquetDataset(path)
        names, read = list(files.schema.names), files.read
    else:
        file = ParquetFile(path)
        names, read = list(file.schema_arrow.names), file.read
    unique_names(names)
    columns, _ = from_arrow(read(columns=[n for n in dict.fromkeys(names) if n in KNOWN]), KNOWN)
    return matrix_of(columns, names) or (columns, names)


# ---- CSV


def _csv(text: str) -> Table | AccuracyMatrix:
    header, body = _header(text)
    separator, names, spaced = _split(header)
    unique_names(names)
    columns = dict(zip(names, _split_rows(body, separator, len(names)), strict=True))
    found = {n: _cleaned(columns[n], n, spaced, separator) for n in names if n in KNOWN}
    return matrix_of(found, names) or (found, names)


def _split_rows(body: str, separator: str, width: int) -> list[Sequence[str]]:
    """The values of each column."""
    if '"' in body:
        lines = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
        rows = [row for row in lines if row]
        _same_width([len(row) for row in rows], width)
        return list(zip(*rows, strict=True)) or [()] * width
    plain = [line for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    _same_width([line.count(separator) + 1 for line in plain], width)
    values = separator.join(plain).split(separator) if plain else []  # quicker than line by line
    return [values[k::width] for k in range(width)]


def _same_width(widths: list[int], expected: int) -> None:
    """Stop at a row with too few or too many values."""
    if set(widths) - {expected}:
        row = next(k for k, width in enumerate(widths) if width != expected)
        what = f"row {row + 1} has {widths[row]} values"
        raise ValueError(f"{what}, expected {expected} as in the first line")


def _header(text: str) -> tuple[str, str]:
    """The first line that is not empty, and the rest."""
    stream = io.StringIO(text, newline="")
    for line in stream:
        if line.strip():
            return line.rstrip("\r\n"), stream.read()
    raise ValueError("it is empty")


def _split(header: str) -> tuple[str, list[str], bool]:
    """The separator that gives most known columns, the names, and whether spaces surround them."""
    read = {s: next(csv.reader([header], delimiter=s, strict=True)) for s in SEPARATORS}
    separator = max(SEPARATORS, key=lambda s: sum(name.strip() in KNOWN for name in read[s]))
    names = [name.strip() for name in read[separator]]
    return separator, names, names != read[separator]


def _cleaned(values: Sequence[str], name: str, spaced: bool, separator: str) -> Column:
    """A column without the spaces that a table for the eye has, and with a point in its numbers."""
    if spaced:
        values = [value.strip() for value in values]
    if separator == ";" and name in NUMBERS:  # written where 0,5 is a half
        values = [_WITH_COMMA.sub(r"\1.\2", value) for value in values]
    return objects(values)


def unique_names(names: list[str]) -> None:
    """Stop if two columns have one name."""
    twice = [n for n in dict.fromkeys(names) if n and names.count(n) > 1]
    if twice:
        what = f"{names.count(twice[0])} columns are called {short(twice[0])}"
        raise ValueError(f"{what}; names must differ")


def matrix_of(columns: dict[str, Column], names: list[str]) -> AccuracyMatrix | None:
    """The accuracy matrix in columns task, after, score (examples, segment); None if it is none."""
    if not all(n in names for n in MATRIX) or "example_id" in names:
        return None
    wanted = [n for n in (*MATRIX, "examples", "segment") if n in columns]
    rows = zip(*(_values(columns[n]) for n in wanted), strict=True)
    return AccuracyMatrix.from_records([dict(zip(wanted, row, strict=True)) for row in rows])


def _values(column: Column) -> list[Any]:
    return [
        None if isinstance(v, float) and v != v else v for v in column.tolist()
    ]  # NaN: no value


# ---- JSON


def _json(text: str, lines: bool) -> Table | AccuracyMatrix:
    """Records, one value or one per line; a table by columns; or an accuracy matrix."""
    if lines:
        return from_records(_records(text), KNOWN)
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError:
        if len(text.strip().split("\n")) < 2:
            raise
        return from_records(_records(text), KNOWN)
    if isinstance(value, dict):
        if {"matrix", "cells", "tasks"} & set(value):
            return AccuracyMatrix.from_json(_mapping(value.get("matrix", value)))
        value = _by_column(value) if isinstance(value.get("task"), list | dict) else [value]
    if not isinstance(value, list):
        raise ValueError(f"expected a list of objects, got {type(value).__name__}")
    for row, record in enumerate(value):
        if not isinstance(record, dict):
            raise ValueError(f"row {row + 1} is no object")
    return from_records(value, KNOWN)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HoldfastError("expected an accuracy matrix as JSON with the keys tasks and cells")
    return value


def _records(text: str) -> list[dict[str, Any]]:
    decode = json.JSONDecoder(object_pairs_hook=_object).decode
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = decode(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}: {error.msg}") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number} is no object")
        out.append(record)
    return out


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return out


def _by_column(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a table that maps each column to its values, or to an index and values (pandas)."""
    columns = {name: list(c.values()) if isinstance(c, dict) else c for name, c in value.items()}
    rows = {tuple(c) if isinstance(c, dict) else len(c) for c in value.values()}
    if len(rows) != 1:
        raise ValueError("its columns have different rows")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
