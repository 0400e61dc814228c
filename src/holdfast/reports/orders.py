"""The page of a plan: transfer between tasks in the planned order, and what trained orders show."""

import math
from dataclasses import dataclass

import numpy as np

from holdfast.planning import Plan, Probe, Stages, Verification
from holdfast.reports.figure_list import OF_ORDERS
from holdfast.reports.page import page
from holdfast.reports.saving import to_svg
from holdfast.text import points

LEAST_CHANGE = 1e-9  # the largest change is at least so large, so that it can be divided by
FULL_COLOUR = 0.8


@dataclass(frozen=True)
class TransferCell:
    """What learning one task does to another.

    Args:
        change: The change in points.
        half_width: Half of its interval over seeds, in points; "" with one seed.
        lost: Whether it is a loss.
        opacity: How strong its colour is, in [0, 1].
        happens: Whether the planned order lets it happen.
    """

    change: str
    half_width: str
    lost: bool
    opacity: float
    happens: bool


@dataclass(frozen=True)
class TransferRow:
    """What learning one task does to each task, in the planned order; None for itself."""

    name: str
    cells: list[TransferCell | None]


def order_html(
    probe: Probe,
    plan: Plan,
    stages: Stages | None = None,
    verification: Verification | None = None,
) -> str:
    """Make the page of a plan.

    Args:
        probe: The transfer between tasks.
        plan: The planned order.
        stages: Groups of tasks to train together, if they were made.
        verification: What trained orders show, if some were trained.

    Returns:
        HTML in one piece.

    Raises:
        MissingExtra: A verification has figures, and matplotlib is not installed.
    """
    # A plan alone has nothing to draw.
    figures = {}
    advantages = []
    if verification is not None:
        for entry in OF_ORDERS:
            for picture in entry.draw(verification):
                figures[picture.caption] = to_svg(picture.figure, picture.title)
        advantages = sorted(
            verification.advantages, key=lambda advantage: advantage.gain.estimate, reverse=True
        )
    return page(
        "orders.html.j2",
        {"points": points_or_dash, "signed": _signed, "percent": percent_of},
        probe=probe,
        plan=plan,
        # The plan itself is among the most frequent orders.
        rivals=[(order, share) for order, share in plan.rivals if order != plan.order],
        stages=stages,
        verification=verification,
        advantages=advantages,
        heat=transfer_rows(probe, plan.order),
        figures=figures,
    )


def points_or_dash(change: float | None, decimals: int = 1) -> str:
    """Format a change of a score in points; a dash if it is not known."""
    if change is None or math.isnan(change):
        return "–"
    return points(change, decimals)


def _signed(value: float) -> str:
    """Format a correlation; a dash if it is not known."""
    if math.isnan(value):
        return "–"
    return f"{value:+.2f}".replace("-", "−")


def percent_of(share: float) -> str:
    """Format a share in whole percent; a dash if it is not known."""
    if math.isnan(share):
        return "–"
    return f"{100 * share:.0f} %"


def transfer_rows(probe: Probe, order: tuple[str, ...]) -> list[TransferRow]:
    """Make the table of what learning each task does to each other one, in the planned order.

    Args:
        probe: The transfer between tasks.
        order: Names of the tasks, first to last.
    """
    largest = max(float(np.nanmax(np.abs(probe.backward.mean(0)))), LEAST_CHANGE)
    rows = []
    for row_place, learnt in enumerate(order):
        cells: list[TransferCell | None] = []
        for column_place, other in enumerate(order):
            if learnt == other:
                cells.append(None)
                continue
            # An earlier task suffers from a later one, so below the diagonal it happens.
            happens = column_place < row_place
            cells.append(_transfer_cell(probe, learnt, other, largest, happens))
        rows.append(TransferRow(learnt, cells))
    return rows


def _transfer_cell(
    probe: Probe, learnt: str, other: str, largest: float, happens: bool
) -> TransferCell:
    """Make the cell of what learning one task does to another."""
    change = probe.transfer(learnt, on=other)
    half_width = ""  # one seed has no spread
    if probe.seeds > 1:
        half_width = f"{100 * (change.high - change.estimate):.1f}"
    return TransferCell(
        change=points_or_dash(change.estimate),
        half_width=half_width,
        lost=change.estimate < 0,
        opacity=round(FULL_COLOUR * abs(change.estimate) / largest, 3),
        happens=happens,
    )
