"""Which columns a table of results has: other names for them, missing and misspelt ones."""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.formats.log import Wanted
from holdfast.gate.names import folded
from holdfast.gate.reading.raw_table import (
    AGGREGATED,
    ALIASES,
    PROBABILITIES,
    REQUIRED,
    Column,
)
from holdfast.gate.reading.values import is_empty, short

OPTIONAL = (
    "cluster",
    "segment",
    "label",
    "prediction",
    "repeat",
    "probability",
    "sd",
    "input",
)
ONE_TASK = "all"  # the task of a table of predictions without a column task
MOST_LISTED = 12  # column names that a message lists
SIMILAR = 0.8  # how alike a misspelt column name must be, from 0 to 1


def usual_columns(columns: Mapping[str, Column], where: str, wanted: Wanted) -> dict[str, Column]:
    """Give the columns of a table the names that the gate uses, and leave out empty ones.

    Args:
        columns: The columns as they were read.
        where: The file or argument, for messages.
        wanted: What the user asks for.

    Raises:
        HoldfastError: Two columns mean the same.
    """
    return _with_one_task(_renamed(_without_empty(columns), where), wanted)


def _without_empty(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Leave out optional columns without any value, which are as good as none."""
    empty = {name for name in OPTIONAL if name in columns and is_empty(columns[name])}
    return {name: column for name, column in columns.items() if name not in empty}


def _renamed(columns: Mapping[str, Column], where: str) -> dict[str, Column]:
    """Give columns with another name for the same thing the name that the gate uses."""
    renamed: dict[str, Column] = {}
    for name, column in columns.items():
        usual = ALIASES.get(name, name)
        # A column that has the usual name itself comes first, as in a table with id and example_id.
        if usual != name and usual in columns:
            continue
        if usual in renamed:
            raise HoldfastError(
                f"{where}: two columns mean {usual}, of which one is {name}; leave one of them out"
            )
        renamed[usual] = column
    # Scores of any size are enough to rank examples. Only probabilities must lie in [0, 1].
    if "y_score" in columns and "probability" not in columns:
        renamed["ranking"] = renamed.pop("probability")
    return renamed


def _with_one_task(columns: dict[str, Column], wanted: Wanted) -> dict[str, Column]:
    """Make all rows of a table of predictions one task if it does not name tasks."""
    if "task" in columns or "examples" in columns or "example_id" not in columns:
        return columns
    if not _is_predictions(columns, wanted) and wanted.metric not in columns:
        return columns
    # A table of predictions is usually one test set, whose owner sees no need to name a task.
    task = np.full(len(columns["example_id"]), ONE_TASK, dtype=object)
    return {"task": task, **columns}


def _is_predictions(columns: Mapping[str, Column], wanted: Wanted) -> bool:
    """Whether a table holds predictions. With a metric, the labels may be on the other side."""
    return bool(_answers(columns)) and ("label" in columns or wanted.weighted)


def _answers(columns: Mapping[str, Column]) -> list[str]:
    """List the columns with what a model answered: predictions, probabilities, scores to rank."""
    names = ("prediction", "probability", "ranking")
    return [name for name in columns if name in names or name.startswith(PROBABILITIES)]


def refuse_missing_columns(
    columns: Mapping[str, Column],
    names: Sequence[str],
    aggregated: bool,
    where: str,
    wanted: Wanted,
) -> None:
    """Stop if columns are missing. Name those that are there, and any that is misspelt."""
    needed = REQUIRED
    if aggregated:
        needed = AGGREGATED
    missing = [name for name in needed if name not in columns]
    # A metric may need predictions or a column of its own in place of a score.
    has_predictions = _is_predictions(columns, wanted)
    has_metric = any(name in columns for name in wanted.columns)
    if not aggregated and missing == ["score"] and (has_predictions or has_metric):
        return
    if not missing:
        return
    listed = ", ".join(short(name)[1:-1] for name in names[:MOST_LISTED]) or "none"
    if len(names) > MOST_LISTED:
        listed += ", …"
    hints = "".join(f"; {hint}" for hint in _spelling_hints(missing, names))
    raise HoldfastError(
        f"{where}: expected the columns {', '.join(REQUIRED)} (or {', '.join(AGGREGATED)}), "
        f"missing {', '.join(missing)} (label and prediction may replace score); "
        f"the columns there are: {listed}{hints}"
    )


def _spelling_hints(missing: Sequence[str], names: Sequence[str]) -> list[str]:
    """Find columns that are perhaps meant for those that are missing."""
    hints = []
    for expected in missing:
        for name in names:
            if name != expected and folded(name) == expected:
                hints.append(
                    f"{short(name)} differs from {expected!r} by case or spaces only; rename it"
                )
                break
        else:
            # A name that differs by case only is certain, so this is the second choice.
            similar = difflib.get_close_matches(expected, names, n=1, cutoff=SIMILAR)
            if similar:
                hints.append(f"{short(similar[0])} is perhaps meant for {expected!r}; rename it")
    return hints
