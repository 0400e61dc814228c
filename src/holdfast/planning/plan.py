"""A plan: an order, what it predicts, and how stable it is under the noise of the probe."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, one_of
from holdfast.planning.matrix import Probe
from holdfast.planning.ordering import EXACT, Constraints, best_order, exact_order, order_value
from holdfast.planning.schedulers import SCHEDULERS

RESAMPLES = 200
RESAMPLED_EXACTLY = 12  # tasks up to which resampled problems are solved exactly


@dataclass(frozen=True)
class Plan:
    """An order of tasks and what is known of it.

    `objective`: Σ C[k, i] over pairs k before i (claims ranks, not scores). `predicted`: task → the change that the pairs add up to.
    `stays_best`: share of resampled probes in which this order is still the best (None: no noise is known); `rivals`: the best orders of
    those probes with their shares, most frequent first; `ties`: how many orders reach the same objective on the mean (None: not counted).
    """

    scheduler: str
    order: tuple[str, ...]
    objective: float
    predicted: dict[str, float]
    stays_best: float | None = None
    rivals: tuple[tuple[tuple[str, ...], float], ...] = ()
    ties: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "scheduler": self.scheduler,
            "order": list(self.order),
            "objective": self.objective,
            "predicted": self.predicted,
            "stays_best": self.stays_best,
            "rivals": [{"order": list(o), "share": s} for o, s in self.rivals],
            "ties": self.ties,
        }


def make_plan(
    probe: Probe,
    scheduler: str = "linear-ordering",
    constraints: Sequence[str] = (),
    *,
    seed: int = 0,
    noise: float | None = None,
    resamples: int = RESAMPLES,
) -> Plan:
    """The order of a scheduler, with its prediction and stability.

    `constraints`: texts such as "A before B". `noise`: the standard error of an entry of B, where the probe has one seed only.

    >>> b = np.array([[0, -0.1], [-0.3, 0]])  # learning x after y costs y 0.1, learning y after x costs x 0.3
    >>> make_plan(Probe(("x", "y"), b[None])).order
    ('y', 'x')
    """
    rules = Constraints.parse(probe.names, constraints)
    order = SCHEDULERS[one_of("scheduler", scheduler, SCHEDULERS)](probe, rules, seed)
    c = probe.values().mean(0)
    exact = scheduler == "linear-ordering" and len(c) <= EXACT
    stays, rivals = _stability(probe, scheduler, order, rules, seed, noise, resamples)
    return Plan(
        scheduler,
        tuple(probe.names[k] for k in order),
        order_value(c, order),
        _predicted(probe, order),
        stays,
        rivals,
        int(exact_order(c, rules)[1]) if exact else None,
    )


def _predicted(probe: Probe, order: Sequence[int]) -> dict[str, float]:
    """Task → what those after it do to it, and those before it give to it."""
    b = probe.backward.mean(0)
    out = {}
    for at, k in enumerate(order):
        change = sum(b[i, k] for i in order[at + 1 :])
        if probe.forward is not None:
            change += sum(probe.forward.mean(0)[j, k] for j in order[:at])
        out[probe.names[k]] = float(change)
    return out


def _stability(
    probe: Probe,
    scheduler: str,
    order: list[int],
    rules: Constraints,
    seed: int,
    noise: float | None,
    resamples: int,
) -> tuple[float | None, tuple[tuple[tuple[str, ...], float], ...]]:
    """How often the order stays that of the scheduler when the probe is resampled: its seeds, or its entries within `noise`."""
    if scheduler == "random" or (probe.seeds < 2 and noise is None):
        return None, ()
    if noise is not None and not noise > 0:
        raise HoldfastError(f"noise is the standard error of an entry of B, above 0, got {noise}")
    rng = np.random.default_rng([seed, 1])
    found: Counter[tuple[int, ...]] = Counter()
    for _ in range(resamples):
        found[tuple(_reordered(_resampled(probe, rng, noise), scheduler, rules, seed))] += 1
    names = [(tuple(probe.names[k] for k in o), n / resamples) for o, n in found.most_common(5)]
    return found[tuple(order)] / resamples, tuple(names)


def _reordered(probe: Probe, scheduler: str, rules: Constraints, seed: int) -> list[int]:
    if (
        scheduler in ("linear-ordering", "backward-ordering")
        and len(probe.names) > RESAMPLED_EXACTLY
    ):
        c = probe.values(scheduler == "backward-ordering").mean(0)
        return best_order(c, rules, exact=False, seed=seed)
    return SCHEDULERS[scheduler](probe, rules, seed)


def _resampled(probe: Probe, rng: np.random.Generator, noise: float | None) -> Probe:
    """Means drawn around the measured ones with their standard errors (over seeds, or as given)."""

    def draw(values: np.ndarray, error: float | None) -> np.ndarray:
        spread = values.std(0, ddof=1) / np.sqrt(len(values)) if error is None else error
        return (values.mean(0) + rng.normal(size=values.shape[1:]) * spread)[None]

    signals = {k: draw(v, None) if len(v) > 1 else v for k, v in probe.signals.items()}
    ahead = None if probe.forward is None else draw(probe.forward, noise)
    return Probe(probe.names, draw(probe.backward, noise), ahead, probe.estimator, signals)


@dataclass(frozen=True)
class Stages:
    """Groups of tasks to train together, in order. `inside`: mean mutual transfer in each group; `objective`: of the order of groups."""

    groups: tuple[tuple[str, ...], ...]
    inside: tuple[float, ...]
    objective: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "stages": [list(g) for g in self.groups],
            "inside": list(self.inside),
            "objective": self.objective,
        }


def make_stages(probe: Probe, constraints: Sequence[str] = ()) -> Stages:
    """Groups of tasks that help each other, ordered as a linear ordering problem over groups.

    Groups are merged, best pair first, while the mean of C[a, b] + C[b, a] between them is above 0 (average linkage). A constraint
    "A before B" keeps A and B in different groups.
    """
    rules = Constraints.parse(probe.names, constraints)
    c = probe.values().mean(0)
    mutual = np.where(rules.before | rules.before.T, -np.inf, c + c.T)
    groups = [[k] for k in range(len(c))]
    while len(groups) > 1:
        pairs = [
            (float(mutual[np.ix_(a, b)].mean()), x, y)
            for y, b in enumerate(groups)
            for x, a in enumerate(groups[:y])
            if _fit(a, b, groups, rules)
        ]
        gain, x, y = max(pairs, default=(0.0, 0, 0))
        if gain <= 0:
            break
        groups[x] += groups.pop(y)
    between = np.array([[c[np.ix_(a, b)].sum() for b in groups] for a in groups])
    np.fill_diagonal(between, 0)
    apart = Constraints(_group_rules(groups, rules))
    order = best_order(between, apart)
    inside = [_mean_inside(mutual, groups[g]) for g in order]
    return Stages(
        tuple(tuple(probe.names[k] for k in groups[g]) for g in order),
        tuple(inside),
        order_value(between, order),
    )


def _group_rules(groups: Sequence[Sequence[int]], rules: Constraints) -> np.ndarray:
    before = np.array(
        [[bool(rules.before[np.ix_(a, b)].any()) and a is not b for b in groups] for a in groups]
    )
    for k in range(len(groups)):
        before |= before[:, k : k + 1] & before[k : k + 1]
    return before


def _fit(a: list[int], b: list[int], groups: list[list[int]], rules: Constraints) -> bool:
    """Whether merging two groups leaves the constraints without a circle."""
    if not rules.before.any():
        return True
    merged = [g for g in groups if g is not a and g is not b] + [a + b]
    return not _group_rules(merged, rules).diagonal().any()


def _mean_inside(mutual: np.ndarray, group: Sequence[int]) -> float:
    pairs = [mutual[a, b] / 2 for a in group for b in group if a != b]
    return float(np.mean(pairs)) if pairs else 0.0
