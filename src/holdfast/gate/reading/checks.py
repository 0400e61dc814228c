"""The checks of a side's results: one row per example, or one per task and segment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.formats.log import NOTHING_WANTED, Wanted
from holdfast.gate.names import apart, folded
from holdfast.gate.reading.column_names import refuse_missing_columns, usual_columns
from holdfast.gate.reading.raw_table import (
    PROBABILITIES,
    Column,
    RawTable,
)
from holdfast.gate.reading.values import numbers, text
from holdfast.gate.right_answers import agreement

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-6  # a score this close to 0 or 1 is 0 or 1
DIGITS = 2  # to which a mean is assumed to be rounded at least
# A float holds every whole number up to this one.
MOST_EXAMPLES = 10**15
TEXTS = ("cluster", "segment", "label", "prediction", "repeat")  # optional, of single examples
WEIGHTS = ("weight", "weights", "sample_weight")


def checked(
    table: RawTable, where: str, wanted: Wanted = NOTHING_WANTED
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Check a table from any source, and convert it to the form that the gate works with.

    Args:
        table: The table as it was read.
        where: The file or argument, for messages.
        wanted: What the user asks for, such as further columns.

    Returns:
        The table, with text as text and numbers as numbers, and notes about what was ignored.

    Raises:
        HoldfastError: Columns are missing, or a value is not what its column should hold.
    """
    import pandas as pd

    columns = usual_columns(table.columns, where, wanted)
    # A table of single examples may have a column examples for another purpose.
    aggregated = "examples" in columns and "example_id" not in columns
    refuse_missing_columns(columns, table.names, aggregated, where, wanted)
    if not len(columns["task"]):
        raise HoldfastError(f"{where}: no rows; expected at least one")

    rows = pd.DataFrame({"task": text(columns["task"], where, "task")})
    if aggregated:
        _add_aggregated(columns, rows, where)
        _refuse_duplicates(rows, [name for name in ("task", "segment") if name in rows], where)
    else:
        _add_single_examples(columns, rows, where, wanted)
        _refuse_repeats(rows, where, wanted)
    notes = _similar_tasks(rows, where)
    if "weight" not in rows:
        notes = [*_ignored_weights(columns, where), *notes]
    return rows, tuple(notes)


# ---- rows that occur several times


def _refuse_duplicates(rows: "pd.DataFrame", keys: list[str], where: str) -> None:
    """Stop if two rows have the same keys."""
    twice = rows.duplicated(keys)
    if bool(twice.any()):
        row = rows[twice].iloc[0]
        values = ", ".join(apart(row[key]) for key in keys)
        raise HoldfastError(
            f"{where}: there must be one row per {' and '.join(keys)}, but there are several "
            f"for {values}; remove the duplicates, or let the policy average them with "
            'repeats = "average"'
        )


# ---- single examples


def _add_single_examples(
    columns: Mapping[str, Column], rows: "pd.DataFrame", where: str, wanted: Wanted
) -> None:
    """Add the columns of results with one row per example."""
    texts = {name: text(columns[name], where, name) for name in TEXTS if name in columns}
    if "score" in columns and wanted.any_score:
        rows["score"] = numbers(columns["score"], where, "score")
    elif "score" in columns:
        rows["score"] = _example_scores(columns["score"], where)
    elif "label" in texts and "prediction" in texts:
        rows["score"] = agreement(texts["label"], texts["prediction"]).astype(float)
    rows["example_id"] = text(columns["example_id"], where, "example_id")
    for name, values in texts.items():
        rows[name] = values
    if "input" in columns:
        rows["input"] = text(columns["input"], where, "input", empty=True)
    _add_probabilities(columns, rows, where)
    _add_wanted(columns, rows, where, wanted)


def _add_probabilities(columns: Mapping[str, Column], rows: "pd.DataFrame", where: str) -> None:
    """Add the columns of probabilities, of which there may be one per class."""
    if "ranking" in columns:
        rows["ranking"] = numbers(columns["ranking"], where, "y_score")
    for name, column in columns.items():
        if name == "probability" or name.startswith(PROBABILITIES):
            probabilities = numbers(column, where, name)
            _refuse_outside(probabilities, where, name, "probabilities lie in [0, 1]")
            rows[name] = probabilities.clip(0, 1)


def _add_wanted(
    columns: Mapping[str, Column], rows: "pd.DataFrame", where: str, wanted: Wanted
) -> None:
    """Add the columns that the policy needs. Their values may be missing."""
    # A set has another order in each process, and the digest of the rows depends on the order.
    for name in sorted(wanted.columns):
        if name in columns and name not in rows:
            rows[name] = numbers(columns[name], where, name, empty=True)
    for name in WEIGHTS:
        if wanted.weighted and name in columns:
            weights = numbers(columns[name], where, name)
            if bool((weights < 0).any()):
                row = int((weights < 0).argmax())
                raise HoldfastError(
                    f"{where}: weights are at least 0, but {name} is {weights[row]:g} in row "
                    f"{row + 1}"
                )
            rows["weight"] = weights
            return


def _refuse_repeats(rows: "pd.DataFrame", where: str, wanted: Wanted) -> None:
    """Stop at an example that occurs several times, unless its repeats are told apart."""
    if "repeat" in rows:
        _refuse_duplicates(rows, ["task", "example_id", "repeat"], where)
    elif wanted.repeats:
        # Repeats without a number are numbered in their order.
        numbered = rows.groupby(["task", "example_id"], sort=False).cumcount()
        if bool(numbered.any()):
            rows["repeat"] = numbered.astype(str)
    else:
        _refuse_duplicates(rows, ["task", "example_id"], where)


