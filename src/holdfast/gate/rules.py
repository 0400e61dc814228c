"""The rules of a policy: on single tasks, on costs, on all tasks together, and exceptions."""

import re
from datetime import date
from math import inf
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from holdfast.errors import HoldfastError
from holdfast.text import shown, without_secrets

Share = Annotated[float, Field(gt=0, lt=1)]
_PERCENTAGE = re.compile(r"\d+(\.\d+)?\s*%")
Judging = Literal["strict", "worse", "ignore"]

LONGEST_WAIVER = 366  # days
LEAST_REASON = 8  # letters that the reason of a waiver needs
LEAST_LETTERS = 4  # different ones among them, so that "xxxxxxxx" is no reason
NO_LIMIT = 0.99  # a limit from which on hardly any candidate breaks it
ISO_LENGTH = len("2027-06-30")


def _amount(value: object) -> object:
    """Check an amount: a number above 0, or a share such as "10%"."""
    if isinstance(value, str) and _PERCENTAGE.fullmatch(value) and _share(value) > 0:
        return value
    # To Python, True is an integer, but as an amount it is a mistake.
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        raise ValueError('must be a number, or a share such as "10%"')
    if not 0 < value < inf:
        raise ValueError("must be greater than 0")
    return float(value)


def _share(percentage: str) -> float:
    """Read a percentage as a share."""
    return float(percentage.rstrip(" %")) / 100


Amount = Annotated[float | str, BeforeValidator(_amount)]  # a number above 0, or a percentage


class Strict(BaseModel):
    """Fields are read as they are written: no unknown ones, and no text in place of a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TaskRule(Strict):
    """What is asked of one task."""

    metric: str = Field(
        "score",
        min_length=1,
        description='What the scores are: "score" (the column score, or whether the prediction is '
        'right), a measure of y_true and y_pred such as "auc", "f1_macro", "recall@fraud" or '
        '"rmse", or any column of numbers.',
    )
    direction: Literal["higher", "lower"] | None = Field(
        None,
        description="Whether higher or lower scores are better. A column of your own needs it.",
    )
    range: list[float] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="The smallest and the largest score that an example can have, if it is not 0 "
        "and 1. A test of scores without a known range needs more examples.",
    )
    delta: Amount = Field(
        0.02,
        description="The largest loss that is allowed. The candidate must be shown to lose less. "
        '0.02 means two points; "10%" is a share of the champion\'s score.',
    )
    floor: float | None = Field(
        None,
        description="The lowest score that the candidate may have, whatever the champion has.",
    )
    ceiling: float | None = Field(
        None,
        description="The highest score that the candidate may have, if lower scores are better.",
    )
    max_cumulative_drop: Share | None = Field(
        None,
        description="The largest loss since the task was learnt, over all releases of the ledger. "
        "Without it, each release may lose up to delta again.",
    )
    critical: bool = Field(
        True,
        description="If true, the release fails if the task fails. If false, a failure is only a "
        "warning.",
    )
    min_examples: int = Field(
        30, ge=1, description="A task with fewer examples than this is inconclusive."
    )
    segments: Judging = Field(
        "strict",
        description='How segments are judged. "strict": like tasks, so the release passes only if '
        'each segment is shown to lose less than delta. "worse": a segment fails if it is '
        'shown to lose more, and one that shows nothing is a warning. "ignore": segments '
        "are not judged.",
    )
    classes: Judging = Field(
        "worse",
        description="How the recall of each class is judged if there is a column label. The values "
        "mean the same as for segments.",
    )

    @model_validator(mode="after")
    def _fitting(self) -> "TaskRule":
        """Refuse limits that no score of this kind can break, or that contradict each other."""
        if self.range is not None and not self.range[0] < self.range[1]:
            raise HoldfastError("range needs the smallest score first, and then a larger one")
        # Other metrics have other ranges, which are only known with the results.
        if self.metric != "score" or self.range is not None:
            return self
        if not self.is_relative and self.limit >= 1:
            raise HoldfastError(f"delta must be less than 1, got {self.limit:g}")
        if self.floor is not None and not 0 <= self.floor <= 1:
            raise HoldfastError(f"floor must be from 0 to 1, got {self.floor:g}")
        return self

    @property
    def limit(self) -> float:
        """The largest loss that is allowed, as a number; a share if it is relative."""
        if isinstance(self.delta, str):
            return _share(self.delta)
        return self.delta

    @property
    def is_relative(self) -> bool:
        """Whether the limit is a share of the champion's score."""
        return isinstance(self.delta, str)


