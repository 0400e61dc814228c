"""A plan: an order of tasks, what it predicts, and how stable it is under the probe's noise."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, one_of
from holdfast.planning.constraints import Constraints
from holdfast.planning.exact import exact_order
from holdfast.planning.ordering import EXACT, best_order
from holdfast.planning.probe import Probe
from holdfast.planning.schedulers import SCHEDULERS
from holdfast.planning.value import order_value

RESAMPLES = 200
RESAMPLED_EXACTLY = 12  # tasks up to which resampled problems are solved exactly
MOST_RIVALS = 5
BY_VALUE = ("linear-ordering", "backward-ordering")  # the schedulers that solve such a problem
Rivals = tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True)
class Plan:
    """An order of tasks and what is known of it.

    Args:
        scheduler: The rule that made the order.
        order: Names of the tasks, first to last.
        objective: Σ C[k, i] over all pairs with k before i. It ranks orders and is no score.
        predicted: For each task, the change that its pairs add up to, in units of the score.
        stays_best: Share of resampled probes for which the scheduler gives this order again. None
            if no noise is known.
        rivals: The most frequent orders of resampled probes with their shares.
        ties: How many orders have the same objective. None if they were not counted.
    """

    scheduler: str
    order: tuple[str, ...]
    objective: float
    predicted: dict[str, float]
    stays_best: float | None = None
    rivals: Rivals = ()
    ties: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "scheduler": self.scheduler,
            "order": list(self.order),
            "objective": self.objective,
            "predicted": self.predicted,
            "stays_best": self.stays_best,
            "rivals": [{"order": list(order), "share": share} for order, share in self.rivals],
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
    """Order tasks by a scheduler, and say what the order predicts and how stable it is.

    Args:
        probe: The transfer between tasks.
        scheduler: A key of `SCHEDULERS`.
        constraints: Texts such as "A before B". By default every order is allowed.
        seed: Seed of local search, resampling and the random scheduler.
        noise: Standard error of an entry of B. By default it follows from the seeds of the probe,
            and is not known if there is only one.
        resamples: How often the probe is resampled to see whether the order stays.

    Returns:
        The plan.

    Raises:
        HoldfastError: An argument cannot be used, or the probe lacks the scheduler's signal.

    Example:
        >>> b = np.array([[0, -0.1], [-0.3, 0]])  # y after x costs x 0.3, x after y costs y 0.1
        >>> make_plan(Probe(("x", "y"), b[None])).order
        ('y', 'x')
    """
    rules = Constraints.parse(probe.names, constraints)
    order = SCHEDULERS[one_of("scheduler", scheduler, SCHEDULERS)](probe, rules, seed)
    c = probe.values().mean(0)
    ties = None
    # Only the exact solution knows how many orders are as good.
    if scheduler == "linear-ordering" and len(c) <= EXACT:
        ties = int(exact_order(c, rules)[1])
    resampling = _Resampling(probe=probe, scheduler=scheduler, rules=rules, seed=seed, noise=noise)
    stays_best, rivals = resampling.stability(order, resamples)
    return Plan(
        scheduler=scheduler,
        order=tuple(probe.names[task] for task in order),
        objective=order_value(c, order),
        predicted=_predicted(probe, order),
        stays_best=stays_best,
        rivals=rivals,
        ties=ties,
    )


def _predicted(probe: Probe, order: Sequence[int]) -> dict[str, float]:
    """Add up, for each task, what later tasks do to it and what earlier tasks give to it."""
    b = probe.backward.mean(0)
    changes = {}
    for place, task in enumerate(order):
        change = sum(b[later, task] for later in order[place + 1 :])
        if probe.forward is not None:
            fw = probe.forward.mean(0)
            change += sum(fw[earlier, task] for earlier in order[:place])
        changes[probe.names[task]] = float(change)
    return changes


@dataclass(frozen=True)
class _Resampling:
    """How often a scheduler gives the same order if the probe is drawn anew within its noise.

    Args:
        probe: The transfer between tasks.
        scheduler: A key of `SCHEDULERS`.
        rules: Which orders are allowed.
        seed: Seed of the draws and of the scheduler.
        noise: Standard error of an entry, or None to take it from the seeds of the probe.
    """

    probe: Probe
    scheduler: str
    rules: Constraints
    seed: int
    noise: float | None

    def stability(self, order: Sequence[int], resamples: int) -> tuple[float | None, Rivals]:
        """Compute how often an order stays, and which orders take its place."""
        # A random order follows its seed alone, and a single seed has no spread.
        is_noise_known = self.probe.seeds > 1 or self.noise is not None
        if self.scheduler == "random" or not is_noise_known:
            return None, ()
        if self.noise is not None and not self.noise > 0:
            raise HoldfastError(
                f"noise is the standard error of an entry of B, above 0, got {self.noise}"
            )
        # With a seed of its own, resampling does not repeat the numbers of the scheduler.
        rng = np.random.default_rng([self.seed, 1])
        counts: Counter[tuple[int, ...]] = Counter()
        for _ in range(resamples):
            counts[tuple(self._order_of(self._draw(rng)))] += 1
        rivals = []
        for other, count in counts.most_common(MOST_RIVALS):
            names = tuple(self.probe.names[task] for task in other)
            rivals.append((names, count / resamples))
        return counts[tuple(order)] / resamples, tuple(rivals)

    def _order_of(self, probe: Probe) -> list[int]:
        """Order the tasks of a resampled probe."""
        # The exact solution of many tasks is too slow to be repeated for each resample.
        if self.scheduler in BY_VALUE and len(probe.names) > RESAMPLED_EXACTLY:
            c = probe.values(backward_only=self.scheduler == "backward-ordering").mean(0)
            return best_order(c, self.rules, exact=False, seed=self.seed)
        return SCHEDULERS[self.scheduler](probe, self.rules, self.seed)

    def _draw(self, rng: np.random.Generator) -> Probe:
        """Draw a probe of one seed around the measured means, with their standard errors."""
        signals = {}
        for name, values in self.probe.signals.items():
            # `noise` is about transfer, so signals of one seed keep their values.
            signals[name] = values
            if len(values) > 1:
                signals[name] = _drawn_mean(values, None, rng)
        forward = None
        if self.probe.forward is not None:
            forward = _drawn_mean(self.probe.forward, self.noise, rng)
        return Probe(
            names=self.probe.names,
            backward=_drawn_mean(self.probe.backward, self.noise, rng),
            forward=forward,
            estimator=self.probe.estimator,
            signals=signals,
        )


def _drawn_mean(values: np.ndarray, error: float | None, rng: np.random.Generator) -> np.ndarray:
    """Draw a mean, (1, ...), around that of values, (S, ...), with their or a given error."""
    spread = error
    if spread is None:
        spread = values.std(0, ddof=1) / np.sqrt(len(values))
    drawn: np.ndarray = values.mean(0) + rng.normal(size=values.shape[1:]) * spread
    return drawn[None]
