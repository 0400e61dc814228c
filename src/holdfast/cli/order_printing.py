"""What `holdfast order` prints and reports."""

import json
import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.printing import print_table
from holdfast.files import write_page
from holdfast.text import percent, points, shown

if TYPE_CHECKING:
    from holdfast.metrics import Interval
    from holdfast.planning import Plan, Probe, Stages, Verification

WIDTH = 80  # characters of a line


def print_transfers(probe: "Probe") -> None:
    """Print what each task does to each other one.

    Args:
        probe: The measured transfer.
    """
    over = "one seed"
    if probe.seeds > 1:
        over = f"mean of {probe.seeds} seeds, ± half of the 95 % interval"
    title = (
        "Change in points on the task of the column when the task of the row is learnt after it "
        f"({probe.estimator}, {over})"
    )
    print(textwrap.fill(title, WIDTH))
    rows = []
    for learnt in probe.names:
        cells = [learnt]
        for before in probe.names:
            cell = ""
            if before != learnt:
                cell = _with_half_width(probe.transfer(learnt, before))
            cells.append(cell)
        rows.append(cells)
    print_table(["learnt after", *probe.names], rows)


def _with_half_width(change: "Interval") -> str:
    """Write a change in points, with half of its interval if there is one."""
    text = points(change.estimate, 1)
    # With one seed there is no interval, which the line above the table says.
    if change.known:
        text += f" ±{100 * (change.high - change.estimate):.1f}"
    return text


def print_plan(plan: "Plan", stages: "Stages | None") -> None:
    """Print an order of tasks, and how far it can be trusted.

    Args:
        plan: The order.
        stages: Groups of tasks. None if none were asked for.
    """
    print(f"{plan.scheduler}, objective {plan.objective:+.4f} (it ranks orders and is no score)")
    for place, task in enumerate(plan.order, 1):
        print(
            f"{place:3}. {shown(task)}: predicted change {points(plan.predicted[task], 1)} points"
        )
    # If several orders are equally good, the one above is an arbitrary choice among them.
    if plan.ties is not None and plan.ties > 1:
        print(f"{plan.ties} orders reach this objective")
    _print_stability(plan)
    if stages is None:
        return
    print("stages:")
    groups = zip(stages.groups, stages.inside, strict=True)
    for place, (tasks, inside) in enumerate(groups, 1):
        names = ", ".join(shown(task) for task in tasks)
        print(f"{place:3}. {names} (mean transfer inside {points(inside, 1)} points)")


def _print_stability(plan: "Plan") -> None:
    """Print how often another measurement of the transfer would give the same order."""
    if plan.stays_best is None:
        print(
            "stability: unknown, because the probe has one seed; give its standard error as --noise"
        )
        return
    share = _percent(plan.stays_best)
    print(f"stability: this order stays the best in {share} of resampled probes")
    for order, frequency in plan.rivals:
        # The plan itself is among the most frequent orders.
        if order != plan.order:
            print(f"  {_percent(frequency)}: {' → '.join(shown(task) for task in order)}")


def print_plan_as_json(plan: "Plan", stages: "Stages | None") -> None:
    """Print an order of tasks for other programs.

    Args:
        plan: The order.
        stages: Groups of tasks. None if none were asked for.
    """
    values = plan.to_json()
    if stages is not None:
        # Both have an objective, and that of the plan keeps its name.
        values |= stages.to_json() | {
            "objective": plan.objective,
            "stages_objective": stages.objective,
        }
    print(json.dumps(values, indent=1))


def print_verification(verification: "Verification") -> None:
    """Print what trained orders show of a plan.

    Args:
        verification: The comparison of trained orders with the plan.
    """
    print(verification.verdict)
    by_chance = _percent(verification.first_task_by_chance)
    if math.isnan(verification.first_task):
        print("first task alone: – (all random orders reach the same score)")
    else:
        share = _percent(verification.first_task)
        print(f"first task alone: {share} of the variance ({by_chance} by chance)")
    print(f"spread of random orders: {100 * verification.spread:.2f} points (standard deviation)")
    print("gain over the mean of random orders in points, with its 95 % interval over seeds:")
    reasons: dict[str, None] = {}  # each once, in the order of the lines
    # The scheduler that gains most stands first, whether or not it made the plan.
    for advantage in sorted(verification.advantages, key=lambda one: -one.gain.estimate):
        gain = advantage.gain
        print(
            f"  {advantage.scheduler:24} {points(gain.estimate):>6} {_bounds(gain)}, "
            f"better than {_percent(advantage.percentile)} of them"
        )
        if gain.reason:
            reasons[gain.reason] = None
    for reason in reasons:
        print(f"–: there is no interval, because {reason}")


def _bounds(gain: "Interval") -> str:
    """Write the bounds of a gain in points, or a dash if it has none that mean anything."""
    # Equal values of all seeds have no spread, so they say nothing about other seeds.
    if not gain.known or gain.all_equal:
        return "–"
    return f"[{points(gain.low)}, {points(gain.high)}]"


def _percent(share: float) -> str:
    """Write a share in whole percent."""
    return f"{percent(share, 0)} %"


def write_report(
    path: Path,
    probe: "Probe",
    plan: "Plan",
    stages: "Stages | None" = None,
    verification: "Verification | None" = None,
) -> None:
    """Write the page about a plan.

    Args:
        path: The file.
        probe: The measured transfer.
        plan: The order.
        stages: Groups of tasks. None if none were asked for.
        verification: What trained orders show. None if none were trained.

    Raises:
        HoldfastError: The file could not be written.
    """
    from holdfast.reports.orders import order_html

    write_page(path, order_html(probe, plan, stages, verification))
