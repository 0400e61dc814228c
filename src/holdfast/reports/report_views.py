"""What the template of the report shows, as records of finished texts and numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.metrics import Interval
from holdfast.reports.cells import (
    UNKNOWN,
    change_in_points,
    difference_of,
    show,
    show_cost,
    with_bounds,
)
from holdfast.results.differences import Difference
from holdfast.results.groups import Group
from holdfast.results.growth import growth
from holdfast.results.learning_speed import learning_speed
from holdfast.results.measures import MEASURES
from holdfast.results.ranking import on_front, ranks

FULL_COLOUR = 0.5  # the change of a score at which a cell has its full colour


@dataclass(frozen=True)
class MethodRow:
    """A row of the table of methods.

    Args:
        label: The method as tables call it.
        method: Its specification.
        seeds: The number of seeds.
        rank: Its rank.
        on_front: Whether it is on the Pareto front.
        cells: The text of each measure, by its key.
        bar: Length of the bar behind ACC, in percent; 0 if ACC is not known.
    """

    label: str
    method: str
    seeds: int
    rank: str
    on_front: bool
    cells: dict[str, str]
    bar: float


def method_rows(groups: Sequence[Group]) -> list[MethodRow]:
    """Make the table of methods of one scenario."""
    rows = []
    for group, rank, front in zip(groups, ranks(groups), on_front(groups), strict=True):
        # A bar needs a length, also if the number is not known.
        accuracy = group.values["ACC"].estimate
        bar = 0.0
        if not math.isnan(accuracy):
            bar = 100 * accuracy
        rows.append(
            MethodRow(
                label=group.label,
                method=group.method,
                seeds=len(group.results),
                rank=rank,
                on_front=front,
                cells={name: show(name, group.values[name]) for name in MEASURES},
                bar=bar,
            )
        )
    return rows


@dataclass(frozen=True)
class HeatCell:
    """A coloured cell.

    Args:
        text: What it says.
        opacity: How strong its colour is, in [0, 1].
        high: Whether it has the colour of high values.
    """

    text: str
    opacity: float
    high: bool


@dataclass(frozen=True)
class HeatRow:
    """A row of coloured cells with a label in front; None is an empty cell."""

    label: str
    cells: list[HeatCell | None]


@dataclass(frozen=True)
class HeatTable:
    """A table of coloured cells.

    Args:
        title: What the table is about; "" if its heading says enough.
        names: Names of the columns; "" if seeds have different ones.
        rows: The rows.
    """

    title: str
    names: list[str]
    rows: list[HeatRow]


def accuracy_table(group: Group) -> HeatTable:
    """Make the mean accuracy matrix of a group, in points."""
    rows = []
    for number, scores in enumerate(group.mean_matrix[1:], 1):
        rows.append(HeatRow(str(number), [_score_cell(float(score)) for score in scores]))
    return HeatTable(group.label, group.task_names, rows)


def _score_cell(score: float) -> HeatCell | None:
    """Colour a score by how far it is from one half."""
    if math.isnan(score):
        return None
    # Even the middle keeps a little colour, which tells it from a cell that was not evaluated.
    opacity = abs(round(score, 3) - 0.5) * 1.5 + 0.08
    return HeatCell(f"{100 * score:.0f}", opacity, round(score, 3) >= 0.5)


def transfer_table(groups: Sequence[Group]) -> HeatTable | None:
    """Make the transfer of each task, with one row per group; None if there is one task only."""
    rows = []
    for group in groups:
        cells = [_change_cell(transfer) for transfer in group.transfers]
        if cells:
            rows.append(HeatRow(group.label, cells))
    if not rows:  # there is only one task
        return None
    # The last task has no transfer, since nothing comes after it.
    return HeatTable("", groups[0].task_names[:-1], rows)


def _change_cell(change: Interval) -> HeatCell | None:
    """Colour a change of a score by how large it is."""
    if math.isnan(change.estimate):  # shown as a dash without a colour
        return None
    strength = min(abs(change.estimate) / FULL_COLOUR, 1.0)
    return HeatCell(change_in_points(change), strength * 0.5, change.estimate >= 0)


@dataclass(frozen=True)
class TextRow:
    """A row of texts with a label in front."""

    label: str
    cells: list[str]


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Args:
        names: Names of the columns.
        rows: The rows.
    """

    names: list[str]
    rows: list[TextRow]


def segment_table(groups: Sequence[Group]) -> TextTable:
    """Make the transfer of each segment; the columns are the segments of all groups."""
    transfers = [(group.label, group.segment_transfers) for group in groups]
    names = list(dict.fromkeys(name for _, of_group in transfers for name in of_group))
    rows = []
    for label, of_group in transfers:
        if not of_group:
            continue
        # Groups of one scenario may have different segments.
        cells = [UNKNOWN] * len(names)
        for name, transfer in of_group.items():
            cells[names.index(name)] = change_in_points(transfer)
        rows.append(TextRow(label, cells))
    return TextTable(names, rows)


def speed_table(groups: Sequence[Group]) -> TextTable:
    """Make the table of learning speed."""
    rows = []
    # Steps are no score, so they are not turned into points.
    for speed in learning_speed(groups):
        steps = UNKNOWN
        if not math.isnan(speed.steps.estimate):
            steps = f"{speed.steps.estimate:+.1f}".replace("-", "−")
        zero_shot = with_bounds(speed.zero_shot.scaled(100), ".1f")
        rows.append(TextRow(speed.label, [change_in_points(speed.area), steps, zero_shot]))
    return TextTable(["area", "steps to 95 %", "zero-shot"], rows)


COSTS = {"time": "time per task", "parameters": "parameters", "bytes": "bytes", "peak": "peak"}


def growth_table(groups: Sequence[Group]) -> TextTable:
    """Make the table of growing costs, with two cells per cost: the amounts, and what fits."""
    cells_of: dict[str, list[str]] = {}
    # The costs of a group come in the order of `COSTS`.
    for grown in growth(groups):
        first = show_cost(grown.cost, grown.values[0])
        last = show_cost(grown.cost, grown.values[-1])
        fit = grown.fitted
        if not grown.agrees:
            fit += f", declared {grown.declared}"
        cells_of.setdefault(grown.label, []).extend([f"{first} → {last}", fit])
    rows = [TextRow(label, cells) for label, cells in cells_of.items()]
    return TextTable(list(COSTS.values()), rows)


@dataclass(frozen=True)
class DifferenceRow:
    """A group in two folders.

    Args:
        label: The group.
        scenario: Its scenario.
        seeds: How many seeds both folders have.
        cells: For each measure, the difference and what it shows.
        settings: The settings that differ.
    """

    label: str
    scenario: str
    seeds: int
    cells: list[tuple[str, str]]
    settings: tuple[str, ...]


def difference_row(difference: Difference) -> DifferenceRow:
    """Make one row of the comparison of two folders."""
    cells = []
    for measure, value in difference.values.items():
        cells.append((difference_of(measure, value), difference.verdict(measure)))
    return DifferenceRow(
        label=difference.label,
        scenario=difference.scenario,
        seeds=difference.seeds,
        cells=cells,
        settings=difference.settings,
    )