class CostRule(Strict):
    """What is asked of one cost per example, such as its latency."""

    max_increase: Amount = Field(
        description='The largest increase that is allowed, such as "10%" or a number in the unit '
        "of the column."
    )
    critical: bool = Field(
        True,
        description="If true, the release fails if the cost rises too much. If false, it is only a "
        "warning.",
    )

    @property
    def rule(self) -> TaskRule:
        """The same as the rule of a task whose scores are the cost."""
        return TaskRule(
            direction="lower", delta=self.max_increase, critical=self.critical, metric="cost"
        )


class Whole(Strict):
    """What is asked of all tasks together, on the measured figures (no test)."""

    lowest_transfer: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="The lowest mean change over the tasks of both sides, without new_task (the "
        "mean BWT from release to release).",
    )
    largest_accuracy_drop: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How much lower ACC, the mean over the tasks of both sides, may be.",
    )
    worst_forgetting: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="The most that a task may have lost since it was learnt. This needs accuracy "
        "matrices or a ledger.",
    )
    largest_transfer_drop: float | None = Field(
        None,
        ge=0,
        le=2,
        description="How much lower BWT may be than the champion's. This needs accuracy matrices "
        "or a ledger.",
    )
    new_task: str | None = Field(None, description="The task that the candidate was trained for.")
    least_gain: float | None = Field(
        None, ge=-1, le=1, description="The smallest gain that the candidate must show on new_task."
    )

    @property
    def limits_history(self) -> bool:
        """Whether there is a limit on what tasks lost since they were learnt."""
        limits = (self.worst_forgetting, self.largest_transfer_drop)
        return any(limit is not None and limit < NO_LIMIT for limit in limits)


class Waiver(Strict):
    """An exception, with its reason and its end."""

    task: str = Field(description="The task that may fail, or task/segment.")
    segment: str = Field(
        "",
        description="The segment of the task. It is needed if another task is called task/segment.",
    )
    reason: str = Field(description="The reason, in words.")
    expires: date = Field(
        description="The last day on which the waiver holds, at most a year ahead."
    )

    @field_validator("expires", mode="before")
    @classmethod
    def _date_from_text(cls, expires: object) -> object:
        """Read a day that is written as text, which strict fields do not accept."""
        # Python also reads 20270630 as a date, which TOML does not.
        if isinstance(expires, str) and len(expires) == ISO_LENGTH:
            return date.fromisoformat(expires)
        return expires

    @field_validator("reason")
    @classmethod
    def _in_words(cls, reason: str) -> str:
        """Refuse reasons such as "…" and "ok ok", which explain nothing to the next reader."""
        letters = [character.lower() for character in reason if character.isalpha()]
        if len(letters) < LEAST_REASON:
            raise ValueError(f"a waiver needs a reason in words (at least {LEAST_REASON} letters)")
        if len(set(letters)) < LEAST_LETTERS:
            raise ValueError("a waiver needs a reason in words")
        return without_secrets(shown(reason.strip()))

    @property
    def name(self) -> str:
        """The task, or task/segment, that the waiver is for."""
        return label(self.task, self.segment)

    def covers(self, task: str, segment: str) -> bool:
        """Whether the waiver is for this task or segment. One for a task covers its segments."""
        if self.segment:
            return (self.task, self.segment) == (task, segment)
        return self.task in (task, label(task, segment))


def label(task: str, segment: str = "") -> str:
    """Return the name under which a task, or a segment of it, has rules and is shown."""
    if not segment:
        return task
    return f"{task}/{segment}"


def row_name(task: str, segment: str, class_label: str) -> str:
    """Return the name of a row of a verdict: the task, task/segment, or the class of a task."""
    if class_label:
        return f"{task}, class {class_label}"
    return label(task, segment)
