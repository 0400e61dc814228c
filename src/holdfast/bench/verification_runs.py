"""The runs that verify a plan: its order, those of other schedulers, and random ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from holdfast.bench.probe_settings import base_config, with_order
from holdfast.bench.suites import load_suite
from holdfast.errors import HoldfastError, one_of, reading
from holdfast.planning import (
    Constraints,
    Outcome,
    Probe,
    order_value,
    random_orders,
    read_probe,
)
from holdfast.planning.schedulers import SCHEDULERS, usable
from holdfast.results.file_names import RESULT
from holdfast.results.storage import read_result
from holdfast.runs.config import RunConfig, Seed
from holdfast.runs.folders import run_folder
from holdfast.validation import validated

REVERSE = "reverse"  # the plan from its end to its beginning, named like a scheduler
Order = tuple[int, ...]


@dataclass(frozen=True)
class VerificationRuns:
    """The runs that compare planned orders with random ones.

    Args:
        probe: The probe from which the orders were planned.
        config: The settings of a run, apart from the order of its tasks and the seed.
        tried: Each order with the name of the scheduler that made it. None: a random order. The
            first is the plan.
        seeds: The seeds, none of which the probe has seen.
    """

    probe: Probe
    config: RunConfig
    tried: tuple[tuple[Order, str | None], ...]
    seeds: tuple[int, ...]

    def runs(self) -> list[tuple[str, RunConfig]]:
        """List the label and the settings of each run.

        Orders that several schedulers share are trained once.
        """
        runs: dict[str, tuple[str, RunConfig]] = {}
        for number, (order, _) in enumerate(self.tried, start=1):
            for seed in self.seeds:
                config = with_order(self.config, order, seed)
                # The same order of another scheduler has the same hash.
                runs[config.hash] = (f"order {number}", config)
        return list(runs.values())

    def outcomes(self, out: Path) -> list[Outcome]:
        """Read what became of each order.

        Args:
            out: The folder of the finished runs.

        Returns:
            The predicted value and the realised scores of every order.

        Raises:
            HoldfastError: A run is not finished.
        """
        values = self.probe.values().mean(0)
        outcomes = []
        for order, scheduler in self.tried:
            realised = []
            for seed in self.seeds:
                folder = run_folder(out, with_order(self.config, order, seed))
                realised.append(_final_score(folder / RESULT))
            outcomes.append(
                Outcome(
                    order=tuple(self.probe.names[task] for task in order),
                    predicted=order_value(values, order),
                    realised=tuple(realised),
                    scheduler=scheduler,
                )
            )
        return outcomes


def verification_runs(
    source: Path,
    *,
    orders: int = 40,
    seeds: int = 3,
    schedulers: Sequence[str] = (),
    constraints: Sequence[str] = (),
    transfer_to: str | None = None,
) -> VerificationRuns:
    """Decide which orders to train to verify the plan of a probe.

    Args:
        source: The folder of the probe.
        orders: The number of random orders.
        seeds: The number of seeds for every order.
        schedulers: The schedulers whose orders are tried. The first makes the plan. Empty: all that
            the probe has the measurements for.
        constraints: Rules that all orders keep, such as "A before B".
        transfer_to: "full" to train with the settings of the suite, which the probe may have
            shortened, or the name of another suite. None: the settings of the probe.

    Raises:
        HoldfastError: The probe holds a matrix alone or is damaged, or a scheduler is unknown.
    """
    probe = read_probe(source)
    if "config" not in probe.about:
        raise HoldfastError(
            f"{source} holds a matrix alone, so there is nothing to train; verify needs the "
            "folder of holdfast order probe"
        )
    with reading(f"probe {source}", "a probe of holdfast order probe"):
        config = _config(probe, transfer_to)
        seen = TypeAdapter(list[Seed]).validate_python(probe.about["seeds"])
    # With a seed of the probe, chance would favour the orders that were planned from it.
    first = max(seen) + 1
    names = list(schedulers)
    if not names:
        # Random orders are drawn anyway.
        names = [name for name in usable(probe) if name != "random"]
    rules = Constraints.parse(probe.names, constraints)
    planned = _planned_orders(probe, names, rules)
    drawn = random_orders(len(probe.names), rules, orders)
    return VerificationRuns(
        probe=probe,
        config=config,
        tried=(*planned, *((order, None) for order in drawn)),
        seeds=tuple(range(first, first + seeds)),
    )


def _config(probe: Probe, transfer_to: str | None) -> RunConfig:
    """The settings with which the orders are trained."""
    if transfer_to is None:
        return validated(RunConfig, **probe.about["config"])
    full = validated(RunConfig, **probe.about["full"])
    if transfer_to == "full":
        return full
    return base_config(load_suite(transfer_to), full.scenario)


def _planned_orders(
    probe: Probe, schedulers: Sequence[str], rules: Constraints
) -> list[tuple[Order, str]]:
    """The order of each scheduler, and the reverse of the first if the constraints allow it."""
    planned = []
    for name in schedulers:
        schedule = SCHEDULERS[one_of("scheduler", name, SCHEDULERS)]
        planned.append((tuple(schedule(probe, rules, 0)), name))
    # If transfer matters, the reverse of a good order should be a bad one.
    plan, _ = planned[0]
    if rules.allow(plan[::-1]):
        planned.append((plan[::-1], REVERSE))
    return planned


def _final_score(path: Path) -> float:
    """The mean score over tasks after the last one."""
    matrix = read_result(path).matrix
    last = matrix.tasks[-1]
    return float(np.mean([matrix.score(task, after=last) for task in matrix.tasks]))
