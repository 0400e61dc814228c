"""What a release must keep: a TOML file, validated; every field is documented in the file that `--init` writes."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from holdfast.errors import HoldfastError, one_of, reading, unknown
from holdfast.text import safe_name, shown, without_secrets

STANDARD = "standard"
SHIPPED: dict[str, dict[str, Any]] = {
    STANDARD: {},
    # On point estimates, as releases are often judged by hand; docs/gate.md shows what it gets wrong.
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
LONGEST_WAIVER = 366  # days
LEAST_REASON, LEAST_LETTERS = 8, 4  # letters of a reason in words, and different ones among them


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TaskRule(_Strict):
    """What is asked of one task."""

    delta: Share = Field(
        0.02,
        description="largest loss that is allowed: the candidate must be shown to lose less (0.02: two points)",
    )
    floor: float | None = Field(
        None,
        ge=0,
        le=1,
        description="lowest score that the candidate may have, whatever the champion has",
    )
    max_cumulative_drop: Share | None = Field(
        None,
        description="largest loss since the task was learnt, over all releases of the ledger (else delta is allowed every time)",
    )
    critical: bool = Field(
        True, description="true: the release fails with it; false: it is a warning"
    )
    min_examples: int = Field(
        30, ge=1, description="fewer examples than this leave the task inconclusive"
    )
    segments: Literal["strict", "worse", "ignore"] = Field(
        "strict",
        description="segments are judged like tasks: the release passes only if each is shown to lose less than delta (strict);\n"
        "# or they fail if they are shown to lose more, and those that show nothing are warnings (worse);\n"
        "# or they are not judged (ignore)",
    )
    classes: Literal["strict", "worse", "ignore"] = Field(
        "worse",
        description="with a column label: what is asked of the recall of each class; the same words as for segments",
    )


class Whole(_Strict):
    """What is asked of all tasks together, on the measured figures (no test)."""

    lowest_transfer: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="lowest mean change over the tasks of both but new_task (mean BWT from release to release)",
    )
    largest_accuracy_drop: float | None = Field(
        None, ge=0, le=1, description="how much lower ACC, the mean over the tasks of both, may be"
    )
    worst_forgetting: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="the most that a task may have lost since it was learnt (needs accuracy matrices or a ledger)",
    )
    largest_transfer_drop: float | None = Field(
        None,
        ge=0,
        le=2,
        description="how much lower BWT may be than the champion's (needs accuracy matrices or a ledger)",
    )
    new_task: str | None = Field(None, description="the task that the candidate was trained for")
    least_gain: float | None = Field(
        None, ge=-1, le=1, description="least gain of the candidate on new_task"
    )

    @property
    def limits_history(self) -> bool:
        """Whether it is limited what tasks lost since they were learnt."""
        limits = (self.worst_forgetting, self.largest_transfer_drop)
        return any(limit is not None and limit < 0.99 for limit in limits)


class Waiver(_Strict):
    """An exception, with its reason and its end."""

    task: str = Field(description="the task that may fail, or task/segment")
    segment: str = Field(
        "", description="the segment of the task; needed if another task is called task/segment"
    )
    reason: str = Field(description="why, in words")
    expires: date = Field(description="last day on which it holds, at most a year ahead")

    @field_validator("expires", mode="before")
    @classmethod
    def _from_text(cls, expires: object) -> object:
        return (
            date.fromisoformat(expires)
            if isinstance(expires, str) and len(expires) == 10
            else expires
        )

    @field_validator("reason")
    @classmethod
    def _in_words(cls, reason: str) -> str:
        if sum(c.isalpha() for c in reason) < LEAST_REASON:
            raise ValueError(f"a waiver needs a reason in words (at least {LEAST_REASON} letters)")
        if len({c.lower() for c in reason if c.isalpha()}) < LEAST_LETTERS:
            raise ValueError("a waiver needs a reason in words")
        return without_secrets(shown(reason.strip()))

    @property
    def name(self) -> str:
        """The task, or task/segment, that the waiver is for."""
        return label(self.task, self.segment)

    def covers(self, task: str, segment: str) -> bool:
        """Whether the waiver is for this task or segment; one of a task covers its segments too."""
        if self.segment:
            return (self.task, self.segment) == (task, segment)
        return self.task in (task, label(task, segment))


class Policy(_Strict):
    """The policy of a gate."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95,
        description="of every decision: at 0.95, at most 5 of 100 releases that lose more than is allowed pass,\n"
        "# and at most 5 of 100 that do not are called failures",
    )
    decide_by: Literal["tests", "figures"] = Field(
        "tests",
        description="what decides: tests of every task (and the rules on the whole), or floors and the rules on\n"
        "# the whole alone, which take measured figures for true ones; the tests are then warnings",
    )
    inconclusive: Literal["fail", "pass"] = Field(
        "fail", description="what it means for the release if the examples do not decide"
    )
    unmatched: Literal["fail", "ignore"] = Field(
        "fail",
        description="example ids (or numbers of examples) that differ between the sides: fail, or compare\n"
        "# what both have (which hides hard examples that were dropped)",
    )
    default: TaskRule = Field(TaskRule(), description="for tasks without a rule of their own")
    tasks: dict[str, dict[str, Any]] = Field(
        {}, description="rules of single tasks (or task/segment), in place of the default's fields"
    )
    whole: Whole = Field(Whole(), description="for all tasks together")
    waivers: list[Waiver] = Field([], description="exceptions")

    def rule(self, task: str, segment: str = "") -> TaskRule:
        """The rule of a task or of a segment.

        Args:
            task: The task.
            segment: One of its segments, or "" for the task as a whole.

        Returns:
            The default rule with the fields of the task's own; for a segment those of `task/segment` on
            top. Floors and cumulative limits are not handed down to segments.
        """
        values = self.default.model_dump() | self.tasks.get(task, {})
        if segment:
            own = self.tasks.get(label(task, segment), {})
            values |= {"floor": None, "max_cumulative_drop": None} | own
        return TaskRule(**values)

    def waiver(self, task: str, today: date, segment: str = "") -> Waiver | None:
        """The waiver that holds today for a task, or for one of its segments."""
        held = (w for w in self.waivers if w.covers(task, segment) and today <= w.expires)
        return next(held, None)


