"""The columns of a side's results, checked: one row per example, or one per task and segment."""

import difflib
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.columns import is_empty, numbers, short, text
from holdfast.gate.files import AGGREGATED, REQUIRED
from holdfast.gate.frames import Column
from holdfast.gate.names import apart, folded
from holdfast.gate.predictions import agreement

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-6  # a score this close to 0 or 1 is 0 or 1
DIGITS = 2  # of a mean at least, when its rounding is considered
MOST = 10**15  # examples
TEXTS = ("cluster", "segment", "label", "prediction")  # optional, of single examples
OPTIONAL = (*TEXTS, "probability", "sd")
WEIGHTS = ("weight", "weights", "sample_weight")
SHOWN = 12  # column names that a message lists


def checked(
    columns: dict[str, Column],
    names: list[str],
    where: str,
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """The table that the gate works with, from columns of any source.

    Args:
        columns: The known columns.
        names: The names of all columns, for messages.
        where: The file or argument, for messages.

    Returns:
        The table, with text as text and numbers as numbers; and notes about what was left aside.

    Raises:
        HoldfastError: Columns are missing, or a value is not what its column holds.
    """
    import pandas as pd

    columns = {n: c for n, c in columns.items() if n not in OPTIONAL or not is_empty(c)}
    aggregated = "examples" in columns and "example_id" not in columns
    _complete(columns, names, aggregated, where)
    if not len(columns["task"]):
        raise HoldfastError(f"{where}: no rows; expected at least one")
    out = pd.DataFrame({"task": text(columns["task"], where, "task")})
    if aggregated:
        out["score"] = _scores(columns["score"], where, near=False)
        _aggregated(columns, out, where)
    else:
        _single(columns, out, where)
    keys = [k for k in ("task", "segment" if aggregated else "example_id") if k in out]
    twice = out.duplicated(keys)
    if bool(twice.any()):
        row = out[twice].iloc[0]
        named = ", ".join(apart(row[k]) for k in keys)
        rule = f"each {' and '.join(keys)} has one row"
        raise HoldfastError(f"{where}: {rule}, but {named} stands twice")
    return out, tuple(_notes(columns, out, where))


def _complete(columns: dict[str, Column], names: list[str], aggregated: bool, where: str) -> None:
    """Stop if columns are missing; name those that are there, and any that is spelt differently."""
    needed = AGGREGATED if aggregated else REQUIRED
    missing = [c for c in needed if c not in columns]
    if not aggregated and missing == ["score"] and "label" in columns and "prediction" in columns:
        return
    if not missing:
        return
    hints = []
    for lacking in missing:
        near = [n for n in names if n != lacking and folded(n) == lacking]
        near = near or difflib.get_close_matches(lacking, names, n=1, cutoff=0.8)
        if near and folded(near[0]) == lacking:
            how = f"differs from {lacking!r} by case or spaces only"
            hints.append(f"{short(near[0])} {how}; rename it")
        elif near:
            hints.append(f"{short(near[0])} is perhaps meant for {lacking!r}; rename it")
    there = ", ".join(short(n)[1:-1] for n in names[:SHOWN]) or "none"
    more = ", …" if len(names) > SHOWN else ""
    expected = f"expected columns {', '.join(REQUIRED)} (or {', '.join(AGGREGATED)})"
    raise HoldfastError(
        f"{where}: {expected}, missing {', '.join(missing)} (label and prediction may replace "
        f"score); the columns there are: {there}{more}" + "".join(f"; {hint}" for hint in hints)
    )


# ---- single examples


def _single(columns: dict[str, Column], out: "pd.DataFrame", where: str) -> None:
    """Add the columns of single examples."""
    more = {name: text(columns[name], where, name) for name in TEXTS if name in columns}
    if "score" in columns:
        out["score"] = _scores(columns["score"], where, near=True)
    else:
        out["score"] = agreement(more["label"], more["prediction"]).astype(float)
    out["example_id"] = text(columns["example_id"], where, "example_id")
    for name, values in more.items():
        out[name] = values
    if "probability" in columns:
        chances = numbers(columns["probability"], where, "probability")
        _within(chances, where, "probability", "probabilities lie in [0, 1]")
        out["probability"] = chances.clip(0, 1)


def _scores(column: Column, where: str, near: bool) -> np.ndarray:
    """Scores in [0, 1]. Those beyond it by rounding are 0 or 1; `near`: those inside as well."""
    values = numbers(column, where, "score")
    _within(
        values,
        where,
        "score",
        "scores lie in [0, 1], higher is better",
        ": divide by the largest possible score",
    )
    values = values.clip(0, 1)
    if near:
        values[values <= TOLERANCE] = 0
        values[values >= 1 - TOLERANCE] = 1
    return values


def _within(values: np.ndarray, where: str, name: str, rule: str, advice: str = "") -> None:
    outside = (values < -TOLERANCE) | (values > 1 + TOLERANCE)
    if bool(outside.any()):
        row = int(outside.argmax())
        got = f"got {name} {values[row]:.10g} in row {row + 1}"
        raise HoldfastError(f"{where}: {rule}; {got}{advice}")


# ---- aggregated


def _aggregated(columns: dict[str, Column], out: "pd.DataFrame", where: str) -> None:
    """Add the columns of aggregated scores; examples 0 and sd NaN are unknown."""
    import pandas as pd

    examples = np.nan_to_num(numbers(columns["examples"], where, "examples", empty=True))
    bad = (examples < 0) | (examples % 1 != 0) | (examples > MOST)
    if bool(bad.any()):
        row = int(bad.argmax())
        rule = "examples must be a whole number of at least 1 (0: not known)"
        raise HoldfastError(f"{where}: {rule}, got {examples[row]:g} in row {row + 1}")
    out["examples"] = examples
    if "sd" in columns:
        out["sd"] = numbers(columns["sd"], where, "sd", empty=True)
        _possible(out, where)
    if "segment" in columns:
        out["segment"] = text(columns["segment"], where, "segment", empty=True)
        whole = set(out["task"][out["segment"] == ""])
        alone = [t for t in pd.unique(out["task"]) if t not in whole]
        if alone:
            what = f"task {apart(alone[0])} has segments, but no row for the task as a whole"
            raise HoldfastError(f"{where}: {what}; add one with an empty segment")


def _possible(out: "pd.DataFrame", where: str) -> None:
    """Stop at a standard deviation that scores in [0, 1] with this mean and number cannot have."""
    mean, sd, n = (out[c].to_numpy(dtype=float) for c in ("score", "sd", "examples"))
    rounding = 0.5 * 10.0 ** -max(DIGITS, *(len(repr(m).partition(".")[2]) for m in mean.tolist()))
    nearest = mean + np.clip(0.5 - mean, -rounding, rounding)  # perhaps, before it was rounded
    free = np.where(n == 0, 2, n / np.maximum(n - 1, 1))  # an unknown number may be 2
    largest = np.sqrt(nearest * (1 - nearest) * free)
    bad = (sd < 0) | (sd > largest + rounding + TOLERANCE)
    if bool(bad.any()):
        k = int(bad.argmax())
        count = f"{n[k]:.0f} examples" if n[k] else "an unknown number of examples"
        what = f"sd is {sd[k]:g} in row {k + 1}"
        which = f"scores in [0, 1] with mean {mean[k]:g} and {count}"
        limit = f"have a standard deviation from 0 to {largest[k]:.4g}"
        raise HoldfastError(f"{where}: {what}, but {which} {limit}; give that of the single scores")


# ---- notes


def _notes(columns: dict[str, Column], out: "pd.DataFrame", where: str) -> list[str]:
    """What was left aside, and names that look like each other."""
    notes = []
    for name in WEIGHTS:
        if name in columns:
            what = f"The column {name} of {where} was left aside"
            notes.append(f"{what}, because every example counts alike.")
    seen: dict[str, str] = {}
    for task in out["task"].unique().tolist():
        other = seen.setdefault(folded(task), task)
        if other != task:
            both = f"the tasks {apart(other)} and {apart(task)}"
            how = "differ only in case, white space or Unicode form"
            notes.append(f"In {where}, {both} {how}; they are judged as two tasks.")
    return notes
