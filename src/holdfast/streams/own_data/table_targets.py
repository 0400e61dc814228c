"""Targets of your own tables: several labels at once, and measurements."""

import re
import warnings
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.labels import MANY_LABELS
from holdfast.streams.own_data.options import CLASSIFICATION, Options
from holdfast.streams.own_data.roles import TARGET, label_column
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.values import as_numbers, missing_in
from holdfast.streams.targets import MULTILABEL, Targets, read_targets

if TYPE_CHECKING:
    from holdfast.streams.own_data.table import Column

SEPARATORS = re.compile(r"[;|,]")  # between the labels of one cell
YES = ("1", "1.0", "true", "yes")
NO = ("0", "0.0", "false", "no")


def learnt_columns(table: Table, options: Options) -> dict[str, str]:
    """Column → "label" or "target", for the columns that say what is learnt.

    Args:
        table: The table.
        options: What the user said about it.

    Raises:
        HoldfastError: Both a label and targets are named, or a column does not exist.
    """
    if not options.targets:
        one = label_column(table, options)
        # A label that is missing may mean that none is there, but a single number must be known.
        listed = options.objective == MULTILABEL
        return {one: TARGET if listed else "label"}
    if options.label is not None:
        raise HoldfastError(
            f"label={options.label!r} and targets both say what is learnt; give one of them"
        )
    for column in options.targets:
        table.column(column)
    return dict.fromkeys(options.targets, TARGET)


def table_targets(table: Table, options: Options) -> Targets | None:
    """Read the targets of a table. A label column of several labels holds their names.

    Args:
        table: The table.
        options: What the user said about the table, such as its objective.

    Returns:
        One column per target, NaN where a value is missing. None for classification.

    Raises:
        HoldfastError: A value is no target; the message names its row and column.
    """
    if options.objective == CLASSIFICATION:
        return None
    columns = list(learnt_columns(table, options))
    where = f"{table.name}: column {', '.join(map(repr, columns))}"
    if options.objective == MULTILABEL and not options.targets:
        listed = [_labels_in(value) for value in table.column(columns[0])]
        if not any(listed):
            raise HoldfastError(f"{where} has no label in any row")
        targets = read_targets(listed, MULTILABEL, where)
        _warn_of_single_labels(targets, where)
        return targets
    values = np.stack([_numbers(table, column, options.objective) for column in columns], axis=1)
    return read_targets(values, options.objective, where, columns)


def _warn_of_single_labels(targets: Targets, where: str) -> None:
    """Warn if most labels belong to one row only, as measurements do."""
    counts = (targets.values > 0).sum(0)
    single = int((counts == 1).sum())
    if len(counts) >= MANY_LABELS and 2 * single > len(counts):
        warnings.warn(
            f"{where}: {single} of {len(counts)} labels occur in one row only; if the column is a "
            "measurement, set objective to regression",
            stacklevel=2,
        )


def _labels_in(value: object) -> list[str]:
    """The labels of a cell; none if it is empty."""
    if isinstance(value, list | tuple | set | np.ndarray):
        return [str(label).strip() for label in value]
    # NaN is the only value that differs from itself.
    if value is None or value != value:
        return []
    return [text.strip() for text in SEPARATORS.split(str(value)) if text.strip()]


def _numbers(table: Table, column: str, objective: str) -> np.ndarray:
    """The values of a column as numbers, NaN where one is missing."""
    values = table.column(column)
    missing = missing_in(values, "number")
    read = as_numbers(values)
    expected = "is no number; correct it, or leave such rows out with missing='drop'"
    if objective == MULTILABEL:
        read = _zero_or_one(values, read)
        expected = "says neither that the label is there (1) nor that it is not (0)"
    broken = np.isnan(read) & ~missing
    if broken.any():
        raise table.wrong(column, int(broken.argmax()), expected)
    return np.where(missing, np.nan, read)


def _zero_or_one(values: "Column", read: np.ndarray) -> np.ndarray:
    """Marks of a label as 0 and 1, NaN where a value is neither."""
    texts = [str(value).strip().lower() for value in values]
    marks = np.where(np.isin(read, (0.0, 1.0)), read, np.nan)
    marks[np.isin(texts, YES)] = 1.0
    marks[np.isin(texts, NO)] = 0.0
    return marks
