"""Columns that group examples (segment, label, cluster): later releases must keep them."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from holdfast.gate.names import apart, canonical, renaming

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.ledger.transaction import Transaction

GROUPING = ("segment", "label", "cluster")  # "" in one of them means unknown


def column_objections(
    transaction: "Transaction",
    model: str,
    results: "pd.DataFrame",
) -> list[str]:
    """Find what results leave out of the grouping columns, or change in them.

    Each task is compared with the newest revision of any release that has the column for it.

    Args:
        transaction: An open transaction.
        model: Name of the model.
        results: The results that are about to be recorded, checked.

    Returns:
        For each column with an objection, one or two sentences about the first one.

    Raises:
        HoldfastError: Stored results that are needed are damaged.
    """
    new_rows = {str(task): rows for task, rows in results.groupby("task", sort=False)}
    objections: dict[str, str] = {}  # by column
    # One objection per column is enough: the same mistake usually concerns many tasks.
    for release, task, column, old in _newest_values(transaction, model, set(new_rows)):
        if column in objections:
            continue
        problem = _first_problem(old, new_rows[task], column, f"task {apart(task)}", release)
        if problem:
            objections[column] = problem
    return list(objections.values())


def _newest_values(
    transaction: "Transaction",
    model: str,
    tasks: set[str],
) -> Iterator[tuple[str, str, str, "pd.DataFrame"]]:
    """Find the newest stored rows that have a value in a grouping column, for each task and column.

    Yields:
        The release, the task, the column, and these rows.
    """
    missing = set(product(tasks, GROUPING))  # tasks and columns that no release had so far
    for stored in transaction.stored_results(model):
        if not missing:
            return
        wanted = {column for _, column in missing} & transaction.column_names(stored)
        if not wanted:
            continue  # whole results are read only if they can add something
        for key, rows in transaction.results(stored).groupby("task", sort=False):
            task = str(key)
            for column in GROUPING:
                if column not in wanted or (task, column) not in missing:
                    continue
                with_value = rows[_has_value(rows[column])]
                if len(with_value):
                    missing.discard((task, column))
                    yield stored.release, task, column, with_value


def _has_value(values: "pd.Series[str]") -> "pd.Series[bool]":
    """Tell where a grouping column is neither missing nor empty."""
    return values.notna() & (values != "")


def _first_problem(
    old: "pd.DataFrame",
    new: "pd.DataFrame",
    column: str,
    task: str,
    release: str,
) -> str | None:
    """Describe the first thing that the new rows of a task leave out of a column, or change.

    Args:
        old: The rows of an earlier release that have a value in the column.
        new: The rows of the same task that are about to be recorded.
        column: The column.
        task: The task, as messages name it.
        release: The earlier release.
    """
    advice = f"Give the {column} column as in release {release!r}."
    if column not in new or not bool(_has_value(new[column]).any()):
        example = ""
        if "example_id" in old:
            example = f" (see example {apart(old['example_id'].iloc[0])})"
        return f"These results lack the column {column}, which {task} had{example}. {advice}"
    # Without ids the examples of both sides cannot be told apart.
    if "example_id" in old and "example_id" in new:
        changed = _changed_value(
            old.set_index("example_id")[column], new.set_index("example_id")[column]
        )
        if changed is not None:
            example_id, old_value, new_value = changed
            return (
                f"The {column} of example {apart(example_id)} of {task} was {apart(old_value)} "
                f"and is now {apart(new_value)}. {advice}"
            )
    # Renamed examples could hide a segment, while labels and clusters may change with the data.
    if column == "segment":
        segment = _lost_segment(old, new)
        if segment is not None:
            return f"These results lack the segment {apart(segment)}, which {task} had. {advice}"
    return None


def _changed_value(
    old: "pd.Series[str]",
    new: "pd.Series[str]",
) -> tuple[str, str, str] | None:
    """Find the first example of both sides whose value changed.

    Args:
        old: The earlier values by example id.
        new: The new values by example id.

    Returns:
        The example's id, its old value and its new value; None if no value changed.
    """
    if not bool(old.index.isin(new.index).all()):
        # The ids may be the same numbers in another form, such as 7 and 7.0.
        new = new.rename(index=renaming(old.index, new.index))
    ids = old.index.intersection(new.index)
    old = old.loc[ids]
    new = new.loc[ids]
    for example_id in ids[(old != new).to_numpy()]:
        old_value = str(old.loc[example_id])
        new_value = str(new.loc[example_id])
        # 7 and 7.0 are the same value, written by different tools.
        if canonical(old_value) != canonical(new_value):
            return str(example_id), old_value, new_value
    return None


def _lost_segment(old: "pd.DataFrame", new: "pd.DataFrame") -> str | None:
    """Find the first segment that the new rows lack; None if they have all."""
    new_segments = {canonical(str(segment)) for segment in new["segment"].unique()}
    for segment in old["segment"].unique():
        if canonical(str(segment)) not in new_segments:
            return str(segment)
    return None
