"""Scores of a model on frozen test sets: read, checked, and joined on the example."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("task", "example_id", "score")
AGGREGATED = ("task", "score", "examples")
READERS = {".parquet": "Parquet", ".csv": "CSV", ".jsonl": "JSON lines", ".ndjson": "JSON lines", ".json": "JSON lines"}


@dataclass(frozen=True)
class Pair:
    """One task's scores of both sides on the same examples. `cluster`: what each example belongs to, where given."""

    champion: np.ndarray  # (N,)
    candidate: np.ndarray  # (N,)
    cluster: np.ndarray | None = None

    @property
    def means(self) -> tuple[float, float]:
        """Mean score of both sides."""
        return float(self.champion.mean()), float(self.candidate.mean())

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return all(bool(((s == 0) | (s == 1)).all()) for s in (self.champion, self.candidate))


@dataclass(frozen=True)
class Summary:
    """One task's scores of both sides as mean, standard deviation (None: unknown) and number of examples."""

    champion: tuple[float, float | None, int]
    candidate: tuple[float, float | None, int]

    @property
    def means(self) -> tuple[float, float]:
        """Mean score of both sides."""
        return self.champion[0], self.candidate[0]


@dataclass(frozen=True)
class Comparison:
    """What a gate judges: tasks both sides have, those of one side, and ids that did not match."""

    tasks: dict[str, Pair | Summary]
    only_champion: dict[str, float]  # task → mean score
    only_candidate: dict[str, tuple[float, int]]  # task → mean score, examples
    unmatched: dict[str, int]


def read_results(source: "Path | str | pd.DataFrame", side: str = "results") -> "pd.DataFrame":
    """A table with columns task, example_id, score (and cluster), or task, score, examples (and sd). Any mistake is one clear error."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        return _checked(source, side)
    path = Path(source)
    if path.suffix not in READERS:
        raise HoldfastError(f"{side} {path}: expected a file ending in {', '.join(READERS)}")
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        elif path.suffix == ".csv":
            kinds = dict.fromkeys(("task", "example_id", "cluster", "segment"), str)
            frame = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={"score": [""]})
        else:
            frame = pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    except FileNotFoundError:
        raise HoldfastError(f"{side} {path}: there is no such file") from None
    except Exception as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise HoldfastError(f"{side} {path} is not readable as {READERS[path.suffix]}: {text[:200]}") from None
    return _checked(frame, f"{side} {path}")


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
    out = pd.DataFrame({"task": _text(frame["task"], where, "task")})
    out["score"] = _numbers(frame["score"], where, "score")
    if bool(((out["score"] < 0) | (out["score"] > 1)).any()):
        worst = out["score"][(out["score"] < 0) | (out["score"] > 1)].iloc[0]
        raise HoldfastError(f"{where}: scores lie in [0, 1], higher is better; got {worst:g}: divide by the largest possible score")
    if kind is AGGREGATED:
        out["examples"] = _numbers(frame["examples"], where, "examples")
        if bool(((out["examples"] < 1) | (out["examples"] % 1 != 0)).any()):
            raise HoldfastError(f"{where}: examples are whole numbers of at least 1")
        if "sd" in columns:
            out["sd"] = _numbers(frame["sd"], where, "sd")
        keys = ["task"]
    else:
        out["example_id"] = _text(frame["example_id"], where, "example_id")
        if "cluster" in columns:
            out["cluster"] = _text(frame["cluster"], where, "cluster")
        keys = ["task", "example_id"]
    twice = out.duplicated(keys)
    if bool(twice.any()):
        row = out[twice].iloc[0]
        raise HoldfastError(f"{where}: each {' and '.join(keys)} stands once, but {', '.join(repr(row[k]) for k in keys)} stands twice")
    return out


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


def compare(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> Comparison:
    """Both sides, as `read_results` gives them, task by task. Per-example results are joined on the id."""
    if ("examples" in champion) != ("examples" in candidate):
        raise HoldfastError("one side has results of single examples, the other aggregated ones; give both in the same form")
    a, b = ({str(t): rows for t, rows in f.groupby("task", sort=False)} for f in (champion, candidate))
    tasks: dict[str, Pair | Summary] = {}
    unmatched: dict[str, int] = {}
    for task in a:
        if task not in b:
            continue
        if "examples" in champion:
            tasks[task] = Summary(_row(a[task]), _row(b[task]))
            continue
        both = a[task].merge(b[task], on="example_id", suffixes=("", "_b"), sort=False)
        unmatched[task] = len(a[task]) + len(b[task]) - 2 * len(both)
        cluster = both["cluster"].to_numpy() if "cluster" in both else None
        tasks[task] = Pair(both["score"].to_numpy(), both["score_b"].to_numpy(), cluster)
    gone = {t: float(a[t]["score"].mean()) for t in a if t not in b}
    new = {t: (float(b[t]["score"].mean()), int(b[t]["examples"].iloc[0]) if "examples" in b[t] else len(b[t])) for t in b if t not in a}
    return Comparison(tasks, gone, new, {t: n for t, n in unmatched.items() if n})


def _row(frame: "pd.DataFrame") -> tuple[float, float | None, int]:
    first = frame.iloc[0]
    return float(first["score"]), float(first["sd"]) if "sd" in frame else None, int(first["examples"])
