"""The policy: what a release must keep. `holdfast gate --init` writes a file that explains it."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from holdfast.errors import HoldfastError, reading, unknown
from holdfast.text import safe_name, shown, without_secrets
from holdfast.validation import describe

STANDARD = "standard"
SHIPPED: dict[str, dict[str, object]] = {  # name of a shipped policy → its fields
    STANDARD: {},
    # On measured figures, as releases are often judged by hand. docs/gate.md shows its weakness.
    "simple": {
        "decide_by": "figures",
        "whole": {
            "largest_accuracy_drop": 0.02,
            "worst_forgetting": 0.05,
            "largest_transfer_drop": 0.03,
        },
    },
}
Share = Annotated[float, Field(gt=0, lt=1)]
Judging = Literal["strict", "worse", "ignore"]

LONGEST_WAIVER = 366  # days
LEAST_REASON = 8  # letters that the reason of a waiver needs
LEAST_LETTERS = 4  # different ones among them, so that "xxxxxxxx" is no reason
NO_LIMIT = 0.99  # a limit from which on hardly any candidate breaks it
ISO_LENGTH = len("2027-06-30")


class _Strict(BaseModel):
    """Fields are read as they are written: no unknown ones, and no text in place of a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TaskRule(_Strict):
    """What is asked of one task."""

    delta: Share = Field(
        0.02,
        description="The largest loss that is allowed. The candidate must be shown to lose less "
        "(0.02 means two points).",
    )
    floor: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The lowest score that the candidate may have, whatever the champion has.",
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


class Whole(_Strict):
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


class Waiver(_Strict):
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


class Policy(_Strict):
    """The policy of a gate. `Policy()` has the defaults of the shipped policy `standard`.

    Example:
        >>> policy = Policy(tasks={"checkout": {"delta": 0.005}})
        >>> policy.rule("checkout").delta, policy.rule("search").delta
        (0.005, 0.02)
    """

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95,
        description="The confidence of every decision. At 0.95, at most 5 of 100 releases that "
        "lose more than is allowed pass, and at most 5 of 100 that do not are called failures.",
    )
    decide_by: Literal["tests", "figures"] = Field(
        "tests",
        description='What decides. "tests": tests of every task, and the rules on the whole. '
        '"figures": floors and the rules on the whole alone, which take measured figures '
        "for exact ones. What the tests say is then a warning.",
    )
    inconclusive: Literal["fail", "pass"] = Field(
        "fail", description="Whether the release fails or passes if the examples do not decide."
    )
    unmatched: Literal["fail", "ignore"] = Field(
        "fail",
        description="What happens if example ids (or numbers of examples) differ between the "
        'sides. "fail": it is an error. "ignore": only the examples of both sides are compared, '
        "which hides hard examples that were dropped.",
    )
    default: TaskRule = Field(
        TaskRule(), description="The rule for tasks without a rule of their own."
    )
    tasks: dict[str, dict[str, object]] = Field(
        {},
        description="Rules of single tasks (or task/segment), whose fields replace those of the "
        "default.",
    )
    whole: Whole = Field(Whole(), description="The rules on all tasks together.")
    waivers: list[Waiver] = Field([], description="Exceptions.")

    def rule(self, task: str, segment: str = "") -> TaskRule:
        """Return the rule of a task or of a segment.

        Args:
            task: The task.
            segment: One of its segments, or "" for the task as a whole.

        Returns:
            The default rule, with the fields of the task in their place. For a segment, the fields
            of `task/segment` come on top, and floors and cumulative limits of the task do not
            apply.
        """
        # The more specific rule wins: segment, task, default.
        values = self.default.model_dump() | self.tasks.get(task, {})
        if segment:
            values |= {"floor": None, "max_cumulative_drop": None}
            values |= self.tasks.get(label(task, segment), {})
        return TaskRule.model_validate(values)

    def waiver(self, task: str, today: date, segment: str = "") -> Waiver | None:
        """Return the waiver that holds today for a task, or for one of its segments.

        Args:
            task: The task.
            today: The day on which the waiver must hold.
            segment: One of its segments, or "" for the task as a whole.
        """
        for waiver in self.waivers:
            if waiver.covers(task, segment) and today <= waiver.expires:
                return waiver
        return None


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


def read_policy(path: Path) -> Policy:
    """Read a policy.

    Args:
        path: A TOML file, or the name of a shipped policy (`standard`, `simple`).

    Returns:
        The policy.

    Raises:
        HoldfastError: There is no such file, or it is not a valid policy.

    Example:
        >>> read_policy(Path("simple")).decide_by
        'figures'
    """
    name = str(path)
    # A file that has the name of a shipped policy is meant, if it is there.
    if name in SHIPPED and not path.exists():
        return policy_from(SHIPPED[name], name)
    if not path.exists():
        raise HoldfastError(
            f"there is no policy {safe_name(name)}; write one with `holdfast gate --init FILE`, or "
            f"name a shipped policy: {', '.join(SHIPPED)}"
        )
    where = f"policy {safe_name(name)}"
    with reading(where, "TOML"):
        return policy_from(tomllib.loads(path.read_bytes().decode("utf-8-sig")), where)


def policy_from(values: Mapping[str, object], where: str = "policy") -> Policy:
    """Make a policy from plain values.

    Args:
        values: Fields of the policy, as in its TOML file.
        where: What the values are called in an error.

    Returns:
        The policy.

    Raises:
        HoldfastError: A field is unknown or has an impossible value. The first mistake is named.

    Example:
        >>> policy_from({"default": {"delta": 0.05}}).default.delta
        0.05
    """
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        raise _mistake(error, where) from None
    # The fields of single tasks become a rule only when they are asked for, so ask now.
    for task in policy.tasks:
        try:
            policy.rule(task)
        except ValidationError as error:
            raise _mistake(error, where, "tasks", task) from None
    return policy


def _mistake(error: ValidationError, where: str, *table: str) -> HoldfastError:
    """Name the first mistake in a policy, or in one of its tables, in one sentence."""
    # One mistake at a time: later ones are often consequences of the first.
    first = error.errors()[0]
    place = ".".join([*table, *map(str, first["loc"])]) or "policy"
    if first["type"] == "extra_forbidden":
        known: list[str] = []
        for model in (Policy, TaskRule, Whole, Waiver):
            known += model.model_fields
        return HoldfastError(f"{where}: {unknown('field', place, known)}")
    return HoldfastError(f"{where}: {describe(first, place)}")
