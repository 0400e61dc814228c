"""What a release must keep: a TOML file, validated; every field is documented in the file that `--init` writes."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import HoldfastError, unknown

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


class Whole(_Strict):
    """What is asked of all tasks together, on the figures as they are (no test)."""

    lowest_transfer: float | None = Field(
        None, ge=-1, le=1, description="lowest mean change over tasks of both models (mean backward transfer from release to release)"
    )
    new_task: str | None = Field(None, description="the task that the candidate was trained for")
    least_gain: float | None = Field(None, ge=-1, le=1, description="least gain of the candidate on new_task")


class Waiver(_Strict):
    """An exception, with its reason and its end."""

    task: str = Field(description="the task that may fail")
    reason: str = Field(min_length=1, description="why")
    expires: date = Field(description="last day on which it holds")


class Policy(_Strict):
    """The policy of a gate."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="of every test: at 0.95 it errs in at most 5 of 100 cases")
    inconclusive: Literal["fail", "pass"] = Field("fail", description="what it means when the examples do not decide")
    unmatched: Literal["fail", "ignore"] = Field(
        "fail", description="example ids on one side only: fail, or compare the common ones (which hides hard examples that were dropped)"
    )
    default: TaskRule = Field(TaskRule(), description="for tasks without a rule of their own")
    tasks: dict[str, dict[str, Any]] = Field({}, description="rules of single tasks, in place of the default's fields")
    whole: Whole = Field(Whole(), description="for all tasks together")
    waivers: list[Waiver] = Field([], description="exceptions")

    def rule(self, task: str) -> TaskRule:
        """The rule of a task: the default with the task's own fields."""
        return TaskRule(**(self.default.model_dump() | self.tasks.get(task, {})))

    def waiver(self, task: str, today: date) -> Waiver | None:
        """The waiver of a task that still holds."""
        return next((w for w in self.waivers if w.task == task and today <= w.expires), None)


def read_policy(path: Path) -> Policy:
    """A policy file."""
    try:
        values = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise HoldfastError(f"there is no policy {path}; holdfast gate --init {path} writes one") from None
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


def template() -> str:
    """A policy with every field, its default and what it means.

    >>> policy_from(tomllib.loads(template())) == Policy()
    True
    """
    lines = ["# Policy of a release gate. Fields that are commented out have no default.", ""]
    for name in ("confidence", "inconclusive", "unmatched"):
        lines += _field(Policy, name, getattr(Policy(), name))
    lines += ["[default]  # every task without a rule of its own"]
    for name in TaskRule.model_fields:
        lines += _field(TaskRule, name, getattr(TaskRule(), name))
    lines += ["# [tasks.checkout]  # a task of its own; fields not given are those of [default]", "# delta = 0.005", "# floor = 0.9", ""]
    lines += ["[whole]  # all tasks together, on the figures as they are"]
    for name in Whole.model_fields:
        lines += _field(Whole, name, getattr(Whole(), name))
    lines += ["# [[waivers]]  # an exception, with its reason and its last day"]
    lines += ['# task = "checkout"', '# reason = "labels of July are wrong, see issue 12"', "# expires = 2030-12-31", ""]
    return "\n".join(lines)


def _field(kind: type[BaseModel], name: str, value: Any) -> list[str]:
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')
    line = f"# {name} = …" if value is None else f"{name} = {shown}"
    return [f"# {kind.model_fields[name].description}", line, ""]
