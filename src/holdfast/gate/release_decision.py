"""The decision on a release, from the rows of its verdict.

A single row that fails is enough: the mean over all tasks never decides.
"""

from collections.abc import Collection, Sequence
from datetime import date

from holdfast.gate.cautions import warnings
from holdfast.gate.joining import Comparison
from holdfast.gate.policy import Policy
from holdfast.gate.row_order import by_size
from holdfast.gate.verdict import Decision, TaskVerdict, Verdict
from holdfast.gate.whole_rules import broken_rules, mean_change


def decide_release(
    policy: Policy,
    policy_name: str,
    comparison: Comparison,
    rows: Sequence[TaskVerdict],
    poor_tasks: Collection[str],
    today: date,
) -> Verdict:
    """Decide on a release from the rows of its verdict.

    Args:
        policy: What is asked.
        policy_name: Its name in the verdict.
        comparison: The results of both sides.
        rows: The rows of the verdict, in their order.
        poor_tasks: Tasks in which the candidate's own results may keep the test from deciding.
        today: The day of the decision.
    """
    # Warnings and waived rows do not decide.
    counted = [row for row in rows if row.critical and not row.waived]
    failing = [row for row in counted if row.decision == "fail"]
    undecided = [row for row in counted if _is_undecided(row, policy, comparison)]
    broken = tuple(broken_rules(policy, comparison))
    decision = _decision(bool(broken or failing), bool(undecided))
    reasons = list(broken)
    reasons += [f"{row.label}: {row.reason}" for row in by_size([*failing, *undecided])]
    passed = decision == "pass"
    if policy.inconclusive == "pass":
        # Whoever leaves out examples must not gain from it that nothing is shown.
        own_fault = [row for row in undecided if row.task in poor_tasks]
        passed = passed or (decision == "inconclusive" and not own_fault)
        reasons += [_own_fault(row) for row in own_fault]
    return Verdict(
        decision=decision,
        passed=passed,
        reasons=tuple(reasons),
        warnings=tuple(_warnings(policy, comparison, rows, today)),
        tasks=tuple(rows),
        mean_change=mean_change(comparison),
        confidence=policy.confidence,
        decided_by=policy.decide_by,
        policy=policy_name,
        champion=comparison.names[0],
        candidate=comparison.names[1],
        champion_release="",
        judged=today.isoformat(),
        champion_standing=comparison.standings[0],
        candidate_standing=comparison.standings[1],
    )


def _decision(something_failed: bool, something_is_undecided: bool) -> Decision:
    """Return the decision on the release. A failure outweighs what is undecided."""
    if something_failed:
        return "fail"
    if something_is_undecided:
        return "inconclusive"
    return "pass"


def _is_undecided(row: TaskVerdict, policy: Policy, comparison: Comparison) -> bool:
    """Whether a row keeps the release from passing because it shows nothing.

    A part of a task that the policy lets pass does so as well, if what the candidate gave or left
    out may be the cause: a much larger deviation, or so few examples that nothing can be shown.
    """
    if row.decision != "inconclusive":
        return False
    if row.required or row.task in comparison.widened:
        return True
    few = row.examples < policy.rule(row.task, row.segment).min_examples
    return few and row.task in comparison.thinned


def _own_fault(row: TaskVerdict) -> str:
    """Explain why an inconclusive row does not pass although the policy says so."""
    return (
        f"{row.label}: the candidate's own results lack what the test needs, so the policy's rule "
        'inconclusive = "pass" does not apply'
    )


def _warnings(
    policy: Policy, comparison: Comparison, rows: Sequence[TaskVerdict], today: date
) -> list[str]:
    """Return all warnings, and first of all the one that the tests did not decide."""
    sentences = list(warnings(policy, comparison, rows, today))
    if policy.decide_by == "figures":
        sentences.insert(
            0,
            "the decision takes measured figures for exact ones, and what the tests say is only a "
            "warning",
        )
    return sentences
