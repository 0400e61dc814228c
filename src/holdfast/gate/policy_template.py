"""The policy file that `holdfast gate init` writes, with every field and what it means."""

import textwrap

from pydantic import BaseModel

from holdfast.errors import one_of
from holdfast.gate.policy import SHIPPED, policy_from
from holdfast.gate.rules import TaskRule, Whole

WIDTH = 98  # characters of a line of the file, without "# "
FIRST = ["confidence", "decide_by", "inconclusive", "unmatched", "repeats", "allow_changed"]
TASK_EXAMPLES = """\
# A rule for one task. Fields that are not given are those of [default].
# [tasks.checkout]
# delta = 0.005
# floor = 0.9

# A rule for one segment. Fields that are not given are those of its task, but the floor and the
# cumulative limit of the task do not apply.
# [tasks."checkout/new customers"]
# delta = 0.01
"""
COST_EXAMPLE = """\
# A rule for a cost per example: a column of the results, with a statistic before it (mean, total,
# or a percentile such as p95). A statistic over all tasks may rise by less than max_increase.
# [cost.p95_latency_ms]
# max_increase = "10%"
"""
WAIVER_EXAMPLE = """\
# A waiver lets a task fail. It needs a reason in words and a last day, at most a year ahead.
# [[waivers]]
# task = "checkout"
# reason = "labels of July are wrong, see issue 12"
# expires = 2027-06-30
"""


def template(shipped: str = "standard") -> str:
    """Write a shipped policy as a TOML file, with every field, its value and what it means.

    Args:
        shipped: Name of the policy: "standard" or "simple".

    Returns:
        The text of the file.

    Raises:
        HoldfastError: There is no shipped policy of this name.

    Example:
        >>> import tomllib
        >>> from holdfast.gate import Policy
        >>> policy_from(tomllib.loads(template())) == Policy()
        True
    """
    # The sections have the order in which people edit them: tasks before the whole.
    policy = policy_from(SHIPPED[one_of("policy", shipped, SHIPPED)])
    lines = ["# Policy of a release gate. Fields that are commented out are not set.", ""]
    lines += _fields(
        policy, ["confidence", "decide_by", "inconclusive", "unmatched", "repeats", "allow_changed"]
    )
    lines += ["# The rule of every task without one of its own.", "[default]", ""]
    lines += _fields(policy.default, list(TaskRule.model_fields))
    lines += TASK_EXAMPLES.split("\n")
    lines += COST_EXAMPLE.split("\n")
    lines += ["# Rules on all tasks together, on the measured figures.", "[whole]", ""]
    lines += _fields(policy.whole, list(Whole.model_fields))
    lines += WAIVER_EXAMPLE.split("\n")
    return "\n".join(lines)


def _fields(model: BaseModel, names: list[str]) -> list[str]:
    """Return lines for some fields of a model: what each means, its value, and an empty line."""
    lines: list[str] = []
    for name in names:
        description = type(model).model_fields[name].description or ""
        lines += [f"# {line}" for line in textwrap.wrap(description, WIDTH)]
        lines += [_assignment(name, getattr(model, name)), ""]
    return lines


def _assignment(name: str, value: object) -> str:
    """Write a value as TOML, or as a comment if the field is not set."""
    if value is None:
        return f"# {name} = …"
    if isinstance(value, bool):
        return f"{name} = {str(value).lower()}"
    if isinstance(value, str):
        return f'{name} = "{value}"'
    return f"{name} = {value!r}"
