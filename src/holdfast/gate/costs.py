"""Rules on costs per example: latency, memory, tokens, price."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.evidence_of_pairs import obstacle_of_pair, paired_evidence
from holdfast.gate.joining import Comparison, Pair
from holdfast.gate.measures import Column
from holdfast.gate.policy import Policy
from holdfast.gate.rules import CostRule
from holdfast.gate.statistics import Evidence
from holdfast.gate.statistics.quantiles import QuantileChange, quantile
from holdfast.gate.subjects import Subject

_STATISTIC = re.compile(r"(mean|total|p(\d{1,2}(?:\.\d+)?))_(.+)")


@dataclass(frozen=True)
class Cost:
    """A statistic of a cost.

    Attributes:
        column: The column with the cost of each example.
        statistic: "mean" or "total", or "percentile".
        share: The percentile as a share, such as 0.95.
    """

    column: str
    statistic: str
    share: float = 0.5


def cost_named(name: str) -> Cost:
    """Read the name of a rule on costs.

    >>> cost_named("p95_latency_ms"), cost_named("price")
    (Cost(column='latency_ms', statistic='percentile', share=0.95), \
Cost(column='price', statistic='mean', share=0.5))
    """
    match = _STATISTIC.fullmatch(name)
    if match is None:
        return Cost(name, "mean")
    if match[2] is None:
        return Cost(match[3], match[1])
    share = float(match[2]) / 100
    if not 0 < share < 1:
        raise HoldfastError(f"cost.{name}: a percentile lies between 0 and 100, got {match[2]}")
    return Cost(match[3], "percentile", share)


def cost_columns(policy: Policy) -> list[str]:
    """List the columns that the rules on costs need."""
    # Several rules may limit one column, for example its mean and its 95th percentile.
    return list(dict.fromkeys(cost_named(name).column for name in policy.cost))


def cost_subjects(policy: Policy, comparison: Comparison) -> Iterator[Subject]:
    """Yield one subject per rule on costs.

    Raises:
        HoldfastError: The results of a side lack the column.
    """
    for name, rule in policy.cost.items():
        cost = cost_named(name)
        if cost.column not in comparison.costs:
            raise HoldfastError(
                f"the policy limits the cost {name}, but the results of one side have no column "
                f"{cost.column} with one value per example; add it to both, or remove the rule"
            )
        yield _subject(name, cost, rule, comparison.costs[cost.column])


def _subject(name: str, cost: Cost, cost_rule: CostRule, pair: Pair) -> Subject:
    """Make the subject of a cost, with what its values show."""
    rule = cost_rule.rule
    # Only examples whose cost the champion knows are compared, so the candidate has no choice.
    known = np.isfinite(pair.champion)
    missing = int((known & ~np.isfinite(pair.candidate)).sum())
    chosen = _chosen(pair, known & np.isfinite(pair.candidate), Column(name, 0.0, None, False))
    untestable = ""
    if missing:
        untestable = f"the candidate has no {cost.column} for {missing:,} examples"
    elif not chosen.examples:
        untestable = f"the champion has no {cost.column} for any example"
    evidence: Evidence | None = None
    if not untestable and cost.statistic == "percentile":
        evidence = QuantileChange(
            chosen.champion, chosen.candidate, chosen.cluster, cost.share, rule.is_relative
        )
    elif not untestable:
        untestable = obstacle_of_pair(chosen, rule)
        if not untestable:
            evidence = paired_evidence(chosen, rule)
    return Subject(
        task=f"cost {name}",
        segment="",
        class_label="",
        scores=replace(chosen, values=_values(chosen, cost)),
        rule=rule,
        required=rule.critical,
        evidence=evidence,
        untestable=untestable,
        candidate_prevents_test=bool(missing),
        measure=chosen.measure,
    )


def _chosen(pair: Pair, mask: np.ndarray, measure: Column) -> Pair:
    """Return the costs of some examples."""
    before = pair.champion[mask]
    after = pair.candidate[mask]
    cluster = None
    if pair.cluster is not None:
        cluster = pair.cluster[mask]
    # A cost is at least 0, and no example is taken to cost more than the dearest one at hand.
    span = max(before.max(initial=0.0), after.max(initial=0.0))
    return Pair(before, after, cluster, measure=measure, span=float(span))


def _values(pair: Pair, cost: Cost) -> tuple[float, float]:
    """Return the statistic of both sides."""
    sides = (pair.champion, pair.candidate)
    if not pair.examples:
        return float("nan"), float("nan")
    if cost.statistic == "percentile":
        before, after = (quantile(side, cost.share) for side in sides)
    elif cost.statistic == "total":
        before, after = (float(side.sum()) for side in sides)
    else:
        before, after = (float(side.mean()) for side in sides)
    return before, after
