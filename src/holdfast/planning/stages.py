"""Stages: groups of tasks that are trained together, one group after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.planning.constraints import Constraints, transitive_closure
from holdfast.planning.ordering import best_order
from holdfast.planning.probe import Probe
from holdfast.planning.value import order_value

Group = list[int]


@dataclass(frozen=True)
class Stages:
    """Groups of tasks to train together, in order.

    Args:
        groups: Names of the tasks of each group, the first group first.
        inside: Mean transfer between the tasks of each group; 0 for a single task.
        objective: Value of the order of groups. It ranks orders and is no score.
    """

    groups: tuple[tuple[str, ...], ...]
    inside: tuple[float, ...]
    objective: float

    def to_json(self) -> dict[str, Any]:
        """Return the stages as plain values."""
        return {
            "stages": [list(group) for group in self.groups],
            "inside": list(self.inside),
            "objective": self.objective,
        }


def make_stages(probe: Probe, constraints: Sequence[str] = ()) -> Stages:
    """Group tasks that help each other, and order the groups.

    With C[a, b] as what it is worth that a comes before b, the pair of groups with the greatest
    mean of C[a, b] + C[b, a] between them is merged as long as this is above 0 (average linkage).

    Args:
        probe: The transfer between tasks.
        constraints: Texts such as "A before B". Such a constraint keeps A and B in different
            groups. By default every order is allowed.

    Returns:
        The groups, ordered as a linear ordering problem.

    Raises:
        HoldfastError: The constraints cannot be read or contradict each other.

    Example:
        >>> b = np.array([[0, 0.1, -0.1], [0.1, 0, -0.1], [-0.2, -0.2, 0]])
        >>> make_stages(Probe(("x", "y", "z"), b[None])).groups
        (('z',), ('x', 'y'))
    """
    rules = Constraints.parse(probe.names, constraints)
    c = probe.values().mean(0)
    # Tasks that must be apart have an infinite penalty for being together.
    mutual = np.where(rules.before | rules.before.T, -np.inf, c + c.T)
    groups = _merged([[task] for task in range(len(c))], mutual, rules)
    between = _between(groups, c)
    order = best_order(between, Constraints(_group_rules(groups, rules)))
    names = []
    inside = []
    for number in order:
        names.append(tuple(probe.names[task] for task in groups[number]))
        inside.append(_mean_inside(mutual, groups[number]))
    return Stages(tuple(names), tuple(inside), order_value(between, order))


def _between(groups: Sequence[Group], c: np.ndarray) -> np.ndarray:
    """Add up the values of all pairs of tasks between groups, (G, G), as if groups were tasks."""
    between = np.zeros((len(groups), len(groups)))
    for row, a in enumerate(groups):
        for column, b in enumerate(groups):
            # Within a group there is no order, so nothing is added up.
            if a is not b:
                between[row, column] = c[np.ix_(a, b)].sum()
    return between


def _merged(groups: list[Group], mutual: np.ndarray, rules: Constraints) -> list[Group]:
    """Merge the pair of groups that gains most, until no pair gains."""
    while True:
        candidates = []
        for second, b in enumerate(groups):
            for first, a in enumerate(groups[:second]):
                gain = float(mutual[np.ix_(a, b)].mean())
                if gain > 0 and _may_merge(a, b, groups, rules):
                    candidates.append((gain, first, second))
        if not candidates:
            return groups
        # Of pairs that gain the same, the one with the higher numbers is merged.
        _, first, second = max(candidates)
        groups[first] += groups.pop(second)


def _may_merge(a: Group, b: Group, groups: Sequence[Group], rules: Constraints) -> bool:
    """Tell whether merging two groups leaves the constraints without a circle."""
    if not rules.before.any():
        return True
    # `is not` compares groups by identity: two groups never hold the same tasks.
    merged = [group for group in groups if group is not a and group is not b]
    merged.append(a + b)
    return not _group_rules(merged, rules).diagonal().any()


def _group_rules(groups: Sequence[Group], rules: Constraints) -> np.ndarray:
    """Find which group must come before which, (G, G)."""
    before = np.zeros((len(groups), len(groups)), dtype=bool)
    for row, a in enumerate(groups):
        for column, b in enumerate(groups):
            if a is not b:
                before[row, column] = rules.before[np.ix_(a, b)].any()
    return transitive_closure(before)


def _mean_inside(mutual: np.ndarray, group: Group) -> float:
    """Compute the mean transfer between the tasks of a group."""
    # Tasks of one group are not bound to an order, so no entry is infinite.
    pairs = []
    for a in group:
        # Both directions of a pair are in `mutual`, so each counts half.
        pairs += [mutual[a, b] / 2 for b in group if a != b]
    if not pairs:
        return 0.0
    return float(np.mean(pairs))
