"""What a release must keep: a TOML file, validated; every field is documented in the file that `--init` writes."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import HoldfastError, one_of, unknown

SHIPPED: dict[str, dict[str, Any]] = {
    "standard": {},
    # On point estimates, as releases are often judged by hand; docs/gate.md shows what it gets wrong.
    "simple": {
        "decide_by": "figures",
        "whole": {"largest_accuracy_drop": 0.02, "worst_forgetting": 0.05, "largest_transfer_drop": 0.03},
    },
}
Share = Annotated[float, Field(gt=0, lt=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskRule(_Strict):
    """What is asked of one task."""

    delta: Share = Field(0.02, description="largest drop that is allowed: the candidate must be shown to lose less (0.02: two points)")
    floor: float | None = Field(None, ge=0, le=1, description="lowest score that the candidate may have, whatever the champion has")
    max_cumulative_drop: Share | None = Field(
        None, description="largest drop since the task was learnt, over all releases of the ledger (else delta is allowed every time)"
    )
    critical: bool = Field(True, description="true: the release fails with it; false: it is a warning")
    min_examples: int = Field(30, ge=1, description="fewer examples than this leave the task inconclusive")
    segments: Literal["worse", "strict", "ignore"] = Field(
        "worse",
        description="segments fail when they are shown to be worse by more than delta (worse), or pass as tasks do, only when they are "
        "shown to lose less than delta (strict), or are not looked at (ignore)",
    )


class Whole(_Strict):
    """What is asked of all tasks together, on the figures as they are (no test)."""

    lowest_transfer: float | None = Field(
        None, ge=-1, le=1, description="lowest mean change over the tasks of both but new_task (mean BWT from release to release)"
    )
    largest_accuracy_drop: float | None = Field(None, ge=0, le=1, description="how much lower ACC, the mean over the tasks of both, may be")
    worst_forgetting: float | None = Field(
        None, ge=-1, le=1, description="the most that a task may have lost since it was learnt (needs accuracy matrices or a ledger)"
    )
    largest_transfer_drop: float | None = Field(
        None, ge=0, le=1, description="how much lower BWT may be than the champion's (needs accuracy matrices or a ledger)"
    )
    new_task: str | None = Field(None, description="the task that the candidate was trained for")
    least_gain: float | None = Field(None, ge=-1, le=1, description="least gain of the candidate on new_task")


class Waiver(_Strict):
    """An exception, with its reason and its end."""

    task: str = Field(description="the task that may fail, or task/segment")
    reason: str = Field(min_length=1, description="why")
    expires: date = Field(description="last day on which it holds")


class Policy(_Strict):
    """The policy of a gate."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="of every test: at 0.95 it errs in at most 5 of 100 cases")
    decide_by: Literal["tests", "figures"] = Field(
        "tests",
        description="what decides: tests of every task (and the rules on the whole), or floors and the rules on the whole alone, which\n"
        "# take measured figures for true ones; the tests are then warnings",
    )
    inconclusive: Literal["fail", "pass"] = Field("fail", description="what it means when the examples do not decide")
    unmatched: Literal["fail", "ignore"] = Field(
        "fail", description="example ids on one side only: fail, or compare the common ones (which hides hard examples that were dropped)"
    )
    default: TaskRule = Field(TaskRule(), description="for tasks without a rule of their own")
    tasks: dict[str, dict[str, Any]] = Field({}, description="rules of single tasks (or task/segment), in place of the default's fields")
    whole: Whole = Field(Whole(), description="for all tasks together")
    waivers: list[Waiver] = Field([], description="exceptions")

    def rule(self, task: str, segment: str = "") -> TaskRule:
        """The rule of a task: the default with the task's own fields; of a segment: the task's with those of `task/segment`."""
        values = self.default.model_dump() | self.tasks.get(task, {})
        if segment:  # limits on scores are meant for what they are given for
            values |= {"floor": None, "max_cumulative_drop": None} | self.tasks.get(label(task, segment), {})
        return TaskRule(**values)

    def waiver(self, task: str, today: date, segment: str = "") -> Waiver | None:
        """The waiver of a task, or of one of its segments, that still holds."""
        return next((w for w in self.waivers if w.task in (task, label(task, segment)) and today <= w.expires), None)


def label(task: str, segment: str = "") -> str:
    """The name under which a task, or a segment of it, has rules and is shown."""
    return f"{task}/{segment}" if segment else task


def read_policy(path: Path) -> Policy:
    """A policy file, or a shipped policy by its name: `standard` or `simple`."""
    if str(path) in SHIPPED and not path.exists():
        return policy_from(SHIPPED[str(path)], str(path))
    try:
        values = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise HoldfastError(
            f"there is no policy {path}; holdfast gate --init --policy {path} writes one, --policy {' or '.join(SHIPPED)} a shipped one"
        ) from None
    except OSError as error:
        raise HoldfastError(f"policy {path} could not be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HoldfastError(f"policy {path} is not valid TOML: {error}") from None
    return policy_from(values, str(path))


def policy_from(values: dict[str, Any], where: str = "policy") -> Policy:
    """A policy from plain values; the first mistake is one sentence."""
    try:
        policy = Policy(**values)
        for task in policy.tasks:
            policy.rule(task)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "policy"
        if first["type"] == "extra_forbidden":
            known = {**Policy.model_fields, **TaskRule.model_fields, **Whole.model_fields, **Waiver.model_fields}
            raise HoldfastError(f"{where}: {unknown('field', place, known)}") from None
        raise HoldfastError(f"{where}: {place}: {first['msg']}, got {first['input']!r}") from None
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
    lines += ["# [tasks.checkout]  # a task of its own; fields not given are those of [default]", "# delta = 0.005", "# floor = 0.9", ""]
    lines += ['# [tasks."checkout/new customers"]  # a segment of a task; fields not given are those of the task', "# delta = 0.01", ""]
    lines += ["[whole]  # all tasks together, on the figures as they are"]
    for name in Whole.model_fields:
        lines += _field(Whole, name, getattr(policy.whole, name))
    lines += ["# [[waivers]]  # an exception, with its reason and its last day"]
    lines += ['# task = "checkout"', '# reason = "labels of July are wrong, see issue 12"', "# expires = 2030-12-31", ""]
    return "\n".join(lines)


def _field(kind: type[BaseModel], name: str, value: Any) -> list[str]:
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')
    line = f"# {name} = …" if value is None else f"{name} = {shown}"
    return [f"# {kind.model_fields[name].description}", line, ""]
