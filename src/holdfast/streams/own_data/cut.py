"""Which rows are test rows: those of test files or folders, those that are marked, or a share."""

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.held_out import codes, held_out
from holdfast.streams.own_data.folders import SIDES, sides_of
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.windows import RowTasks

# The test rows are the same for every seed of a run, so that scores of seeds can be compared.
SEED = 0
TRUE = ("true", "1", "1.0", "yes")
FALSE = ("false", "0", "0.0", "no")


def test_rows(
    table: Table,
    labels: np.ndarray,
    tasks: RowTasks | None,
    groups: np.ndarray | None,
    options: Options,
) -> np.ndarray:
    """Mark the test rows.

    Args:
        table: The table.
        labels: The label of each row, (N,).
        tasks: The task of each row. None: tasks are made of classes.
        groups: The group of each row, (N,). None: rows are unrelated.
        options: The share of test rows, or the column that marks them.

    Returns:
        A boolean mask, (N,). A share is drawn within each task and label, and the draw depends on
        no seed.

    Raises:
        HoldfastError: A value of the column marks neither side, or there are no rows on one side.
    """
    if options.test_column is not None:
        return _checked(_marked(table, options.test_column), table)
    if table.sides is not None:
        if options.test != Options().test:
            raise HoldfastError(
                f"test={options.test:g} has no effect, because {table.name} has test data of its "
                "own; leave it out"
            )
        return _checked(table.sides == "test", table)
    strata = codes(labels)
    if tasks is not None:
        # A number for each pair of task and label: the share holds within each pair.
        strata = codes(tasks.of_row) * (len(labels) + 1) + strata
    return _checked(held_out(strata, options.test, SEED, groups), table)


def _marked(table: Table, column: str) -> np.ndarray:
    """The rows that a column marks as test rows."""
    values = [str(value).strip().lower() for value in table.column(column)]
    distinct = list(dict.fromkeys(values))
    sides = sides_of(distinct)
    if sides is not None:
        side_of = dict(zip(distinct, sides, strict=True))
        return np.array([side_of[value] == "test" for value in values])
    known = (*TRUE, *FALSE)
    for position, value in enumerate(values):
        if value not in known and (value not in SIDES or "train" not in distinct):
            raise table.wrong(
                column,
                position,
                "does not say whether the row is a test row; expected train and test, or true and "
                "false",
            )
    return np.array([value in TRUE for value in values])


def _checked(tested: np.ndarray, table: Table) -> np.ndarray:
    """Refuse data of which all rows are on one side."""
    if tested.any() and not tested.all():
        return tested
    side = "training" if tested.all() else "test"
    raise HoldfastError(
        f"{table.name} has no {side} rows; every class needs at least two rows, or data of one "
        "side must be added"
    )
