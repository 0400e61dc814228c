"""What the scores of both sides on the same examples show, whatever the scores are."""

import numpy as np

from holdfast.gate.joining import Pair
from holdfast.gate.rules import TaskRule
from holdfast.gate.statistics import Evidence, Paired, Relative

# If one example may cost any amount, the largest difference must not make more than this share of
# the variation. Otherwise so few examples decide that a sample says nothing about the next one.
LARGEST_SHARE = 0.2


def paired_evidence(pair: Pair, rule: TaskRule) -> Evidence:
    """Make the evidence of a pair of scores.

    Args:
        pair: The scores, which `obstacle_of_pair` found testable.
        rule: What is asked of them.
    """
    higher_is_better = pair.measure.higher_is_better
    if rule.is_relative:
        span = pair.span or 1.0
        return Relative(pair.champion, pair.candidate, pair.cluster, span, higher_is_better)
    if higher_is_better:
        return Paired(pair.champion, pair.candidate, pair.cluster, pair.span)
    # Evidence counts gains, so scores of which lower ones are better get the other sign.
    return Paired(-pair.champion, -pair.candidate, pair.cluster, pair.span or 1.0)


def obstacle_of_pair(pair: Pair, rule: TaskRule) -> str:
    """Say why a pair of scores cannot be tested, or return "" if it can."""
    before, _ = pair.means
    if rule.is_relative and not before > 0:
        return f"a relative limit needs a champion above 0, which has {before:g}"
    if pair.span is not None and not pair.span > 0:
        return "all scores of both sides are equal"
    # A known range bounds what an example can change, so the test holds with any sample.
    if not pair.measure.open_ended:
        return ""
    share = _largest_share(pair)
    if share <= LARGEST_SHARE:
        return ""
    if bool((pair.candidate == pair.champion).all()):
        return (
            f"both sides are equal on every example, and {pair.measure.name} has no known range, "
            "so rare large differences are possible (declare a range in the policy)"
        )
    return (
        f"a single difference makes {100 * share:.0f} % of their variation, and "
        f"{pair.measure.name} has no known range (declare one in the policy, or test on more "
        "examples)"
    )


def _largest_share(pair: Pair) -> float:
    """Return the share of the largest squared difference in the sum of all, by example or cluster.

    It is 1 if there are no differences.
    """
    differences = pair.candidate - pair.champion
    # Clusters are the units of the test, so none of them may decide alone.
    if pair.cluster is not None:
        _, place = np.unique(pair.cluster, return_inverse=True)
        differences = np.bincount(place, differences)
    squared = (differences - differences.mean()) ** 2
    total = float(squared.sum())
    if total > 0:
        return float(squared.max()) / total
    # All differences are equal. If they are 0, rare larger ones may not have been seen.
    if not float(np.abs(differences).max()) > 0:
        return 1.0
    return 1 / len(differences)