def label(task: str, segment: str = "") -> str:
    """The name under which a task, or a segment of it, has rules and is shown."""
    return f"{task}/{segment}" if segment else task


def row_name(task: str, segment: str, class_label: str) -> str:
    """How a row of a verdict is called: the task, task/segment, or the class of a task."""
    return f"{task}, class {class_label}" if class_label else label(task, segment)


def read_policy(path: Path) -> Policy:
    """Read a policy.

    Args:
        path: A TOML file, or the name of a shipped policy (`standard`, `simple`).

    Returns:
        The policy.

    Raises:
        HoldfastError: There is no such file, or it is not a valid policy.
    """
    if str(path) in SHIPPED and not path.exists():
        return policy_from(SHIPPED[str(path)], str(path))
    if not path.exists():
        raise HoldfastError(
            f"there is no policy {safe_name(str(path))}; `holdfast gate --init FILE` writes one, and --policy takes the "
            f"name of a shipped one: {', '.join(SHIPPED)}"
        )
    where = f"policy {safe_name(str(path))}"
    with reading(where, "TOML"):
        return policy_from(tomllib.loads(path.read_bytes().decode("utf-8-sig")), where)


def policy_from(values: dict[str, Any], where: str = "policy") -> Policy:
    """Make a policy from plain values.

    Args:
        values: Fields of the policy, as in its TOML file.
        where: What the values are called in an error.

    Raises:
        HoldfastError: A field is unknown or has an impossible value; the first mistake is named.
    """
    try:
        policy = Policy.model_validate(values)
        for task in policy.tasks:
            policy.rule(task)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "policy"
        if first["type"] == "extra_forbidden":
            models: tuple[type[BaseModel], ...] = (Policy, TaskRule, Whole, Waiver)
            known = [name for model in models for name in model.model_fields]
            raise HoldfastError(f"{where}: {unknown('field', place, known)}") from None
        message = first["msg"].removeprefix("Value error, ")
        got = str(first["input"])[:80]
        raise HoldfastError(f"{where}: {place}: {message}, got {got!r}") from None
    return policy


def template(shipped: str = "standard") -> str:
    """A shipped policy with every field, its value and what it means.

    >>> policy_from(tomllib.loads(template())) == Policy()
    True
    """
    policy = policy_from(SHIPPED[one_of("policy", shipped, SHIPPED)])
    lines = ["# Policy of a release gate. Fields that are commented out are not set.", ""]
    for name in ("confidence", "decide_by", "inconclusive", "unmatched"):
        lines += _field(Policy, name, getattr(policy, name))
    lines += ["[default]  # every task without a rule of its own"]
    for name in TaskRule.model_fields:
        lines += _field(TaskRule, name, getattr(policy.default, name))
    lines += [
        "# [tasks.checkout]  # a task of its own; fields not given are those of [default]",
        "# delta = 0.005",
        "# floor = 0.9",
        "",
    ]
    lines += [
        '# [tasks."checkout/new customers"]  # a segment; other fields are those of the task, without floor and cumulative limit',
        "# delta = 0.01",
        "",
    ]
    lines += ["[whole]  # all tasks together, on the figures as they are"]
    for name in Whole.model_fields:
        lines += _field(Whole, name, getattr(policy.whole, name))
    lines += ["# [[waivers]]  # an exception, with its reason and its last day"]
    lines += [
        '# task = "checkout"',
        '# reason = "labels of July are wrong, see issue 12"',
        "# expires = 2027-06-30  # at most a year ahead",
        "",
    ]
    return "\n".join(lines)


def _field(kind: type[BaseModel], name: str, value: Any) -> list[str]:
    shown = (
        {True: "true", False: "false"}[value]
        if isinstance(value, bool)
        else repr(value).replace("'", '"')
    )
    line = f"# {name} = …" if value is None else f"{name} = {shown}"
    return [f"# {kind.model_fields[name].description}", line, ""]
