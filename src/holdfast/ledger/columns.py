"""Columns that group examples (segment, label, cluster), which no later release may leave out."""

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from holdfast.errors import reading
from holdfast.gate.names import apart, canonical, renaming
from holdfast.ledger.records import from_parquet
from holdfast.ledger.rows import select
from holdfast.ledger.schema import damaged

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, RowMapping

GROUPING = ("segment", "label", "cluster")
TAIL = 1 << 16  # bytes at the end of a Parquet file, which name its columns
# The end of the results alone, so that large results are not read to learn their columns.
EVERY = f"""
    SELECT id, release, revision, fingerprint, CASE WHEN length(results) > {TAIL}
    THEN substr(results, length(results) - {TAIL - 1}) ELSE results END AS tail
    FROM holdfast_releases WHERE model = :model ORDER BY id DESC
"""
RESULTS = "SELECT results FROM holdfast_releases WHERE id = :id"


def forgotten(
    connection: "Connection",
    shown: str,
    model: str,
    results: "pd.DataFrame",
) -> list[str]:
    """What results leave out, or say differently, of the columns that group examples.

    Each task is compared with the newest revision of any release that has the column for it.

    Args:
        connection: An open connection.
        shown: The ledger's name for messages.
        model: Name of the model.
        results: The results that would be recorded, checked.

    Returns:
        A clause for each column of which something would be forgotten.

    Raises:
        HoldfastError: Results that are consulted are damaged.
    """
    mine = {str(task): rows for task, rows in results.groupby("task", sort=False)}
    left = {(task, column) for task in mine for column in GROUPING}
    out: dict[str, str] = {}  # by column
    for row in select(connection, EVERY, model=model):
        if not left:
            break
        asked = {column for _, column in left} & _names(connection, model, row)
        if not asked:
            continue
        before = kept_results(connection, shown, model, row)
        for key, rows in before.groupby("task", sort=False):
            task = str(key)
            for column in [c for c in GROUPING if c in asked and (task, c) in left]:
                old = rows[rows[column].notna() & (rows[column] != "")]
                if not len(old):
                    continue
                left.discard((task, column))
                for what in _changed(old, mine[task], column, f"task {apart(task)}"):
                    advice = f"give the {column} column as in release {row['release']!r}"
                    out.setdefault(column, f"{what}; {advice}")
    return list(out.values())


def _changed(
    old: "pd.DataFrame",
    new: "pd.DataFrame",
    column: str,
    task: str,
) -> Iterator[str]:
    """What the new rows of a task leave out of a column, or say differently."""
    if column not in new or not bool((new[column].notna() & (new[column] != "")).any()):
        first = f" (example {apart(old['example_id'].iloc[0])})" if "example_id" in old else ""
        yield f"{task} had the column {column}{first}, which these results lack"
        return
    if "example_id" in old and "example_id" in new:
        yield from _other_values(_by_id(old, column), _by_id(new, column), column, task)
    if column == "segment":
        there = {canonical(str(s)) for s in new[column].unique()}
        gone = [s for s in old[column].unique() if canonical(str(s)) not in there]
        if gone:
            yield f"{task} had the segment {apart(str(gone[0]))}, which these results lack"


def _by_id(rows: "pd.DataFrame", column: str) -> "pd.Series[Any]":
    return rows.set_index("example_id")[column]


def _other_values(
    old: "pd.Series[Any]",
    new: "pd.Series[Any]",
    column: str,
    task: str,
) -> Iterator[str]:
    """The first example of both whose value is another now."""
    if not bool(old.index.isin(new.index).all()):
        new = new.rename(index=renaming(old.index, new.index))
    ids = old.index.intersection(new.index)
    before, after = old.loc[ids], new.loc[ids]
    for example in ids[(before != after).to_numpy()]:
        was, now = str(before.loc[example]), str(after.loc[example])
        if canonical(was) != canonical(now):
            values = f"was {apart(was)} and is now {apart(now)}"
            yield f"the {column} of example {apart(str(example))} of {task} {values}"
            return


def blob(value: object, shown: str) -> bytes:
    """The bytes of a cell; SQLite takes a value of any type in a column of any type.

    Raises:
        HoldfastError: The cell holds something else.
    """
    if not isinstance(value, bytes | memoryview):
        raise damaged(shown, "results that are kept are no file")
    return bytes(value)


def _names(connection: "Connection", model: str, row: "RowMapping") -> frozenset[str]:
    """The columns of kept results."""
    import pyarrow.parquet as pq

    tail = blob(row["tail"], model)
    if int.from_bytes(tail[-8:-4], "little") + 8 > len(tail):  # the footer is longer than that
        tail = blob(select(connection, RESULTS, id=row["id"])[0]["results"], model)
    with reading(f"the results of release {row['release']!r} of {model!r}", "Parquet"):
        return frozenset(pq.read_schema(io.BytesIO(tail)).names)


def kept_results(
    connection: "Connection",
    shown: str,
    model: str,
    row: "RowMapping",
) -> "pd.DataFrame":
    """The results of a row of `holdfast_releases`, held to their fingerprint."""
    what = f"the results of release {row['release']!r} of {model!r}"
    content = blob(select(connection, RESULTS, id=row["id"])[0]["results"], shown)
    if hashlib.sha256(content).hexdigest() != row["fingerprint"]:
        raise damaged(shown, f"{what} are not those that were recorded")
    return from_parquet(content, what)
