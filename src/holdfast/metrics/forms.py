"""Read the records of an accuracy matrix from tuples, CSV and JSON.

A record is a dict with the keys `task`, `after` and `score`, and optionally `examples`, `segment`,
`results` and `clusters`. These functions find the records; the matrix checks their values.
"""

import csv
import io
import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError, one_of, reading
from holdfast.metrics.cells import Cell, Key, Record
from holdfast.metrics.values import (
    OF_ACCURACY,
    ScoreRange,
    is_missing,
    number,
    shown_value,
    task_name,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

ORIENTATIONS = ("after-by-task", "task-by-after")
FORMAT = 1  # of the JSON form
COLUMNS = ("task", "after", "score", "examples", "segment")  # of the CSV form, and of tuples
REQUIRED = {"task", "after", "score"}


@dataclass(frozen=True)
class StoredMatrix:
    """What the JSON form of a matrix holds. Only its structure has been checked.

    Args:
        tasks: Names in the order of training.
        records: One dict per cell.
        score_range: The lowest and the highest possible score, as the file gives them.
        chance: The score of guessing for each task, or None.
    """

    tasks: list[Hashable]
    records: list[Mapping[str, object]]
    score_range: ScoreRange
    chance: Iterable[float | None] | None


def records_of(items: Iterable[Mapping[str, object] | tuple[object, ...]]) -> list[Record]:
    """Convert mappings and tuples to records.

    Args:
        items: Mappings with the names in `COLUMNS` as keys, or tuples in this order.

    Raises:
        HoldfastError: An item lacks its task, its `after` or its score, or the score is no number.
    """
    records = []
    for position, item in enumerate(items):
        # A tuple may end before its optional values.
        pairs = zip(COLUMNS, item, strict=False) if isinstance(item, tuple) else item
        values = dict(pairs)
        lacking = REQUIRED - set(values)
        if lacking:
            present = ", ".join(map(str, values)) or "nothing"
            raise HoldfastError(
                f"record {position} lacks {', '.join(sorted(lacking))}; it has {present}"
            )
        records.append(_record(values))
    return records


def _record(values: dict[str, object]) -> Record:
    """Make a record from values that may be empty in the way of a CSV file or a DataFrame."""
    segment = _value_or_none(values.get("segment"))
    has_results = values.get("results") is not None
    # A record of single examples needs no score, since the mean of its results is the score.
    score = None
    if values["score"] is not None or not has_results:
        score = number(values["score"])
    return Record(
        task=values["task"],
        after=_value_or_none(values["after"]),
        score=score,
        examples=_value_or_none(values.get("examples")),
        segment=None if segment is None else str(segment),
        results=values.get("results"),
        clusters=values.get("clusters"),
    )


def _value_or_none(value: object) -> object:
    """Return None for an empty cell, which is an empty text in CSV and NaN in a DataFrame."""
    if is_missing(value):
        return None
    return value


def read_array(
    array: "ArrayLike",
    tasks: Sequence[Hashable] | None,
    orientation: str,
    untrained: bool,
    examples: int | None,
) -> tuple[Sequence[Hashable], list[tuple[object, ...]]]:
    """Find the tasks and the cells of an array; `AccuracyMatrix.from_array` has the arguments.

    Returns:
        The names of the tasks, and one tuple for `records_of` per cell that is not NaN.

    Raises:
        HoldfastError: The array is not of numbers, or its shape does not fit.
    """
    one_of("orientation", orientation, ORIENTATIONS)
    with reading("the array", "numbers of shape (T, T)"):
        scores = np.asarray(array, dtype=float)
    if orientation == "task-by-after":
        scores = scores.T
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] + untrained:
        expected = "(T, T)"
        if untrained:
            expected = "(T + 1, T) with the untrained row"
        raise HoldfastError(f"expected an array of shape {expected}, got {scores.shape}")
    columns = scores.shape[1]
    # Without names, tasks are called 0, 1, 2, and so on.
    if tasks is None:
        tasks = range(columns)
    if len(tasks) != columns:
        raise HoldfastError(f"the array has {columns} columns, but {len(tasks)} tasks are named")
    return tasks, _cells_of_array(scores, tasks, untrained, examples)


