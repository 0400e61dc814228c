"""Results of a model, from a file, a data frame or an accuracy matrix, to one checked table. Any mistake is one clear error."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.releases import Standing, standing

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("task", "example_id", "score")
AGGREGATED = ("task", "score", "examples")
LABELS = ("cluster", "segment")
MATRIX = ("task", "after", "score")
READERS = {".parquet": "Parquet", ".csv": "CSV", ".jsonl": "JSON lines", ".ndjson": "JSON lines", ".json": "JSON"}


@dataclass(frozen=True)
class Side:
    """What is known of one model: its results, and where it stands over its tasks (from a matrix or a ledger)."""

    rows: "pd.DataFrame"
    standing: Standing | None = None
    name: str = ""
    release: str = ""  # the ledger's name of the release, if the results came from there
    notes: tuple[str, ...] = ()  # full sentences about what was left aside while reading


def read_side(source: "Path | str | pd.DataFrame | AccuracyMatrix | Side", side: str = "results") -> Side:
    """A model's results from a file (CSV, Parquet, JSON lines, JSON), a frame, or an accuracy matrix (Holdfast's own JSON or CSV, or a
    run's result.json), of which the last row is judged.

    Columns: task, example_id, score (and cluster, segment); or task, score, examples (and sd, segment) for aggregated scores.
    """
    import pandas as pd

    if isinstance(source, Side):
        return source
    where, name = (side, side) if isinstance(source, pd.DataFrame | AccuracyMatrix) else (f"{side} {source}", str(source))
    found = source if isinstance(source, pd.DataFrame | AccuracyMatrix) else _read(Path(source), where)
    if isinstance(found, AccuracyMatrix):
        return _from_matrix(found, where, name)
    return Side(_checked(found, where), None, name)


def read_results(source: "Path | str | pd.DataFrame | AccuracyMatrix", side: str = "results") -> "pd.DataFrame":
    """The table of `read_side`, without its standing."""
    return read_side(source, side).rows


def scores_of(rows: "pd.DataFrame") -> tuple[dict[str, float], dict[str, int]]:
    """Mean score and number of examples of every task, from a table of `read_results`."""
    if "examples" in rows:
        whole = rows[rows["segment"] == ""] if "segment" in rows else rows
        return dict(zip(whole["task"], whole["score"], strict=True)), dict(zip(whole["task"], whole["examples"].astype(int), strict=True))
    found = rows.groupby("task", sort=False)["score"].agg(["mean", "size"])
    return {str(t): float(v) for t, v in found["mean"].items()}, {str(t): int(n) for t, n in found["size"].items()}


def _read(path: Path, where: str) -> "pd.DataFrame | AccuracyMatrix":
    import pandas as pd

    if path.suffix not in READERS:
        raise HoldfastError(f"{where}: expected a file ending in {', '.join(READERS)}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            kinds = dict.fromkeys(("task", "example_id", "after", *LABELS), str)
            frame = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={"score": [""]})
            columns = [str(c) for c in frame.columns]
            return AccuracyMatrix.from_csv(path) if all(c in columns for c in MATRIX) else frame
        if path.suffix == ".json" and (whole := _whole(path)) is not None:
            if isinstance(whole, dict):
                return AccuracyMatrix.from_json(whole.get("matrix", whole))
            return pd.DataFrame.from_records(whole)
        return pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    except FileNotFoundError:
        raise HoldfastError(f"{where}: there is no such file") from None
    except HoldfastError as error:
        raise HoldfastError(f"{where}: {error}") from None
    except Exception as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise HoldfastError(f"{where} is not readable as {READERS[path.suffix]}: {text[:200]}") from None


def _whole(path: Path) -> Any:
    """The value of a JSON file; None where it is not one value but lines of them, or a single row."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return None
    return None if isinstance(value, dict) and not {"matrix", "cells", "tasks"} & set(value) else value


def _from_matrix(m: AccuracyMatrix, where: str, name: str) -> Side:
    """The last row of a matrix as results: of single examples where every cell has them, else aggregated (examples 0: not known)."""
    import pandas as pd

    last = m.tasks[-1]
    cells = {(str(t), s or ""): c for (t, after, s), c in m.cells.items() if after == last}
    missing = [str(t) for t in m.tasks if (str(t), "") not in cells]
    if missing:
        raise HoldfastError(
            f"{where}: task {missing[0]!r} was not evaluated after the last task {str(last)!r}, so the gate cannot judge it"
        )
    if all(c.results is not None for (_, s), c in cells.items() if not s):
        tables = [_examples_of(str(t), cells[str(t), ""].results, m.clusters.get(t)) for t in m.tasks]
        rows = _checked(pd.concat(tables, ignore_index=True), where)
    else:
        plain = [{"task": t, "segment": s, "score": c.score, "examples": c.examples or 0} for (t, s), c in cells.items()]
        rows = _checked(pd.DataFrame(plain), where)
    scores = [{str(t): m.score(t, after=a) for t in m.tasks if not np.isnan(m.score(t, after=a))} for a in m.tasks]
    return Side(rows, standing(scores, {str(t): k for k, t in enumerate(m.tasks)}), name)


