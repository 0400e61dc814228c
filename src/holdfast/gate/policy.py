"""The policy: what a release must keep. `holdfast gate init` writes a file that explains it."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from holdfast.errors import HoldfastError, reading, unknown
from holdfast.gate.rules import CostRule, Strict, TaskRule, Waiver, Whole, label
from holdfast.text import safe_name
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


class Policy(Strict):
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
    repair_ids: bool = Field(
        False,
        description="Whether example ids and names of tasks are matched that differ only by case, "
        "white space or Unicode form. If false, they are an error.",
    )
    repeats: Literal["fail", "average"] = Field(
        "fail",
        description="What happens if an example occurs several times on a side without a column "
        'that numbers its repeats. "fail": it is an error. "average": its scores are averaged.',
    )
    allow_changed: list[str] = Field(
        [],
        description="What may differ between the evaluations of both sides although it changes "
        'scores, such as "prompt" or "few-shot", if the files of an evaluation tool tell it.',
    )
    default: TaskRule = Field(
        TaskRule(), description="The rule for tasks without a rule of their own."
    )
    tasks: dict[str, dict[str, object]] = Field(
        {},
        description="Rules of single tasks (or task/segment), whose fields replace those of the "
        "default.",
    )
    cost: dict[str, CostRule] = Field(
        {},
        description="Rules of costs per example, over all tasks. The name is that of a column, "
        "with a statistic before it: mean_price, total_tokens, p95_latency_ms.",
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
            values |= {"floor": None, "ceiling": None, "max_cumulative_drop": None}
            values |= self.tasks.get(label(task, segment), {})
        return TaskRule.model_validate(values)

    def overridden(
        self, default: Mapping[str, object], allow_changed: Sequence[str] = ()
    ) -> "Policy":
        """Return the policy with other fields in the rule of every task.

        Args:
            default: Fields of the default rule, such as {"metric": "auc"}.
            allow_changed: Further facts that may differ between the sides.

        Raises:
            HoldfastError: A field has an impossible value.
        """
        values = self.model_dump(exclude_unset=True)
        values["default"] = {**values.get("default", {}), **default}
        if allow_changed:
            values["allow_changed"] = [*self.allow_changed, *allow_changed]
        return policy_from(values, "the policy with your options")

    def sets_delta(self, task: str) -> bool:
        """Whether the policy itself says how much a task may lose, rather than the default."""
        return "delta" in self.tasks.get(task, {}) or "delta" in self.default.model_fields_set

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
            f"there is no policy {safe_name(name)}; write one with `holdfast gate init FILE`, or "
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
        name = str(first["loc"][-1])
        if name in TaskRule.model_fields and len(first["loc"]) == 1 and not table:
            return HoldfastError(
                f"{where}: {name} is a rule of tasks; write it under [default], or under "
                "[tasks.NAME] for a single task"
            )
        known: list[str] = []
        for model in (Policy, TaskRule, CostRule, Whole, Waiver):
            known += model.model_fields
        return HoldfastError(f"{where}: {unknown('field', place, known)}")
    return HoldfastError(f"{where}: {describe(first, place)}")
