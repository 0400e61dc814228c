"""Results of a model from a file, a data frame or an accuracy matrix, as one checked table."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, reading
from holdfast.gate.formats import NOTHING_WANTED, Log, Scale, Wanted, read_log
from holdfast.gate.formats.source import Source as LogSource
from holdfast.gate.reading.checks import checked
from holdfast.gate.reading.dataframes import ArrowStream, collecting, from_arrow, from_pandas
from holdfast.gate.reading.files import in_one_line, read_file
from holdfast.gate.reading.matrices import last_row, standing_of
from holdfast.gate.reading.origins import Origin, origin_of
from holdfast.gate.reading.raw_table import (
    KNOWN,
    Known,
    RawTable,
    as_column,
    or_matrix,
    refuse_equal_names,
)
from holdfast.gate.reading.repeats import average_repeats
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.releases import Standing
from holdfast.text import safe_name

if TYPE_CHECKING:
    import pandas as pd

    Source = Path | str | pd.DataFrame | ArrowStream | AccuracyMatrix

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/")


@dataclass(frozen=True)
class Side:
    """The results of one model.

    Args:
        rows: The results, as `read_side` checks them.
        standing: ACC, BWT and forgetting, from an accuracy matrix or a ledger. None if the results
            do not tell them.
        name: Where the results came from, for reports.
        release: The ledger's name of the release, or "" if the results came from elsewhere.
        notes: Full sentences about what was ignored while the results were read.
        facts: By task, what must be equal on both sides; see `holdfast.gate.formats.Log`.
        unscored: By task and reason, the number of rows without a score.
        scales: By task, what the scores mean, if a tool's files tell it.
        origin: The file or folder that was read, with a digest of its content. None if the results
            came from elsewhere.
    """

    rows: "pd.DataFrame"
    standing: Standing | None = None
    name: str = ""
    release: str = ""
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unscored: Mapping[tuple[str, str], int] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
    origin: Origin | None = None


def read_side(
    source: "Source | Side", side: str = "results", wanted: Wanted = NOTHING_WANTED
) -> Side:
    """Read a model's results.

    Results of single examples have the columns task, example_id and score, or label and prediction
    in place of score. They may also have cluster, segment, label, prediction and probability.
    Aggregated results have task, score and examples, and perhaps sd and segment. Other columns are
    ignored.

    Args:
        source: A file (CSV, Parquet, JSON, JSON lines; all but Parquet may be compressed), a file
            or folder of an evaluation tool (see `holdfast.gate.formats`), a pandas data frame, a
            table of any library that speaks the Arrow PyCapsule protocol (Polars, DuckDB, PyArrow),
            or an accuracy matrix, whose last row is judged. A matrix may be an object, or
            Holdfast's own JSON, CSV or result.json. A `Side` is returned as it is.
        side: What the results are called in messages, such as "champion".
        wanted: Which format, metric and columns are asked for.

    Returns:
        The checked results.

    Raises:
        HoldfastError: The source cannot be read, or its content is not as described above.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"task": "a", "example_id": [1.0, 2.0], "score": [True, False]})
        >>> read_side(frame).rows
          task  score example_id
        0    a    1.0          1
        1    a    0.0          2
    """
    import pandas as pd

    # A ledger has made a side already.
    if isinstance(source, Side):
        return source
    if isinstance(source, AccuracyMatrix):
        return _from_matrix(source, side, side)
    if isinstance(source, str | os.PathLike):
        return _from_file(source, side, wanted)
    # A frame of pandas speaks Arrow too, but its own columns need no PyArrow.
    if isinstance(source, pd.DataFrame | ArrowStream):
        return _as_side(_from_frame(source, side, _known(wanted)), side, side, wanted)
    raise _no_source(source, side)


def _no_source(source: object, side: str) -> HoldfastError:
    """Make the error for an object that holds no results, and say how a lazy table would."""
    advice = ""
    method = collecting(source)
    if method:
        advice = f"; turn it into a table first: .{method}()"
    return HoldfastError(
        f"{side}: expected a path, a data frame (pandas, or one that speaks Arrow) or an accuracy "
        f"matrix, got {type(source).__name__}{advice}"
    )


def _known(wanted: Wanted) -> Known:
    """Say which columns of a table are read."""
    names = {wanted.metric, wanted.segment, wanted.cluster, wanted.identifier} - {""}
    return KNOWN.also(names | wanted.columns)


def _from_file(source: "str | os.PathLike[str]", side: str, wanted: Wanted) -> Side:
    """Read a file. Its name never shows a password."""
    name = safe_name(os.fspath(source))
    # An empty variable of a shell script becomes an empty path, which means the working directory.
    if name.strip() in ("", "."):
        raise HoldfastError(f"{side}: no file is named; give the path of a file of results")
    where = f"{side} {name}"
    if _URL.match(name):
        raise HoldfastError(f"{where} is a URL; download it and give the path of the file")
    path = Path(source)
    # What holds no results, such as a home folder, is refused before all of it is digested.
    found = _from_path(path, where, name, wanted)
    return replace(found, origin=origin_of(path, name))


def _from_path(path: Path, where: str, name: str, wanted: Wanted) -> Side:
    """Read a table, or the files of an evaluation tool."""
    if path.exists():
        # Tools are asked before tables, because their logs have the same endings.
        with reading(where, "the files of an evaluation tool"):
            log = read_log(LogSource(path), wanted, where)
        if log is not None:
            return _from_log(log, where, name, wanted)
    return _as_side(read_file(path, where, _known(wanted)), where, name, wanted)


def _from_log(log: Log, where: str, name: str, wanted: Wanted) -> Side:
    """Check what a reader found in the files of an evaluation tool."""
    columns = {column: as_column(values) for column, values in log.columns.items()}
    # A tool may score in any range. The scale of each task says which, and is checked later.
    any_range = bool(log.scales) or wanted.any_score
    with reading(where, "results"):
        table = RawTable(columns, list(columns))
        rows, notes = checked(table, where, replace(wanted, any_score=any_range))
    return Side(
        rows=rows,
        name=name,
        notes=(*log.notes, *notes),
        facts=log.facts,
        unscored=log.unscored,
        scales=log.scales,
    )


def _from_frame(
    source: "pd.DataFrame | ArrowStream", where: str, known: Known
) -> RawTable | AccuracyMatrix:
    """Take the columns of a data frame, or the accuracy matrix that it holds."""
    import pandas as pd

    with reading(where, "a data frame"):
        try:
            if isinstance(source, pd.DataFrame):
                table = from_pandas(source, known)
            else:
                table = from_arrow(source, known)
            refuse_equal_names(table.names)
            return or_matrix(table)
        except HoldfastError as error:  # from an accuracy matrix, which does not know its source
            raise HoldfastError(f"{where}: {in_one_line(error)}") from None


def _as_side(content: RawTable | AccuracyMatrix, where: str, name: str, wanted: Wanted) -> Side:
    """Check what was read."""
    if isinstance(content, AccuracyMatrix):
        return _from_matrix(content, where, name)
    # Whatever goes wrong with odd values becomes one error that names the source.
    with reading(where, "results"):
        rows, notes = checked(_as_named(content, wanted, where), where, wanted)
    return Side(rows=rows, name=name, notes=notes)


def _as_named(table: RawTable, wanted: Wanted, where: str) -> RawTable:
    """Use the columns that the user names as the segment, the cluster and the example."""
    columns = dict(table.columns)
    for usual, chosen in (
        ("segment", wanted.segment),
        ("cluster", wanted.cluster),
        ("example_id", wanted.identifier),
    ):
        if not chosen:
            continue
        if chosen not in table.columns:
            raise HoldfastError(
                f"{where}: there is no column {chosen!r} for the {usual}; the columns are: "
                f"{', '.join(table.names)}"
            )
        columns[usual] = table.columns[chosen]
    return replace(table, columns=columns)


def _from_matrix(matrix: AccuracyMatrix, where: str, name: str) -> Side:
    """Check the last row of an accuracy matrix."""
    with reading(where, "an accuracy matrix"):
        rows, notes = last_row(matrix, where)
        return Side(rows=rows, standing=standing_of(matrix), name=name, notes=notes)


def read_results(source: "Source", side: str = "results") -> "pd.DataFrame":
    """Read the table of `read_side` alone, without its standing and notes.

    Args:
        source: See `read_side`.
        side: What the results are called in messages.
    """
    rows = read_side(source, side).rows
    if "score" not in rows:
        raise HoldfastError(
            f"{side}: there is neither a column score nor one of predictions; a ledger keeps "
            "scores in [0, 1], so add one of them"
        )
    if "repeat" in rows:  # a ledger keeps one row per example
        rows, _ = average_repeats(rows, side)
    return rows


def scores_of(rows: "pd.DataFrame") -> tuple[dict[str, float], dict[str, int]]:
    """Count and average results by task.

    Args:
        rows: A table from `read_results`.

    Returns:
        The mean score and the number of examples (0: unknown) of every task.
    """
    # Aggregated results are averaged already. Rows of segments are parts of those of their task.
    if "examples" in rows:
        whole_tasks = rows
        if "segment" in rows:
            whole_tasks = rows[rows["segment"] == ""]
        tasks = whole_tasks["task"]
        scores = dict(zip(tasks, whole_tasks["score"], strict=True))
        return scores, dict(zip(tasks, whole_tasks["examples"].astype(int), strict=True))
    by_task = rows.groupby("task", sort=False)["score"].agg(["mean", "size"])
    means = {str(task): float(mean) for task, mean in by_task["mean"].items()}
    return means, {str(task): int(count) for task, count in by_task["size"].items()}
