"""What a diagnostic has found about a run."""

from collections.abc import Mapping
from typing import Self

from pydantic import ConfigDict, JsonValue

from holdfast.results.parts import Part, Text, as_json


class Finding(Part):
    """The result of one diagnostic on one run.

    Args:
        what: Name of the diagnostic, such as "interference".
        sentence: What it means for this run, in words.
        numbers: Its numbers by name, as JSON has them. `holdfast.reports.diagnostics` says which
            ones the figure of each diagnostic needs.

    Example:
        >>> Finding(what="entropy", sentence="…", numbers={"lost": 0.1}).numbers["lost"]
        0.1
    """

    # A correlation of constant values, for example, is not a number.
    model_config = ConfigDict(allow_inf_nan=True)

    what: Text
    sentence: Text
    numbers: dict[str, JsonValue]

    @classmethod
    def of(cls, what: str, sentence: str, numbers: Mapping[str, object]) -> Self:
        """Make a finding from numbers that may hold tuples, as Python has them."""
        return cls.model_validate({"what": what, "sentence": sentence, "numbers": as_json(numbers)})
