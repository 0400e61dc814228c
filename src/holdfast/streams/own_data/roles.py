"""What each column is used for: by the user's word, or by rules that look at its first values.

The rules read the first 1,000 values alone, so rows that are added later change no role:

1. A column without a name is a row number that a program wrote, and is not used. Nor is a column
   without values.
2. Values that are true or false are booleans.
3. Numbers are numbers, unless one begins with a zero as codes do (01309).
4. Dates as ISO 8601 has them are dates.
5. Names of images are images, and then no other column is an input unless inputs are separate.
6. Texts with more than three words on average are texts, and all others are categories.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.dataset_rows import LABEL_NAMES
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.values import (
    MISSING_MARKS,
    TRUTHS,
    as_dates,
    as_numbers,
    image_names,
    is_code,
    missing_in,
)

if TYPE_CHECKING:
    from holdfast.streams.own_data.table import Column

SAMPLE = 1000  # values that the rules look at
WORDS = 3  # up to which a text is a category
MOSTLY = 0.9  # share of numbers from which on the others are taken for mistakes
TARGET = "target"  # the use of a column of targets, where one of several may be missing
UNNAMED = ("", "Unnamed: 0")  # the second is what pandas calls the first


@dataclass(frozen=True)
class Role:
    """What a column is used for, and why."""

    kind: str
    reason: str


def label_column(table: Table, options: Options) -> str:
    """The column of the label: the one that is named, or one with a usual name.

    Raises:
        HoldfastError: No column is named, and none has a usual name.
    """
    if options.label is not None:
        table.column(options.label)
        return options.label
    named = set(options.uses())
    for usual in LABEL_NAMES:
        for column in table.columns:
            if column.lower() == usual and column not in named:
                return column
    raise HoldfastError(
        f"{table.name} has no column that is called after its use, such as label; say which of its "
        f"columns is the label with label ({', '.join(table.columns)})"
    )


def decide_roles(table: Table, uses: Mapping[str, str], options: Options) -> dict[str, Role]:
    """Decide what each column is used for.

    Args:
        table: The table.
        uses: Column → its use beside the inputs, such as "label".
        options: What the user said of the columns.

    Returns:
        Column → role, in the order of the columns.

    Raises:
        HoldfastError: A column does not exist, or can't be what the user says.
    """
    given = _given(table, uses, options)
    roles: dict[str, Role] = {}
    for column in table.columns:
        if column in uses:
            roles[column] = Role(uses[column], "its use")
        elif column in given:
            roles[column] = Role(given[column], "as you said")
        elif options.inputs and column not in options.inputs:
            roles[column] = Role("unused", "not among the inputs")
        else:
            roles[column] = _by_rules(table, column)
    return _images_alone(roles, table, options)


def _given(table: Table, uses: Mapping[str, str], options: Options) -> dict[str, str]:
    """Column → the role that the user gave it."""
    given = dict.fromkeys(options.text, "text") | dict(options.roles)
    for column in [*options.inputs, *given]:
        table.column(column)
        if column in uses:
            raise HoldfastError(
                f"column {column!r} can't be an input and {uses[column]} at once; leave it out of "
                "the inputs, the texts and the roles"
            )
    return given


def _by_rules(table: Table, column: str) -> Role:
    """The role of a column by the rules of this module."""
    if column in UNNAMED:
        return Role("unused", "it has no name, as row numbers have none")
    if column in table.added:
        return Role("unused", "it says which file a row was in")
    values = table.column(column)
    values = values[~missing_in(values, "text")].head(SAMPLE)
    if not len(values):
        return Role("unused", "it has no values")
    _refuse_nested(table, column, values)
    kind = values.dtype.kind
    if kind == "b" or {str(value).lower() for value in values} <= set(TRUTHS):
        return Role("boolean", "true or false")
    if kind in "iuf":
        return Role("number", "numbers")
    if kind == "M" or _are_dates(values):
        return Role("date", "dates")
    if not all(isinstance(value, str) for value in values):
        return _of_objects(table, column, values)
    if table.as_text and _are_numbers(table, column, values):
        return Role("number", "numbers")
    return _of_texts(table, values)


def _refuse_nested(table: Table, column: str, values: "Column") -> None:
    """Refuse lists and objects, which no role fits."""
    for position, value in enumerate(values):
        if isinstance(value, list | dict | tuple | np.ndarray | bytes):
            raise HoldfastError(
                f"{table.name}: column {column!r} holds values of type {type(value).__name__} "
                f"(value {position + 1}), which can't be inputs; leave the column out with the "
                "role unused"
            )


def _are_dates(values: "Column") -> bool:
    """Whether all texts or objects are dates."""
    is_number = [isinstance(value, int | float) for value in values]
    texts = [value for value in values if isinstance(value, str)]
    # A number such as 2026 or 20261130 would be read as a date, too.
    if any(is_number) or any("-" not in text.strip()[1:] for text in texts):
        return False
    return not as_dates(values).isna().any()


def _of_objects(table: Table, column: str, values: "Column") -> Role:
    """The role of values of several types, as JSON may have them."""
    texts = [value for value in values if isinstance(value, str)]
    # Decimals and very large whole numbers are objects to pandas.
    if not texts and np.isfinite(as_numbers(values)).all():
        return Role("number", "numbers")
    raise HoldfastError(
        f"{table.name}: column {column!r} mixes values of different types, such as "
        f"{texts[0] if texts else values.iloc[0]!r}; write all of them in one way, or give the "
        "column the role category or unused"
    )


def _are_numbers(table: Table, column: str, values: "Column") -> bool:
    """Whether texts are numbers. A few that are not among many are mistakes."""
    values = values[~values.isin(MISSING_MARKS)]
    good = ~np.isnan(as_numbers(values))
    if not len(values) or is_code(values):
        return False
    if good.all():
        return True
    # With so many other values, the column was never meant to hold numbers.
    if good.mean() < MOSTLY:
        return False
    first_bad = values.index[int((~good).argmax())]
    position = int((table.frame.index == first_bad).argmax())
    raise table.wrong(
        column,
        position,
        f"is not a number, but {good.mean():.0%} of the values of this column are; correct it, or "
        f"give the column a role, such as {column}=category",
    )


def _of_texts(table: Table, values: "Column") -> Role:
    """The role of texts: names of images, texts or categories."""
    if image_names(values):
        return Role("image", "names of images")
    texts = [str(value) for value in values]
    words = float(np.mean([len(text.split()) for text in texts]))
    if words > WORDS:
        return Role("text", f"{words:.1f} words on average")
    return Role("category", "short texts")


def _images_alone(roles: dict[str, Role], table: Table, options: Options) -> dict[str, Role]:
    """Leave other inputs out beside images in one tensor, and refuse images without a folder."""
    images = [column for column, role in roles.items() if role.kind == "image"]
    if not images:
        return roles
    if table.folder is None:
        raise HoldfastError(
            f"{table.name}: column {images[0]!r} names images, but data in memory or in two "
            "folders do not say where they are; write one table to a file in the folder of the "
            "images, and give its path"
        )
    if len(images) > 1:
        raise HoldfastError(
            f"{table.name}: the columns {', '.join(images)} name images, but an example has one; "
            f"give the others the role unused, such as {images[1]}=unused"
        )
    if options.separate_inputs:
        return roles
    alone = {}
    for column, role in roles.items():
        if role.kind in ("number", "boolean", "category", "date", "text"):
            if column in options.roles or column in options.text or column in options.inputs:
                raise HoldfastError(
                    f"column {column!r} can't be in one tensor with the images of {images[0]!r}; "
                    "keep them apart with separate_inputs (--separate-inputs), or leave one of "
                    "them out with the role unused"
                )
            role = Role("unused", "the images are the inputs")
        alone[column] = role
    return alone
