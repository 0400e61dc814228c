"""Tasks of rows: by a column, or by time in windows of a period or of a number of rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.values import as_dates, as_numbers, dates, numbers

if TYPE_CHECKING:
    import pandas as pd

CODES = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
MOST_NAMED = 5  # empty windows in a note


@dataclass(frozen=True)
class RowTasks:
    """The task of each row.

    Args:
        names: The names of the tasks, in their order.
        of_row: The name of the task of each row, (N,).
        notes: What the user should know of the tasks, in whole sentences.
    """

    names: tuple[str, ...]
    of_row: np.ndarray
    notes: tuple[str, ...] = ()


def row_tasks(table: Table, options: Options) -> RowTasks | None:
    """The tasks of the rows, if a column says them.

    Tasks by column come in the order of their numbers or dates if all of them are such, and
    otherwise in the order of their first row.
    """
    if options.time is not None:
        return windows(table, options.time, options)
    if options.task is None:
        return None
    values = table.column(options.task)
    of_row = np.array([str(value).strip() for value in values], dtype=object)
    names = list(dict.fromkeys(of_row))
    return RowTasks(tuple(_in_order(names)), of_row)


def _in_order(names: list[str]) -> list[str]:
    """Names of tasks by number or date, if all of them are one or the other."""
    import pandas as pd

    series = pd.Series(names, dtype=object)
    numbers = as_numbers(series)
    if np.isfinite(numbers).all():
        return [names[place] for place in np.argsort(numbers, kind="stable")]
    times = as_dates(series)
    if times.notna().all():
        return [names[place] for place in np.argsort(times.to_numpy(), kind="stable")]
    return names


def windows(table: Table, column: str, options: Options) -> RowTasks:
    """Cut rows into windows of time.

    Args:
        table: The table.
        column: The column of the time.
        options: How long a window is, and how dates are written.

    Returns:
        The windows in the order of time. Windows without rows are no tasks, and a note names them.
    """
    if isinstance(options.every, int):
        return _by_count(table, column, options)
    times = dates(table, column, options.time_format)
    periods = times.dt.to_period(CODES[options.every])
    present = sorted(periods.unique())
    names = {period: period_name(period, options.every) for period in present}
    of_row = np.array([names[period] for period in periods], dtype=object)
    return RowTasks(tuple(names.values()), of_row, _empty(present, options.every))


def period_name(period: "pd.Period", every: str) -> str:
    """Name a period as ISO 8601 does.

    Example:
        >>> import pandas as pd
        >>> period_name(pd.Period("2026-11-30", "W"), "week")
        '2026-W49'
    """
    if every == "week":
        year, week, _ = period.start_time.isocalendar()
        return f"{year}-W{week:02d}"
    if every == "quarter":
        return f"{period.year}-Q{period.quarter}"
    return str(period)


def _empty(present: "list[pd.Period]", every: str) -> tuple[str, ...]:
    """Name the windows between the first and the last one that have no rows."""
    import pandas as pd

    whole = pd.period_range(present[0], present[-1], freq=present[0].freq)
    has_rows = set(present)
    empty = [period_name(period, every) for period in whole if period not in has_rows]
    if not empty:
        return ()
    named = ", ".join(empty[:MOST_NAMED])
    if len(empty) > MOST_NAMED:
        named += f" and {len(empty) - MOST_NAMED} more"
    return (f"no row falls into {named}, so the tasks before and after follow each other",)


def _by_count(table: Table, column: str, options: Options) -> RowTasks:
    """Windows of equally many rows in the order of time. The last one may be smaller."""
    size = int(options.every)
    values = table.column(column)
    if values.dtype.kind in "iuf" and options.time_format is None:
        # Any numbers have an order, and nothing more is needed here.
        moments = numbers(table, column)
    else:
        moments = dates(table, column, options.time_format).to_numpy().astype(np.int64)
    # Stable, so that rows of one time keep the order of the file.
    order = np.argsort(moments, kind="stable")
    of_row = np.empty(len(table), dtype=object)
    names = []
    for first in range(0, len(table), size):
        rows = order[first : first + size]
        name = f"rows {first + 1}-{first + len(rows)}"
        names.append(name)
        of_row[rows] = name
    return RowTasks(tuple(names), of_row)
