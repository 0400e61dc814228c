"""Results of a model, from a file, a data frame or an accuracy matrix, as one checked table."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError, reading
from holdfast.gate.files import KNOWN, Table, in_one_line, matrix_of, read_file, unique_names
from holdfast.gate.frames import ArrowStream, collecting, from_arrow, from_pandas
from holdfast.gate.names import apart
from holdfast.gate.tables import checked
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.matrix import Cell
from holdfast.metrics.releases import Standing, standing
from holdfast.text import safe_name

if TYPE_CHECKING:
    import pandas as pd

    Source = Path | str | pd.DataFrame | ArrowStream | AccuracyMatrix

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/")


@dataclass(frozen=True)
class Side:
    """What is known of one model.

    Args:
        rows: Its results, as `read_side` checks them.
        standing: Where it stands over its tasks, from an accuracy matrix or a ledger.
        name: Where the results came from, for reports.
        release: The ledger's name of the release, if the results came from a ledger.
        notes: Full sentences about what was left aside while the results were read.
    """

    rows: "pd.DataFrame"
    standing: Standing | None = None
    name: str = ""
    release: str = ""
    notes: tuple[str, ...] = ()


def read_side(source: "Source | Side", side: str = "results") -> Side:
    """Read a model's results.

    Results of single examples have the columns task, example_id and score, or label and prediction
    in place of score. They may have cluster, segment, label, prediction and probability. Aggregated
    results have task, score and examples, and perhaps sd and segment. Other columns are ignored.

    Args:
        source: A file (CSV, Parquet, JSON, JSON lines; all but Parquet may be compressed), a pandas
            data frame, a table of any library that speaks the Arrow PyCapsule protocol (Polars,
            DuckDB, PyArrow), or an accuracy matrix, of which the last row is judged: an object, or
            Holdfast's own JSON, CSV or result.json. A Side is returned as it is.
        side: What the results are called in messages, such as "champion".

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

    if isinstance(source, Side):
        return source
    if isinstance(source, AccuracyMatrix):
        return _from_matrix(source, side, side)
    if isinstance(source, str | os.PathLike):
        name = safe_name(os.fspath(source))
        if name.strip() in ("", "."):
            raise HoldfastError(f"{side}: no file is named; give the path of a file of results")
        where = f"{side} {name}"
        if _URL.match(name):
            raise HoldfastError(f"{where} is a URL; download it and give the path of the file")
        found = read_file(Path(source), where)
    elif isinstance(source, pd.DataFrame | ArrowStream):
        name = where = side
        found = _from_frame(source, where)
    else:
        kinds = "a path, a data frame (pandas, or one that speaks Arrow) or an accuracy matrix"
        method = collecting(source)
        advice = f"; turn it into a table first: .{method}()" if method else ""
        raise HoldfastError(f"{side}: expected {kinds}, got {type(source).__name__}{advice}")
    if isinstance(found, AccuracyMatrix):
        return _from_matrix(found, where, name)
    with reading(where, "results"):
        rows, notes = checked(*found, where)
    return Side(rows, None, name, notes=notes)


def read_results(source: "Source", side: str = "results") -> "pd.DataFrame":
    """Read the table of `read_side` alone, without its standing and notes."""
    return read_side(source, side).rows


def scores_of(rows: "pd.DataFrame") -> tuple[dict[str, float], dict[str, int]]:
    """Count and average by task.

    Args:
        rows: A table of `read_results`.

    Returns:
        The mean score and the number of examples (0: unknown) of every task.
    """
    if "examples" in rows:
        whole = rows[rows["segment"] == ""] if "segment" in rows else rows
        counts = whole["examples"].astype(int)
        scores = dict(zip(whole["task"], whole["score"], strict=True))
        return scores, dict(zip(whole["task"], counts, strict=True))
    found = rows.groupby("task", sort=False)["score"].agg(["mean", "size"])
    means = {str(t): float(v) for t, v in found["mean"].items()}
    return means, {str(t): int(n) for t, n in found["size"].items()}


def _from_frame(source: "pd.DataFrame | ArrowStream", where: str) -> Table | AccuracyMatrix:
    import pandas as pd

    with reading(where, "a data frame"):
        try:
            if isinstance(source, pd.DataFrame):
                columns, names = from_pandas(source, KNOWN)
            else:
                columns, names = from_arrow(source, KNOWN)
            unique_names(names)
            return matrix_of(columns, names) or (columns, names)
        except HoldfastError as error:  # of an accuracy matrix, which does not know its source
            raise HoldfastError(f"{where}: {in_one_line(error)}") from None


# ---- accuracy matrices


def _from_matrix(m: AccuracyMatrix, where: str, name: str) -> Side:
    """The last row of a matrix: single examples if every cell has them, else aggregated results."""
    with reading(where, "an accuracy matrix"):
        last = m.tasks[-1]
        cells = {(str(t), s or ""): c for (t, after, s), c in m.cells.items() if after == last}
        names = [str(t) for t in m.tasks]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise HoldfastError(f"{where}: two tasks have the same name as text: {apart(twice)}")
        missing = [t for t in names if (t, "") not in cells]
        if missing:
            end = apart(str(last))
            what = f"task {apart(missing[0])} was not evaluated after the last task {end}"
            raise HoldfastError(f"{where}: {what}, so the gate cannot judge it")
        rows, notes = _rows_of(m, cells, where)
        table = [{str(t): m.score(t, after=a) for t in m.tasks} for a in m.tasks]
        scores = [{t: s for t, s in row.items() if not np.isnan(s)} for row in table]
        place = {t: k for k, t in enumerate(names)}
        return Side(rows, standing(scores, place), name, notes=notes)


def _rows_of(
    m: AccuracyMatrix,
    cells: dict[tuple[str, str], Cell],
    where: str,
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """The table of the cells of one row of a matrix, and notes."""
    import pandas as pd

    if any(c.results is None for (_, s), c in cells.items() if not s):
        plain = [(t, s, c.score, c.examples or 0) for (t, s), c in cells.items()]
        frame = pd.DataFrame(plain, columns=["task", "segment", "score", "examples"])
        return checked(*from_pandas(frame, KNOWN), where)
    tables = [_examples_of(str(t), cells[str(t), ""].results, m.clusters.get(t)) for t in m.tasks]
    rows, notes = checked(*from_pandas(pd.concat(tables, ignore_index=True), KNOWN), where)
    left = sorted({f"{t}/{s}" for t, s in cells if s})
    if left:
        what = f"{len(left)} segments of the accuracy matrix ({where}) were left aside"
        why = "results of single examples do not say which segment they belong to"
        notes += (f"{what}, because {why}: {', '.join(left[:3])}.",)
    return rows, notes


def _examples_of(
    task: str,
    results: np.ndarray | None,
    clusters: np.ndarray | None,
) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame({"task": task, "score": results})
    frame["example_id"] = np.arange(len(frame))
    return frame if clusters is None else frame.assign(cluster=clusters)