def _cells_of_array(
    scores: np.ndarray,
    tasks: Sequence[Hashable],
    untrained: bool,
    examples: int | None,
) -> list[tuple[object, ...]]:
    """List the cells that are not NaN as tuples in the order of `COLUMNS`."""
    rows: list[Hashable | None] = list(tasks)
    if untrained:
        rows = [None, *tasks]
    cells: list[tuple[object, ...]] = []
    for after, row in zip(rows, scores.tolist(), strict=True):
        for task, score in zip(tasks, row, strict=True):
            if not math.isnan(score):
                cells.append((task, after, score, examples))
    return cells


def values_of(key: Key, cell: Cell, clusters: np.ndarray | None) -> dict[str, Any]:
    """Return a cell as plain values, under the names that `records_of` reads."""
    task, after, segment = key
    values = {
        "task": task,
        "after": after,
        "score": cell.score,
        "examples": cell.examples,
        "segment": segment,
    }
    # Without results of single examples, clusters say nothing.
    if cell.results is not None:
        values["results"] = cell.results.tolist()
        if clusters is not None:
            values["clusters"] = clusters.tolist()
    return values


def order_of_tasks(records: Sequence[Record]) -> list[Hashable]:
    """List the tasks of records in the order in which they occur as `after`, then as `task`."""
    # `after` comes first, because rows are usually in the order of training.
    trained = [record.after for record in records if record.after is not None]
    evaluated = [record.task for record in records]
    return list(dict.fromkeys(trained + evaluated))


def read_csv(path: Path) -> list[dict[str, object]]:
    """Read the rows of a CSV file as dicts by column name.

    Raises:
        HoldfastError: Two columns have the same name.
    """
    reader = csv.DictReader(io.StringIO(_text_of(path), newline=""))
    names = [name.strip() for name in reader.fieldnames or ()]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    # Of two columns with the same name, `csv` would silently keep the last.
    if duplicates:
        raise HoldfastError(
            f"two columns are called {duplicates[0]!r}; give each column its own name"
        )
    reader.fieldnames = names
    return [dict(row) for row in reader]


def read_frame(frame: "pd.DataFrame") -> list[dict[str, object]]:
    """Read the rows of a DataFrame as dicts by column name."""
    names = [str(name) for name in frame.columns]
    rows = frame.to_dict("split")["data"]
    return [dict(zip(names, row, strict=True)) for row in rows]


def write_csv(records: Iterable[Mapping[str, object]]) -> str:
    """Write records as the text of a CSV file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for record in records:
        # `csv` writes None as an empty cell.
        writer.writerow([record[column] for column in COLUMNS])
    return out.getvalue()


def read_json(value: "str | Path | Mapping[str, object]") -> StoredMatrix:
    """Read the JSON form of a matrix.

    Args:
        value: The dict itself, JSON text, or the path of a file with JSON text.

    Raises:
        HoldfastError: The value has another structure, or a format that is not known.
    """
    data: object = value
    # Text that is no JSON object is taken for the path of a file.
    if isinstance(value, Path) or (isinstance(value, str) and not value.lstrip().startswith("{")):
        data = _text_of(Path(value))
    if isinstance(data, str):
        data = json.loads(data)
    if not isinstance(data, Mapping) or not _has_lists(data):
        raise HoldfastError(
            "expected an accuracy matrix as JSON: an object with the lists tasks and cells"
        )
    # Files that were written before the format had a number are of format 1.
    if data.get("format", FORMAT) != FORMAT:
        raise HoldfastError(
            f"matrix format {shown_value(data['format'])} is not known; "
            f"this version of Holdfast reads format {FORMAT}"
        )
    return StoredMatrix(
        tasks=[task_name(name) for name in data["tasks"]],
        records=data["cells"],
        score_range=data.get("score_range", OF_ACCURACY),
        chance=data.get("chance"),
    )


def _has_lists(data: Mapping[str, object]) -> bool:
    """Tell whether an object has the lists of a matrix."""
    return isinstance(data.get("tasks"), list) and isinstance(data.get("cells"), list)


def _text_of(path: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark."""
    return path.read_text(encoding="utf-8-sig")
