"""Missing values: refused with their place, or treated as the user chose."""

from collections.abc import Mapping

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.own_data.roles import TARGET, Role
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.values import missing_in

# A value that was made up would put a row into a wrong class, task or side.
NEVER_FLAGGED = ("label", "task", "time", "test", "groups", "image")


def missing_counts(table: Table, roles: Mapping[str, Role]) -> dict[str, int]:
    """Count the missing values of each column that is used and has some.

    Args:
        table: The table.
        roles: Column → role.

    Returns:
        Column → number of rows without a value.
    """
    counts = {}
    for column, role in roles.items():
        if role.kind != "unused":
            counts[column] = int(missing_in(table.column(column), role.kind).sum())
    return {column: count for column, count in counts.items() if count}


def without_missing(table: Table, roles: Mapping[str, Role], how: str) -> Table:
    """Refuse missing values, or drop the rows that have some.

    Args:
        table: The table.
        roles: Column → role.
        how: "refuse", "drop", or "flag", which leaves missing values of inputs to the encoding.

    Returns:
        The table with the rows that stay.

    Raises:
        HoldfastError: A value is missing; the message names its column and row.
    """
    dropped = np.zeros(len(table), dtype=bool)
    for column, role in roles.items():
        # A target that is missing is in no loss and no score.
        if role.kind in ("unused", TARGET):
            continue
        missing = missing_in(table.column(column), role.kind)
        if not missing.any() or (how == "flag" and role.kind not in NEVER_FLAGGED):
            continue
        if how != "drop":
            raise _refused(table, column, role, missing)
        dropped |= missing
    if not dropped.any():
        return table
    if dropped.all():
        raise HoldfastError(
            f"every row of {table.name} lacks a value, so missing='drop' leaves nothing; give the "
            "columns with many missing values the role unused"
        )
    note = f"{int(dropped.sum())} of {len(table)} rows lack a value and are left out"
    return table.only(~dropped).noted(note)


def _refused(table: Table, column: str, role: Role, missing: np.ndarray) -> HoldfastError:
    """The error about a missing value, with the ways out."""
    first = table.place(int(missing.argmax()))
    count = int(missing.sum())
    values = f"{count} values are missing"
    if count == 1:
        values = "1 value is missing"
    advice = "fill it in, or leave such rows out with missing='drop' (--missing drop)"
    if role.kind not in NEVER_FLAGGED:
        advice = (
            "fill it in, leave such rows out with missing='drop' (--missing drop), or tell the "
            "network which values are missing with missing='flag' (--missing flag)"
        )
    return HoldfastError(f"column {column!r} ({role.kind}): {values} (first in {first}); {advice}")
