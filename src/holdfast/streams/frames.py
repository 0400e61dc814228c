"""Your own data as a data frame, with a column for the task and a column for the label."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, unknown
from holdfast.named_inputs import Inputs
from holdfast.streams.arrays import from_arrays
from holdfast.streams.columns import marked_test_rows
from holdfast.streams.inputs import input_rows, refuse_inexact, refuse_unfinite
from holdfast.streams.labels import label_array
from holdfast.streams.task import Stream
from holdfast.streams.tokens import Tokenizer, check_length, tokenize
from holdfast.streams.types import ToPandas

if TYPE_CHECKING:
    import pandas as pd


def from_frame(
    frame: "pd.DataFrame | ToPandas",
    scenario: str,
    *,
    task: str,
    label: str,
    inputs: Sequence[str] | None = None,
    test: float | str = 0.2,
    validation: float = 0.0,
    groups: str | None = None,
    tokenizer: Tokenizer | None = None,
    max_length: int | None = None,
    numbering: str = "label",
    seed: int = 0,
) -> Stream:
    """Make a stream from a data frame, with one task for each distinct value of a column.

    Args:
        frame: One row per example: a pandas frame, or one that has `to_pandas()`, such as Polars'.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        task: The column of the task.
        label: The column of the label.
        inputs: The numeric input columns, or with `tokenizer` those of text. None: all columns
            without another use.
        test: The share of rows to test on, in (0, 1), or a boolean column that marks test rows.
        validation: The share of the training rows to set aside, in [0, 1). 0: none.
        groups: A column that relates rows, such as a user. None: rows are unrelated.
        tokenizer: What turns the texts of the input columns into the inputs of a language model, as
            `tokenize` takes it. None: the columns are numbers.
        max_length: The most tokens of a text, as `tokenize` takes it.
        numbering: How the domain scenario numbers outputs: by "label", or by "position" in a task.
        seed: The seed of the cuts.

    Raises:
        HoldfastError: A column doesn't exist, has missing values, or is of the wrong kind.

    Example:
        >>> import pandas as pd
        >>> rows = {"month": [1] * 4 + [2] * 4, "usage": range(8), "churn": ["no", "yes"] * 4}
        >>> from_frame(pd.DataFrame(rows), "domain", task="month", label="churn", test=0.5).labels
        ('no', 'yes')
    """
    table = _pandas(frame)
    uses = _uses(table, inputs, task=task, label=label, test=test, groups=groups)
    columns = _input_columns(table, inputs, uses)
    return from_arrays(
        _inputs(table, columns, tokenizer, max_length),
        label_array(table[label].to_numpy(), f"column {label!r}"),
        table[task].to_numpy(),
        scenario,
        test=_test_rows(table, test),
        validation=validation,
        groups=_values(table, groups),
        numbering=numbering,
        seed=seed,
        name="frame",
    )


def _pandas(frame: object) -> "pd.DataFrame":
    """The frame as one of pandas, which is not imported for it."""
    # What has these two behaves as a pandas frame, which need not be installed.
    if hasattr(frame, "isna") and hasattr(frame, "columns"):
        return cast("pd.DataFrame", frame)
    if isinstance(frame, ToPandas):
        return frame.to_pandas()
    raise HoldfastError(
        f"expected a DataFrame, got {type(frame).__name__}; if your data are arrays, pass them to "
        "from_arrays"
    )


def _uses(
    frame: "pd.DataFrame",
    inputs: Sequence[str] | None,
    *,
    task: str,
    label: str,
    test: float | str,
    groups: str | None,
) -> dict[str, str]:
    """Use → the column that serves it, inputs aside. All of them must exist and be complete."""
    uses = {"task": task, "label": label}
    if isinstance(test, str):
        uses["test"] = test
    if groups is not None:
        uses["groups"] = groups
    for column in [*uses.values(), *(inputs or [])]:
        if column not in frame.columns:
            raise unknown("column", column, map(str, frame.columns))
    for column in uses.values():
        _refuse_missing(frame, column)
    return uses


def _test_rows(frame: "pd.DataFrame", test: float | str) -> float | np.ndarray:
    """The share of test rows as it is, or the mask in the column of this name."""
    if isinstance(test, str):
        return marked_test_rows(frame[test].to_numpy(), len(frame))
    return test


def _values(frame: "pd.DataFrame", column: str | None) -> np.ndarray | None:
    """The values of a column, if one is named."""
    if column is None:
        return None
    return frame[column].to_numpy()


def _input_columns(
    frame: "pd.DataFrame", inputs: Sequence[str] | None, uses: Mapping[str, str]
) -> list[str]:
    """The input columns: those named, or all that have no other use."""
    if not inputs:
        return [column for column in frame.columns if column not in uses.values()]
    for use, column in uses.items():
        if column in inputs:
            raise HoldfastError(
                f"column {column!r} can't be an input and {use} at once; leave it out of inputs="
            )
    return list(inputs)


def _inputs(
    frame: "pd.DataFrame",
    columns: Sequence[str],
    tokenizer: Tokenizer | None,
    max_length: int | None,
) -> Inputs:
    """The inputs of all rows: numbers, or tokens of texts."""
    check_length(max_length, tokenizer)
    # Without a tokenizer nothing says what a text is to become.
    if tokenizer is None:
        return frame_inputs(frame, columns)
    return tokenize(frame_texts(frame, columns), tokenizer, max_length)


def frame_inputs(frame: "pd.DataFrame", columns: Sequence[str]) -> Tensor:
    """Read numeric columns as one tensor, (N, columns).

    Args:
        frame: A pandas frame.
        columns: The input columns.

    Returns:
        int64 if all columns hold integers, else float32.

    Raises:
        HoldfastError: A column is not numeric, has missing values, or mixes integers that float32
            can't hold with columns of floats. The message names the column and the row.
    """
    if not columns:
        raise HoldfastError(
            "there is no input column beside those for task, label, test and groups; name the "
            "input columns with inputs="
        )
    for column in columns:
        _check_column(frame, column)
    if all(frame[column].dtype.kind in "iu" for column in columns):
        # Integers may be token ids, so they stay integers if nothing else is among them.
        integers = [frame[column].to_numpy(dtype=np.int64) for column in columns]
        return input_rows(np.stack(integers, axis=1))
    floats = []
    for column in columns:
        values = torch.from_numpy(np.array(frame[column].to_numpy()))
        # An integer column beside float columns becomes float32, which must not change its values.
        if frame[column].dtype.kind in "iu":
            refuse_inexact(values.to(torch.int64), f"column {column!r}")
        else:
            refuse_unfinite(values, f"column {column!r}: its values")
        floats.append(values.to(torch.float32))
    return torch.stack(floats, 1)


def frame_texts(frame: "pd.DataFrame", columns: Sequence[str]) -> list[str]:
    """Read columns of text as one text per row.

    Args:
        frame: A pandas frame.
        columns: The columns of text. The texts of a row are joined, each in a line of its own.

    Raises:
        HoldfastError: There is no column, or a value is missing or no text. The message names the
            column and the row.
    """
    if not columns:
        raise HoldfastError(
            "there is no column of text beside those for task, label, test and groups; name the "
            "columns of text with inputs="
        )
    for column in columns:
        _refuse_missing(frame, column)
        for row, value in enumerate(frame[column]):
            if not isinstance(value, str):
                raise HoldfastError(
                    f"column {column!r} is to be a text, but row {row} has {value!r}; name the "
                    "columns of text with inputs="
                )
    rows = zip(*(frame[column] for column in columns), strict=True)
    return ["\n".join(row) for row in rows]


def _check_column(frame: "pd.DataFrame", column: str) -> None:
    """Refuse an input column that is not numeric, is not unique, or has missing values."""
    # Two columns of one name would be read as a table.
    count = int((frame.columns == column).sum())
    if count > 1:
        raise HoldfastError(f"the frame has {count} columns called {column!r}; rename or drop them")
    dtype = frame[column].dtype
    if getattr(dtype, "kind", "O") not in "fiub":
        raise HoldfastError(
            f"input columns must be numeric, but {column!r} has dtype {dtype}; encode it as "
            "numbers, name the columns to use with inputs=, pass tokenizer= for a language model, "
            "or use from_table, which encodes text, categories and dates"
        )
    _refuse_missing(frame, column)


def _refuse_missing(frame: "pd.DataFrame", column: str) -> None:
    """Refuse a column in which a value is missing."""
    missing = frame[column].isna().to_numpy()
    if missing.any():
        raise HoldfastError(
            f"column {column!r} has missing values (first in row {int(missing.argmax())}); clean "
            "or impute them, or leave out these rows"
        )
