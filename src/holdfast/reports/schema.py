"""What a result file must contain for tables, figures and pages to be made from it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix

LONGEST = 1000  # characters of a name
Text = Annotated[str, Field(max_length=100_000)]
Name = Annotated[str, Field(max_length=LONGEST)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(ge=-1e15, le=1e15)]
Amount = Annotated[float, Field(ge=0, le=1e18)]
Plain = str | int | float | bool | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class _Data(_Part):
    name: Name
    stream: Name
    tasks: Count
    then: list[Name] = []


class _Config(_Part):
    scenario: Literal["task", "domain", "class"]
    method: Text
    data: _Data
    model: dict[str, Any]
    training: dict[str, Any]


class _Curves(_Part):
    steps: list[Count]
    scores: list[list[Number | None]]
    ends: list[Count]
    zero_shot: list[Number | None] | None = None

    @model_validator(mode="after")
    def _of_one_length(self) -> "_Curves":
        if len(self.scores) != len(self.steps):
            raise ValueError("there must be one row of scores for each step")
        if self.steps != sorted(set(self.steps)) or self.ends != sorted(set(self.ends)):
            raise ValueError("steps and ends must rise")
        if any(len(row) != len(self.ends) for row in self.scores):
            raise ValueError("there must be one score for each task")
        if self.zero_shot and len(self.zero_shot) != len(self.ends):
            raise ValueError("zero_shot must have one score for each task")
        return self


class _Seconds(_Part):
    training: Amount
    consolidation: Amount


class _Cost(_Part):
    seconds: _Seconds
    parameters: Amount
    method_bytes: Amount
    by_task: list[dict[str, Amount]] = []


class _Growth(_Part):
    memory: Name
    parameters: Name
    time: Name


class _Detection(_Part):
    declared: list[Count]
    true: list[Count]
    delays: list[Count | None]
    false_alarms: Count
    online_accuracy: Number


class Result(_Part):
    """A result file of format 1."""

    format: Literal[1]
    config: _Config
    label: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    matrix: dict[str, Any]
    validation: dict[str, Any] | None = None
    curves: _Curves | None
    cost: _Cost
    chance: Annotated[float, Field(ge=0, le=1)]
    outputs_exist: bool
    versions: dict[str, Plain]
    machine: dict[str, Plain]
    warnings: list[Text]
    weak: list[Text] = []
    arguments: dict[str, dict[str, Any]] = {}
    declared: _Growth | None = None
    detection: _Detection | None = None


def check_result(result: Any) -> None:
    """Check the content of a result file.

    Args:
        result: What the file holds, as JSON gives it.

    Raises:
        HoldfastError: It is no result of format 1, or a value is missing, of the wrong kind, out of
            range or contradicts another one.
    """
    if not isinstance(result, dict) or result.get("format") != 1:
        raise HoldfastError("it is not a result file of format 1")
    try:
        found = Result(**result)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise HoldfastError(f"{where}: {what}, got {repr(first['input'])[:100]}") from None
    tasks = AccuracyMatrix.from_json(result["matrix"]).tasks
    if result.get("validation") is not None:
        other = AccuracyMatrix.from_json(result["validation"]).tasks
        if other != tasks:
            raise HoldfastError("matrix and validation have other tasks")
    if found.curves and len(found.curves.ends) > len(tasks):
        raise HoldfastError(f"curves has {len(found.curves.ends)} tasks, the matrix {len(tasks)}")
    for k, row in enumerate(found.cost.by_task):
        missing = {
            "training",
            "consolidation",
            "parameters",
            "method_bytes",
            "peak_bytes",
        } - row.keys()
        if missing:
            raise HoldfastError(f"cost.by_task.{k} lacks {', '.join(sorted(missing))}")
