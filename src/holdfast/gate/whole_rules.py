"""The rules of a policy on all tasks together, which take measured figures for exact ones."""

from collections.abc import Iterator

from holdfast.errors import HoldfastError
from holdfast.gate.joining import Comparison, Pair
from holdfast.gate.policy import Policy
from holdfast.gate.rules import Whole
from holdfast.text import points

ROUNDING = 1e-9  # by which a figure may miss a limit that it meets


def broken_rules(policy: Policy, comparison: Comparison) -> Iterator[str]:
    """Yield the rules on the whole that the candidate breaks, in words.

    Raises:
        HoldfastError: The policy asks for a gain on a new task, and does not name one that the
            candidate was tested on.
    """
    whole = policy.whole
    yield from _lowest_transfer(whole, comparison)
    yield from _largest_accuracy_drop(whole, comparison)
    yield from _worst_forgetting(whole, comparison)
    yield from _largest_transfer_drop(whole, comparison)
    yield from _least_gain(whole, comparison)


def _lowest_transfer(whole: Whole, comparison: Comparison) -> Iterator[str]:
    """Compare the mean change over the old tasks with its limit."""
    limit = whole.lowest_transfer
    if limit is None:
        return
    # A new task is expected to rise, which would hide what the old ones lost.
    changes = _needed_changes(comparison, "lowest_transfer")
    old_changes = [change for task, change in changes.items() if task != whole.new_task]
    transfer = sum(old_changes) / max(len(old_changes), 1)
    if transfer < limit - ROUNDING:
        yield (
            f"the mean change over old tasks is {points(transfer)} points, which is below the "
            f"limit of {points(limit)}"
        )


def _largest_accuracy_drop(whole: Whole, comparison: Comparison) -> Iterator[str]:
    """Compare the mean change over all tasks of both sides with its limit."""
    limit = whole.largest_accuracy_drop
    if limit is None:
        return
    changes = _needed_changes(comparison, "largest_accuracy_drop")
    change = sum(changes.values()) / len(changes)
    if -change > limit + ROUNDING:
        yield (
            f"ACC over the tasks of both sides changed by {points(change)} points, but a loss of "
            f"at most {100 * limit:g} is allowed"
        )


def _worst_forgetting(whole: Whole, comparison: Comparison) -> Iterator[str]:
    """Compare the task that lost most since it was learnt with the limit."""
    champion, candidate = comparison.standings
    limit = whole.worst_forgetting
    if limit is None or champion is None or candidate is None or not candidate.forgetting:
        return
    # Each task is compared with its own baseline, so small losses of many releases add up.
    lost = candidate.forgetting
    worst = max(lost, key=lambda task: lost[task])
    if lost[worst] > limit + ROUNDING:
        yield (
            f"{worst}: lost {100 * lost[worst]:.2f} points since it was learnt, more than the "
            f"{100 * limit:g} allowed"
        )


def _largest_transfer_drop(whole: Whole, comparison: Comparison) -> Iterator[str]:
    """Compare the BWT of both sides. A model without earlier tasks has none, which counts as 0."""
    champion, candidate = comparison.standings
    limit = whole.largest_transfer_drop
    if limit is None or champion is None or candidate is None:
        return
    drop = (champion.transfer or 0.0) - (candidate.transfer or 0.0)
    if drop > limit + ROUNDING:
        yield (
            f"BWT is {100 * drop:.2f} points below the champion's, more than the "
            f"{100 * limit:g} allowed"
        )


def _least_gain(whole: Whole, comparison: Comparison) -> Iterator[str]:
    """Compare the change on the new task with the gain that is asked for."""
    if whole.least_gain is None:
        return
    task = whole.new_task
    if task is None:
        raise HoldfastError(
            "whole.least_gain asks for a gain on whole.new_task, which the policy does not name; "
            "set new_task to the task that the candidate was trained for"
        )
    # A task that the champion was not tested on is gained from 0.
    if task in comparison.tasks:
        before, after = comparison.tasks[task].means
    elif task in comparison.only_candidate:
        before = 0.0
        after, _ = comparison.only_candidate[task]
    else:
        raise HoldfastError(
            f"whole.new_task {task!r} is not among the candidate's tasks; set it to one of them"
        )
    if after - before < whole.least_gain - ROUNDING:
        yield (
            f"{task}: its change of {points(after - before)} points is below the gain of "
            f"{points(whole.least_gain)} that the policy asks for"
        )


def mean_change(comparison: Comparison) -> float | None:
    """Return the mean change over the tasks of both sides, in [-1, 1].

    It is None if the scores of some task are not shares of which higher ones are better, because
    such changes have no common unit.
    """
    changes = _changes(comparison)
    if changes is None:
        return None
    return sum(changes.values()) / len(changes)


def _changes(comparison: Comparison) -> dict[str, float] | None:
    """Return the change of each task of both sides, or None if they have no common unit."""
    changes: dict[str, float] = {}
    for task, scores in comparison.tasks.items():
        if isinstance(scores, Pair) and not _adds_up(scores):
            return None
        before, after = scores.means
        changes[task] = after - before
    return changes


def _adds_up(pair: Pair) -> bool:
    """Whether the change of a task may be averaged with that of others."""
    return pair.measure.is_share and pair.measure.higher_is_better and not pair.untestable


def _needed_changes(comparison: Comparison, rule: str) -> dict[str, float]:
    """Return the changes that a rule needs.

    Raises:
        HoldfastError: They have no common unit.
    """
    changes = _changes(comparison)
    if changes is None:
        raise HoldfastError(
            f"whole.{rule} averages the changes of all tasks, but some of them are measured in "
            "another unit or have no value; leave the rule out, and set limits for single tasks"
        )
    return changes