def _example_scores(column: Column, where: str) -> np.ndarray:
    """Read the scores of single examples. Those that are nearly 0 or 1 are taken as 0 or 1."""
    scores = _scores(column, where)
    # Tests of right and wrong need exact values, which single precision has only nearly.
    scores[scores <= TOLERANCE] = 0
    scores[scores >= 1 - TOLERANCE] = 1
    return scores


def _scores(column: Column, where: str) -> np.ndarray:
    """Read scores in [0, 1]. Those that lie outside by rounding are taken as 0 or 1."""
    scores = numbers(column, where, "score")
    rule = "scores lie in [0, 1], and higher is better"
    _refuse_outside(scores, where, "score", rule, "; divide by the largest possible score")
    return scores.clip(0, 1)


def _refuse_outside(values: np.ndarray, where: str, name: str, rule: str, advice: str = "") -> None:
    """Stop at a number that is below 0 or above 1."""
    outside = (values < -TOLERANCE) | (values > 1 + TOLERANCE)
    if bool(outside.any()):
        row = int(outside.argmax())
        raise HoldfastError(
            f"{where}: {rule}, but {name} is {values[row]:.10g} in row {row + 1}{advice}"
        )


# ---- aggregated results


def _add_aggregated(columns: Mapping[str, Column], rows: "pd.DataFrame", where: str) -> None:
    """Add the columns of aggregated results. Examples 0 and sd NaN are unknown."""
    rows["score"] = _scores(columns["score"], where)
    rows["examples"] = _example_counts(columns["examples"], where)
    if "sd" in columns:
        rows["sd"] = numbers(columns["sd"], where, "sd", empty=True)
        _refuse_impossible_deviations(rows, where)
    # The row with an empty segment is that of the whole task.
    if "segment" in columns:
        rows["segment"] = text(columns["segment"], where, "segment", empty=True)
        _refuse_segments_alone(rows, where)


def _example_counts(column: Column, where: str) -> np.ndarray:
    """Read numbers of examples. A missing one is 0, which stands for an unknown number."""
    counts: np.ndarray = np.nan_to_num(numbers(column, where, "examples", empty=True))
    wrong = (counts < 0) | (counts % 1 != 0) | (counts > MOST_EXAMPLES)
    if bool(wrong.any()):
        row = int(wrong.argmax())
        raise HoldfastError(
            f"{where}: examples must be a whole number of at least 1 (or 0 if it is unknown), "
            f"got {counts[row]:g} in row {row + 1}"
        )
    return counts


def _refuse_impossible_deviations(rows: "pd.DataFrame", where: str) -> None:
    """Stop at a standard deviation that scores in [0, 1] with this mean and number cannot have.

    The largest one of n scores with mean μ is √(μ · (1 - μ) · n / (n - 1)), which 0/1 scores have.
    """
    mean = rows["score"].to_numpy(dtype=float)
    deviation = rows["sd"].to_numpy(dtype=float)
    count = rows["examples"].to_numpy(dtype=float)

    # The true mean may differ from the one given by its rounding. The value that is nearest to one
    # half allows the largest deviation.
    digits = [len(repr(value).partition(".")[2]) for value in mean.tolist()]
    rounding = 0.5 * 10.0 ** -max(DIGITS, *digits)
    nearest = mean + np.clip(0.5 - mean, -rounding, rounding)

    # An unknown number of examples (0) may be as small as 2.
    factor = np.where(count == 0, 2, count / np.maximum(count - 1, 1))
    largest = np.sqrt(nearest * (1 - nearest) * factor)
    wrong = (deviation < 0) | (deviation > largest + rounding + TOLERANCE)
    if bool(wrong.any()):
        row = int(wrong.argmax())
        examples = "an unknown number of examples"
        if count[row]:
            examples = f"{count[row]:.0f} examples"
        raise HoldfastError(
            f"{where}: sd is {deviation[row]:g} in row {row + 1}, but scores in [0, 1] with mean "
            f"{mean[row]:g} and {examples} have a standard deviation from 0 to "
            f"{largest[row]:.4g}; give that of the single scores"
        )


def _refuse_segments_alone(rows: "pd.DataFrame", where: str) -> None:
    """Stop at a task that has rows for segments, but none for the task as a whole."""
    whole_tasks = set(rows["task"][rows["segment"] == ""])
    for task in rows["task"].unique().tolist():
        if task not in whole_tasks:
            raise HoldfastError(
                f"{where}: task {apart(task)} has segments, but no row for the task as a whole; "
                "add one with an empty segment"
            )


# ---- notes


def _ignored_weights(columns: Mapping[str, Column], where: str) -> list[str]:
    """Note columns of weights, which the gate does not use."""
    why = "because every example counts alike"
    weights = [name for name in WEIGHTS if name in columns]
    return [f"The column {name} of {where} was ignored, {why}." for name in weights]


def _similar_tasks(rows: "pd.DataFrame", where: str) -> list[str]:
    """Note tasks whose names look like each other."""
    notes = []
    by_folded_name: dict[str, str] = {}
    for task in rows["task"].unique().tolist():
        lookalike = by_folded_name.setdefault(folded(task), task)
        if lookalike != task:
            notes.append(
                f"In {where}, the tasks {apart(lookalike)} and {apart(task)} differ only in case, "
                "white space or Unicode form. They are judged as two tasks."
            )
    return notes
