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
LONGEST_TEXT = 100_000


def _checked(value: float, check: ValidatorFunctionWrapHandler) -> float:
    """Check a number, but keep a whole one whole, so that a file is written as it was read."""
    check(value)
    return value


def _unchanged(value: float) -> object:
    """Write a number as it is: a count has no decimals in the file."""
    return value


# A file may come from anywhere. These limits keep every number finite that is computed from it.
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(ge=-1e15, le=1e15)]
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
    converted: JsonValue = json.loads(json.dumps(value))
    return converted


class Part(BaseModel):
    """Base of the records in this folder: frozen, strict about types, and without NaN."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)
