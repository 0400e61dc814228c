"""Which trainings show whether the plan was worth it: orders, groups, and all tasks at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.planning import (
    Constraints,
    Outcome,
    Probe,
    make_plan,
    make_stages,
    order_value,
    random_orders,
)
from holdfast.planning.staged import StagedVerification, staged_verification
from holdfast.staging.carry_out import Wanted
from holdfast.staging.execution import Conditions, read_scores
from holdfast.staging.settings import StageSettings
from holdfast.staging.training import Stage, Training, jointly, of_order

PART = "test"
REVERSE = "reverse"  # the plan from its end to its beginning, named like a scheduler


@dataclass(frozen=True)
class Verifying:
    """The trainings that compare a plan with other ways to train as many steps.

    Args:
        probe: The probe from which the order was planned.
        settings: What the trainings depend on.
        scheduler: The rule that made the plan.
        tried: Each order with the name of the rule that made it. None: a random order. The first is
            the plan.
        groups: The stages that the groups of tasks make.
        seeds: The seeds, none of which the probe has seen.
    """

    probe: Probe
    settings: StageSettings
    scheduler: str
    tried: tuple[tuple[tuple[str, ...], str | None], ...]
    groups: tuple[Stage, ...]
    seeds: tuple[int, ...]

    def wanted(self) -> list[Wanted]:
        """List the trainings whose scores are needed; orders that are the same only once."""
        found: dict[str, Wanted] = {}
        for seed in self.seeds:
            trainings = [of_order(self.settings, order, seed) for order, _ in self.tried]
            trainings += [self._of_groups(seed), self._joint(seed)]
            for training in trainings:
                # Two rules may make the same order.
                found[training.hash] = Wanted(training, PART)
        return list(found.values())

    def _of_groups(self, seed: int) -> Training:
        """The training of the groups, one group after another."""
        return Training(self.settings, self.groups, seed)

    def _joint(self, seed: int) -> Training:
        """The training of all tasks at once."""
        return jointly(self.settings, self.probe.names, seed)

    def verification(self, conditions: Conditions) -> StagedVerification:
        """Judge the plan by finished trainings.

        Args:
            conditions: Where the results are.

        Raises:
            HoldfastError: A training is not finished, or there are too few random orders.
        """
        values = self.probe.values().mean(0)
        outcomes = []
        for order, scheduler in self.tried:
            places = [self.probe.names.index(name) for name in order]
            realised = []
            for seed in self.seeds:
                training = of_order(self.settings, order, seed)
                realised.append(_final(conditions, training))
            outcomes.append(Outcome(order, order_value(values, places), tuple(realised), scheduler))
        groups = None
        # Groups of one task each are an order, which is trained already.
        if any(len(stage) > 1 for stage in self.groups):
            groups = [_final(conditions, self._of_groups(seed)) for seed in self.seeds]
        joint = [_final(conditions, self._joint(seed)) for seed in self.seeds]
        return staged_verification(outcomes, self.scheduler, joint, groups, self.groups)


def verifying(
    probe: Probe,
    settings: StageSettings,
    first_seed: int,
    *,
    scheduler: str,
    constraints: Sequence[str] = (),
    orders: int = 10,
    seeds: int = 3,
) -> Verifying:
    """Decide what to train to verify the plan of a probe.

    Args:
        probe: The probe.
        settings: What the trainings depend on.
        first_seed: The first seed, which the probe must not have seen.
        scheduler: The rule that makes the plan.
        constraints: Rules that all orders keep, such as "A before B".
        orders: The number of random orders.
        seeds: The number of seeds.

    Raises:
        HoldfastError: The scheduler is unknown, or the constraints cannot be read.
    """
    rules = Constraints.parse(probe.names, constraints)
    # Whether a plan helps is asked of the same rule that `stage train` follows.
    plan = make_plan(probe, scheduler, constraints).order
    tried: list[tuple[tuple[str, ...], str | None]] = [(plan, scheduler)]
    backwards = plan[::-1]
    # If transfer matters, the reverse of a good order should be a bad one.
    if rules.allow([probe.names.index(name) for name in backwards]):
        tried.append((backwards, REVERSE))
    drawn = random_orders(len(probe.names), rules, orders)
    tried += [(tuple(probe.names[place] for place in order), None) for order in drawn]
    return Verifying(
        probe=probe,
        settings=settings,
        scheduler=scheduler,
        tried=tuple(tried),
        groups=make_stages(probe, constraints).groups,
        seeds=tuple(range(first_seed, first_seed + seeds)),
    )


def _final(conditions: Conditions, training: Training) -> float:
    """The mean score over tasks at the end of a training."""
    scores = read_scores(conditions.files.scores(training, PART))
    return float(np.float64(scores.over_tasks))
