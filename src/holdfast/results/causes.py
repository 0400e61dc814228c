"""Why tasks were not learnt, as far as a table of several methods shows it."""

from collections.abc import Sequence

from holdfast.metrics.learnt import UNLEARNT_ADVICE, UNLEARNT_MEANS
from holdfast.results.groups import Group, same_settings
from holdfast.results.learnt import unlearnt_by_place

MOST_NAMED = 3  # other methods in a sentence


def advice_on(groups: Sequence[Group]) -> list[str]:
    """Say what it means that tasks were not learnt, and why they probably were not.

    Args:
        groups: All groups of a table.

    Returns:
        Sentences with a full stop; none if every task of every group was learnt.
    """
    unlearnt = [group for group in groups if group.unlearnt]
    if not unlearnt:
        return []
    labels_of: dict[str, list[str]] = {}
    for group in unlearnt:
        for cause in _causes(group, groups):
            labels_of.setdefault(cause, []).append(group.label)
    # Results of earlier versions, and matrices from elsewhere, name no cause.
    if not labels_of:
        return [UNLEARNT_ADVICE]
    lines = [UNLEARNT_MEANS]
    for cause, labels in labels_of.items():
        # With one method in the table, its name says nothing.
        names = ""
        if len(groups) > 1:
            names = f" ({', '.join(dict.fromkeys(labels))})"
        lines.append(f"Likely cause{names}: {cause}.")
    return lines


def _causes(group: Group, groups: Sequence[Group]) -> list[str]:
    """Say why a method did not learn some tasks.

    What a run measures by itself, such as a low learning rate, explains nothing if other methods
    learn the same tasks with the same settings.
    """
    stuck = set(unlearnt_by_place(group.results))
    others = []
    for other in groups:
        if other is group or not same_settings(group, other):
            continue
        if stuck.isdisjoint(unlearnt_by_place(other.results)):
            others.append(other.label)
    if not others:
        return group.causes
    return [
        f"{_listed(others)} learnt the same tasks with the same settings, so it is the method: try "
        "a smaller strength, or other arguments"
    ]


def _listed(labels: Sequence[str]) -> str:
    """Name methods in a sentence, of which a long list shows the first."""
    named = list(labels[:MOST_NAMED])
    if len(labels) > MOST_NAMED:
        named.append(f"{len(labels) - MOST_NAMED} more")
    if len(named) == 1:
        return named[0]
    return f"{', '.join(named[:-1])} and {named[-1]}"
