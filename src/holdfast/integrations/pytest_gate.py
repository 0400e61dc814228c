"""A plugin for pytest: a test that fails if a retrained model is not shown to be no worse.

pytest loads this file at the start of every run, also of those that judge no model. It therefore
imports nothing heavy: the gate, with pandas and NumPy, is loaded by the first assertion.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from holdfast.errors import HoldfastError, unknown

if TYPE_CHECKING:
    from holdfast.gate import Gate, Policy, Side, Verdict
    from holdfast.gate.formats import Wanted
    from holdfast.gate.reading.sides import Source

READING = ("format", "filter", "model", "prompt", "segment", "cluster", "identifier")


def assert_not_worse(
    champion: "Source | Side",
    candidate: "Source | Side",
    margin: float | str | None = None,
    *,
    policy: "Policy | Path | str" = "standard",
    metric: str | None = None,
    direction: Literal["higher", "lower"] | None = None,
    range: Sequence[float] | None = None,
    inconclusive: Literal["fail", "pass"] | None = None,
    allow_changed: Sequence[str] = (),
    **reading: str,
) -> "Verdict":
    """Fail unless a candidate is shown to be no worse than a champion, task by task.

    The options replace fields of the policy. A task for which the policy has a rule of its own
    keeps the fields of that rule.

    Args:
        champion: Results of the model in production: a file, the folder of an evaluation tool, a
            data frame, an accuracy matrix or a side from a ledger (see `holdfast.gate.read_side`).
        candidate: Results of the retrained model, in the same form.
        margin: The largest loss that is allowed for every task, such as 0.02 for two points or "5%"
            for a share of the champion's score. None takes `delta` of the policy, which is two
            points by default.
        policy: A policy, its TOML file, or the name of a shipped one.
        metric: What the scores are, such as "auc". None takes that of the policy.
        direction: Whether higher or lower scores are better, for a column of your own.
        range: The smallest and the largest score that an example can have.
        inconclusive: Whether the test fails or passes if the examples do not decide. None takes
            what the policy says, which is "fail" by default.
        allow_changed: What may differ between the evaluations of both sides, such as "prompt".
        **reading: What is read: format, filter, model, prompt, segment, cluster or identifier, as
            `holdfast.gate.formats.Wanted` has them.

    Returns:
        The verdict, which passed.

    Raises:
        AssertionError: The candidate did not pass. The message is the verdict's table.
        HoldfastError: The results cannot be read or compared, or an option is impossible.

    Example:
        >>> import pandas as pd
        >>> scores = [1, 1, 1, 1, 0] * 200
        >>> old = pd.DataFrame({"task": "a", "example_id": range(1000), "score": scores})
        >>> assert_not_worse(old, old, margin=0.02).headline
        'pass; worst change: 0.00 points on a'
    """
    # pytest then shows the line of the test that called this, and no frame of Holdfast.
    __tracebackhide__ = True
    changes = {"delta": margin, "metric": metric, "direction": direction, "range": range}
    try:
        gate = _gate(policy, changes, inconclusive, allow_changed, _wanted(reading))
        verdict = gate.judge(champion, candidate)
    except HoldfastError as error:
        # The frames in between would hide the one line that says what to do.
        raise error.with_traceback(None) from None
    if not verdict.passed:
        from holdfast.integrations.failed_verdict import failure_message

        raise AssertionError(failure_message(verdict, gate.policy))
    return verdict


@pytest.fixture(name="assert_not_worse")
def _assert_not_worse() -> "Callable[..., Verdict]":
    """Fail the test unless a candidate is shown to be no worse than a champion (Holdfast)."""
    return assert_not_worse


def _gate(
    policy: "Policy | Path | str",
    changes: Mapping[str, object],
    inconclusive: str | None,
    allow_changed: Sequence[str],
    wanted: "Wanted",
) -> "Gate":
    """Make the gate of a policy, with the options in place of its fields."""
    from holdfast.gate import Gate, Policy, read_policy

    name = "policy"
    if isinstance(policy, str | Path):
        name = str(policy)
        policy = read_policy(Path(policy))
    if not isinstance(policy, Policy):
        raise HoldfastError(
            f"policy must be a Policy, a TOML file or the name of a shipped policy, got {policy!r}"
        )
    given = {field: value for field, value in changes.items() if value is not None}
    if "delta" in given and policy.decide_by == "figures":
        raise HoldfastError(
            f"margin has no effect, because the policy {name} decides by measured figures; leave "
            "margin out, or name a policy that decides by tests"
        )
    if isinstance(allow_changed, str):  # a sequence too, but of its letters
        allow_changed = [allow_changed]
    return Gate(_changed(policy, given, inconclusive, allow_changed), name, wanted=wanted)


def _changed(
    policy: "Policy",
    given: dict[str, object],
    inconclusive: str | None,
    allow_changed: Sequence[str],
) -> "Policy":
    """Return a policy with other fields. Errors show the options as they were given."""
    from holdfast.gate.policy import policy_from

    values = policy.model_dump(exclude_unset=True)
    default = values.setdefault("default", {})
    default.update(given)
    if isinstance(default.get("range"), tuple):
        default["range"] = list(default["range"])
    if inconclusive is not None:
        values["inconclusive"] = inconclusive
        given = {**given, "inconclusive": inconclusive}
    if allow_changed:
        values["allow_changed"] = [*policy.allow_changed, *allow_changed]
    options = ", ".join(f"{_option(field)}={value!r}" for field, value in given.items())
    return policy_from(values, f"assert_not_worse with {options or 'this policy'}")


def _option(field: str) -> str:
    """Return the name of the option that replaces a field of a rule."""
    if field == "delta":
        return "margin"
    return field


def _wanted(reading: dict[str, str]) -> "Wanted":
    """Check what is asked of the reader."""
    from holdfast.gate.formats import Wanted

    for name, value in reading.items():
        if name not in READING:
            options = ("margin", "policy", "metric", "direction", "range", "inconclusive")
            raise unknown("option", name, [*options, "allow_changed", *READING])
        if not isinstance(value, str):
            raise HoldfastError(
                f"option {name} must be a text, got {value!r}; leave it out instead"
            )
    return Wanted(
        format=reading.get("format", ""),
        filter=reading.get("filter", ""),
        model=reading.get("model", ""),
        prompt=reading.get("prompt", ""),
        segment=reading.get("segment", ""),
        cluster=reading.get("cluster", ""),
        identifier=reading.get("identifier", ""),
    )
