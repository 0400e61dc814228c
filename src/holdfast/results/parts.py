"""The base of everything that a run leaves behind, and the kinds of values in it."""

import json
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

LONGEST_NAME = 1_000  # characters of a name, which stands in tables and figures
LONGEST_TEXT = 100_000  # characters of a specification or a warning, which may list many tasks


def _checked(value: float, check: ValidatorFunctionWrapHandler) -> float:
    """Check a number, but keep a whole one whole, so that a file is written as it was read."""
    check(value)
    return value


def _unchanged(value: float) -> object:
    """Write a number as it is: a count has no decimals in the file."""
    return value


# A file may come from anywhere. These limits keep every number finite that is computed from it:
# sums, squares and products of them stay far below the largest float.
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
# NumPy holds whole numbers in 64 bits.
Count = Annotated[int, Field(ge=0, lt=2**63)]
# Scores are not always accuracies, so they may lie outside of [0, 1].
Number = Annotated[float, Field(ge=-1e15, le=1e15)]
# Bytes and parameters are whole numbers in the file, seconds are not; both are amounts.
Amount = Annotated[
    float, Field(ge=0, le=1e18), WrapValidator(_checked), PlainSerializer(_unchanged)
]
Plain = str | int | float | bool | None


def as_json(value: object) -> JsonValue:
    """Convert plain values to those that JSON has: a tuple becomes a list.

    Args:
        value: Numbers, texts, None, and lists, tuples and mappings of them.

    Raises:
        TypeError: A value has no JSON form.

    Example:
        >>> as_json({"x": (1, 2.5)})
        {'x': [1, 2.5]}
    """
    # What comes back from text is exactly what a reader of the file will see.
    converted: JsonValue = json.loads(json.dumps(value))
    return converted


class Part(BaseModel):
    """Base of the records in this folder: frozen, strict about types, and without NaN."""

    # Without `strict`, the text "1" would pass for a number and True for the seed 1.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)