def _examples_of(task: str, results: np.ndarray | None, clusters: np.ndarray | None) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame({"task": task, "score": results})
    frame["example_id"] = [f"{k}" for k in range(len(frame))]
    return frame if clusters is None else frame.assign(cluster=clusters)


def _checked(frame: "pd.DataFrame", where: str) -> "pd.DataFrame":
    import pandas as pd

    columns = [str(c) for c in frame.columns]
    if len(set(columns)) < len(columns):
        raise HoldfastError(f"{where}: column names must differ, got {columns}")
    kind = AGGREGATED if "examples" in columns and "example_id" not in columns else REQUIRED
    missing = [c for c in kind if c not in columns]
    if missing:
        raise HoldfastError(f"{where}: expected columns {', '.join(REQUIRED)} (or {', '.join(AGGREGATED)}), missing {', '.join(missing)}")
    if frame.empty:
        raise HoldfastError(f"{where}: no rows; expected at least one")
    frame = frame.set_axis(columns, axis=1)
    out = pd.DataFrame({"task": _text(frame["task"], where, "task")})
    out["score"] = _numbers(frame["score"], where, "score")
    if bool(((out["score"] < 0) | (out["score"] > 1)).any()):
        worst = out["score"][(out["score"] < 0) | (out["score"] > 1)].iloc[0]
        raise HoldfastError(f"{where}: scores lie in [0, 1], higher is better; got {worst:g}: divide by the largest possible score")
    keys = ["task"]
    if kind is AGGREGATED:
        _aggregated(frame, out, where)
        keys += ["segment"] if "segment" in out else []
    else:
        out["example_id"] = _text(frame["example_id"], where, "example_id")
        keys += ["example_id"]
        for label in LABELS:
            if label in columns:
                out[label] = _text(frame[label], where, label)
    twice = out.duplicated(keys)
    if bool(twice.any()):
        row = out[twice].iloc[0]
        raise HoldfastError(f"{where}: each {' and '.join(keys)} stands once, but {', '.join(repr(row[k]) for k in keys)} stands twice")
    return out


def _aggregated(frame: "pd.DataFrame", out: "pd.DataFrame", where: str) -> None:
    """Adds the columns of aggregated scores; an empty `segment` is the task as a whole, `examples` 0 is not known, `sd` NaN too."""
    import pandas as pd

    out["examples"] = _numbers(frame["examples"], where, "examples")
    if bool(((out["examples"] < 0) | (out["examples"] % 1 != 0)).any()):
        raise HoldfastError(f"{where}: examples are whole numbers of at least 1 (0: not known)")
    if "sd" in frame:
        known = ~frame["sd"].isin([""]) & frame["sd"].notna()
        out["sd"] = _numbers(frame["sd"].where(known, 0), where, "sd").where(known)
        if bool((out["sd"] < 0).any()):
            raise HoldfastError(f"{where}: sd is a standard deviation, at least 0")
    if "segment" in frame:
        out["segment"] = frame["segment"].fillna("").astype(str)
        whole = set(out["task"][out["segment"] == ""])
        alone = [t for t in pd.unique(out["task"]) if t not in whole]
        if alone:
            raise HoldfastError(f"{where}: task {alone[0]!r} has segments, but no row (with an empty segment) for the task as a whole")


def _text(column: "pd.Series[Any]", where: str, name: str) -> "pd.Series[str]":
    if bool(column.isna().any()):
        raise HoldfastError(f"{where}: {name} is missing in row {int(column.isna().to_numpy().argmax()) + 1}")
    text = column.astype(str)
    if bool((text == "").any()):
        raise HoldfastError(f"{where}: {name} is empty in row {int((text == '').to_numpy().argmax()) + 1}")
    return text


def _numbers(column: "pd.Series[Any]", where: str, name: str) -> "pd.Series[float]":
    import pandas as pd

    if column.dtype == bool:
        column = column.astype(float)
    values = pd.to_numeric(column, errors="coerce").astype(float)
    bad = ~np.isfinite(values.to_numpy())
    if bool(bad.any()):
        row = int(bad.argmax())
        raise HoldfastError(f"{where}: {name} must be a number, got {column.iloc[row]!r} in row {row + 1}")
    return values
