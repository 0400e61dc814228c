"""Comparisons that cannot be judged, and policies that do not fit them."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from holdfast.errors import HoldfastError
from holdfast.gate.cautions import one_sided
from holdfast.gate.joining import Comparison, Mean, Summary
from holdfast.gate.policy import Policy
from holdfast.gate.rules import LONGEST_WAIVER, TaskRule, label
from holdfast.gate.whole_rules import broken_rules

# The share of right answers that a champion has in the check of a policy. A candidate that loses
# all of them has lost so much that some rule must be broken.
GOOD_SCORE = 0.5


def refuse(policy: Policy, comparison: Comparison, today: date) -> None:
    """Refuse a comparison that cannot be judged, or a policy that does not fit it.

    Raises:
        HoldfastError: With what is wrong and what to do.
    """
    if not comparison.tasks:
        raise HoldfastError(
            "champion and candidate have no task in common; check the column task of both"
        )
    _refuse_unknown_names(policy, comparison)
    _refuse_ambiguous_names(policy, comparison)
    _refuse_policy_that_all_pass(policy, comparison)
    _refuse_long_waivers(policy, today)
    _refuse_unmatched(policy, comparison)
    _refuse_limits_without_history(policy, comparison)


def _refuse_unknown_names(policy: Policy, comparison: Comparison) -> None:
    """Stop if the policy names a task or segment that neither side has."""
    parts = [*comparison.all, *comparison.only_champion]
    tasks = {task for task, _ in parts} | set(comparison.only_candidate)
    known = {label(*part) for part in parts} | tasks
    # A misspelt name would leave a task under the default rule, and nobody would notice.
    for name in [*policy.tasks, *(waiver.name for waiver in policy.waivers)]:
        if name not in known:
            raise HoldfastError(
                f"the policy names task {name!r}, which neither side has; the tasks are: "
                f"{', '.join(sorted(tasks))}"
            )


def _refuse_ambiguous_names(policy: Policy, comparison: Comparison) -> None:
    """Stop if the policy names "a/b" while there is a task "a/b" and a segment "b" of "a"."""
    parts = {*comparison.all, *comparison.only_champion}
    tasks = {task for task, _ in parts} | set(comparison.only_candidate)
    meanings = Counter(label(*part) for part in parts | {(task, "") for task in tasks})
    # A waiver with the field segment says clearly which of them it means.
    unclear_waivers = [waiver.task for waiver in policy.waivers if not waiver.segment]
    for name in [*policy.tasks, *unclear_waivers]:
        if meanings[name] > 1:
            raise HoldfastError(
                f"the policy names {name!r}, which may mean several tasks or segments; give a "
                "waiver the field segment, or rename one of them"
            )


def _refuse_long_waivers(policy: Policy, today: date) -> None:
    """Stop at a waiver that would hold for more than a year."""
    for waiver in policy.waivers:
        if waiver.expires > today + timedelta(days=LONGEST_WAIVER):
            raise HoldfastError(
                f"the waiver of {waiver.name} holds until {waiver.expires}, but a waiver may hold "
                "for a year at most; give an earlier day, and renew the waiver if it is still "
                "needed then"
            )


def _refuse_unmatched(policy: Policy, comparison: Comparison) -> None:
    """Stop if the sides were tested on different examples, unless the policy allows it."""
    if not comparison.unmatched or policy.unmatched == "ignore":
        return
    # One task is enough for the message. Its ids show where to look.
    task = next(iter(comparison.unmatched))
    raise HoldfastError(
        f"task {task!r}: {one_sided(comparison, task)}, so the sides were not tested on the same "
        'examples; evaluate both on the same frozen test set, or set unmatched = "ignore" in the '
        "policy (which may hide hard examples)"
    )


def _refuse_limits_without_history(policy: Policy, comparison: Comparison) -> None:
    """Stop if the policy limits what was lost since a task was learnt, and that is unknown."""
    # Both sides have a standing if both are matrices, or if they come from a ledger.
    if None not in comparison.standings:
        return
    limited = [
        part for part in comparison.all if policy.rule(*part).max_cumulative_drop is not None
    ]
    limits = [f"max_cumulative_drop ({label(*part)!r})" for part in limited]
    if policy.whole.worst_forgetting is not None:
        limits.append("whole.worst_forgetting")
    if policy.whole.largest_transfer_drop is not None:
        limits.append("whole.largest_transfer_drop")
    if limits:
        raise HoldfastError(
            f"{limits[0]} limits what was lost since a task was learnt, but the results of two "
            "models alone do not tell that; give accuracy matrices, or use --ledger and --model"
        )


# ---- policies that ask nothing


def _refuse_policy_that_all_pass(policy: Policy, comparison: Comparison) -> None:
    """Stop at a policy that no candidate can fail, which is always a mistake.

    It is tried on a candidate without a single right answer, after a champion with half of them.
    """
    lost_everything = Summary(Mean(GOOD_SCORE, None, 0), Mean(0.0, None, 0))
    useless = replace(
        comparison,
        tasks=dict.fromkeys(comparison.tasks, lost_everything),
        only_candidate={
            task: (0.0, examples) for task, (_, examples) in comparison.only_candidate.items()
        },
    )
    rules = [policy.rule(*part) for part in comparison.all]
    some_rule_asks = any(rule.critical and _asks(rule, policy) for rule in rules)
    if some_rule_asks or policy.whole.limits_history or any(broken_rules(policy, useless)):
        return
    if policy.decide_by == "figures":
        why = 'says decide_by = "figures", but sets no rule on figures that a bad candidate breaks'
    elif any(rule.critical for rule in rules):
        why = "allows losses of half of all answers and more"
    else:
        why = "makes no task critical and sets no rule under [whole]"
    raise HoldfastError(
        f"the policy {why}, so every candidate would pass, even one without a single right answer; "
        "set limits that a bad candidate breaks"
    )


def _asks(rule: TaskRule, policy: Policy) -> bool:
    """Whether a candidate without a right answer would break the rule."""
    if rule.floor or rule.ceiling is not None or rule.max_cumulative_drop:
        return True
    # What a loss of 0.5 means is only known for scores in [0, 1].
    is_plain = rule.metric == "score" and rule.range is None and not rule.is_relative
    return policy.decide_by == "tests" and not (is_plain and rule.limit >= GOOD_SCORE)
