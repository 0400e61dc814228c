"""Trained orders, and what planned ones gain over random ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.metrics import Interval, seed_interval


@dataclass(frozen=True)
class Outcome:
    """One order that was trained.

    Args:
        order: Names of the tasks, first to last.
        predicted: Its predicted value.
        realised: Its mean final score over tasks, for each seed.
        scheduler: The rule that made the order. None for a random order.
    """

    order: tuple[str, ...]
    predicted: float
    realised: tuple[float, ...]
    scheduler: str | None = None

    @property
    def mean(self) -> float:
        """The mean final score over tasks and seeds."""
        return float(np.mean(self.realised))


@dataclass(frozen=True)
class Advantage:
    """What the order of a scheduler gains over random orders.

    Args:
        scheduler: The rule that made the order.
        order: Names of the tasks, first to last.
        gain: Its mean final score minus that of random orders, with an interval over seeds.
        percentile: Share of the random orders that it beats, in [0, 1]. Equal ones count half.
        predicted: Its predicted value.
    """

    scheduler: str
    order: tuple[str, ...]
    gain: Interval
    percentile: float
    predicted: float


def advantages_of(
    outcomes: Sequence[Outcome],
    random: Sequence[Outcome],
    confidence: float,
) -> list[Advantage]:
    """Compare the order of each scheduler with random ones.

    Args:
        outcomes: Trained orders.
        random: The random ones among them.
        confidence: Confidence of the intervals, in (0, 1).

    Returns:
        One advantage per order of a scheduler, in the order of `outcomes`.
    """
    # Orders with the same seed share the initial weights, so gains are paired by seed.
    random_mean_by_seed = np.mean([outcome.realised for outcome in random], 0)
    random_means = np.array([outcome.mean for outcome in random])
    advantages = []
    for outcome in outcomes:
        if outcome.scheduler is None:
            continue
        gains = np.asarray(outcome.realised) - random_mean_by_seed
        # A random order that is equal counts half.
        beaten = np.mean(random_means < outcome.mean)
        equal = np.mean(random_means == outcome.mean)
        advantages.append(
            Advantage(
                scheduler=outcome.scheduler,
                order=outcome.order,
                gain=seed_interval(gains, confidence),
                percentile=float(beaten + 0.5 * equal),
                predicted=outcome.predicted,
            )
        )
    return advantages
