"""Scores as text, JSON and tables, checked before a matrix takes them."""

import csv
import io
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError

WIDEST = 1e30  # of a score, so that sums and squares stay finite
COLUMNS = ("task", "after", "score", "examples", "segment")


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark."""
    return path.read_text(encoding="utf-8-sig")


def csv_records(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file by column; a name that two columns have is refused."""
    reader = csv.DictReader(io.StringIO(text_of(path), newline=""))
    names = [n.strip() for n in reader.fieldnames or ()]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise HoldfastError(f"two columns are called {twice[0]!r}; give each column its own name")
    reader.fieldnames = names
    return list(reader)


def json_matrix(value: "str | Path | Mapping[str, Any]") -> Mapping[str, Any]:
    """The dict of a matrix from itself, from JSON text, or from a file that holds it."""
    data: Any = value
    if isinstance(value, Path) or (isinstance(value, str) and not value.lstrip().startswith("{")):
        data = text_of(Path(value))
    data = json.loads(data) if isinstance(data, str) else data
    if not isinstance(data, Mapping) or not _lists(data, "tasks", "cells"):
        raise HoldfastError(
            "expected an accuracy matrix as JSON: an object with the lists tasks and cells"
        )
    return data


def _lists(data: Mapping[str, Any], *keys: str) -> bool:
    return all(isinstance(data.get(k), list) for k in keys)


def complete(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records that have a task, an `after` (None: the untrained model) and a score."""
    for k, r in enumerate(records):
        lacking = {"task", "after", "score"} - set(r)
        if lacking:
            has = ", ".join(map(str, r)) or "nothing"
            raise HoldfastError(f"record {k} lacks {', '.join(sorted(lacking))}; it has {has}")
        r["after"] = None if missing(r["after"]) else r["after"]
    return records


def missing(value: Any) -> bool:
    """Whether a cell of a table is empty: None, no text, or NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def number(value: Any, what: str = "the score") -> float:
    """A number, or text that is one."""
    try:
        if isinstance(value, bool | np.bool_) or (isinstance(value, str) and "_" in value):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise HoldfastError(f"{what} must be a number, got {str(value)[:50]!r}") from None
    except OverflowError:
        raise HoldfastError(
            f"{what} is a number that is too large for a score or a count"
        ) from None


def whole(value: Any, what: str) -> int:
    """A whole number of at least 1."""
    found = number(value, what)
    if not found.is_integer() or not 1 <= found < 2**53:
        raise HoldfastError(f"{what} must be a whole number of at least 1, got {str(value)[:50]}")
    return int(found)


def task_name(value: Any) -> Hashable:
    """A task's name from JSON; a list (a name of several parts) becomes a tuple."""
    name = tuple(value) if isinstance(value, list) else value
    try:
        hash(name)
    except TypeError:
        raise HoldfastError(
            f"a task's name must be text or a number, got {str(value)[:50]}"
        ) from None
    return name


def names(tasks: Sequence[Hashable]) -> tuple[Hashable, ...]:
    """Names of tasks: at least one, all different, none of them empty."""
    found = tuple(task_name(t) for t in tasks)
    if not found:
        raise HoldfastError("an accuracy matrix needs at least one task, got none")
    if any(missing(t) for t in found):
        raise HoldfastError("a task has no name: it is empty, None or NaN")
    if len(set(found)) < len(found):
        raise HoldfastError(f"task names must differ, got {str(list(found))[:200]}")
    return found


def score_bounds(value: Any) -> tuple[float, float]:
    """The lowest and the highest possible score."""
    pair = list(value) if isinstance(value, list | tuple) else []
    if len(pair) == 2:
        low, high = number(pair[0], "score_range"), number(pair[1], "score_range")
        if -WIDEST <= low < high <= WIDEST:
            return low, high
    raise HoldfastError(
        f"score_range must be (lowest, highest), two numbers below {WIDEST:g}, got {str(value)[:50]}"
    )


def chance_levels(
    value: Any, tasks: Sequence[Hashable], bounds: tuple[float, float]
) -> dict[Hashable, float]:
    """Scores of guessing by task, in the order of tasks; those that are None are left out."""
    levels = (
        value
        if isinstance(value, Mapping)
        else {}
        if value is None
        else dict.fromkeys(tasks, value)
    )
    strange = [t for t in levels if t not in tasks]
    if strange:
        raise HoldfastError(
            f"chance names task {str(strange[0])[:50]!r}, which is not in the matrix"
        )
    found = {
        t: number(levels[t], f"chance of task {str(t)[:50]!r}")
        for t in tasks
        if levels.get(t) is not None
    }
    for task, level in found.items():
        if not bounds[0] <= level <= bounds[1]:
            raise HoldfastError(
                f"chance of task {str(task)[:50]!r} must be a possible score, in {list(bounds)}, got {level:g}"
            )
    return found
