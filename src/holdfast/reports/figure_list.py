"""Every figure of the reports: what it shows, how it is drawn, where it stands, and its file.

To add a figure, write a function that draws it and an entry here. The pages, the files of
`holdfast report --figures`, and a test that draws each figure follow from this list.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from holdfast.errors import one_of
from holdfast.planning import Verification
from holdfast.reports import finding_figures, order_figures
from holdfast.reports.comparison_figures import sweep_curve, trade_off_panel
from holdfast.reports.figures import heat_map, over_time_panel, transfer_by_task
from holdfast.reports.saving import ENDINGS, save
from holdfast.reports.style import figure_of
from holdfast.results.file_names import FINDINGS_FIGURES
from holdfast.results.finding import Finding
from holdfast.results.groups import Group, by_scenario
from holdfast.results.selection import Selection
from holdfast.results.sweeps import Sweep, find_sweeps, short_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Subject = TypeVar("Subject")  # what a page is about


@dataclass(frozen=True)
class Picture:
    """A figure that was drawn.

    Args:
        title: What it shows, for screen readers. No two pictures of a page have the same.
        figure: The figure.
        caption: What is written above it; "" if the heading of its section says enough.
        number: Its number among the pictures of one kind, from 1, for the name of its file.
        detail: What else the name of its file says.
    """

    title: str
    figure: "Figure"
    caption: str = ""
    number: int = 1
    detail: str = ""


@dataclass(frozen=True)
class ListedFigure(Generic[Subject]):
    """One kind of figure.

    Args:
        name: Its name.
        heading: What it shows, as the heading of its section.
        pages: The pages on which it stands: "report", "diagnostics", "order".
        file: Its file without the ending; "" if it is not written as a file. `{scenario}`,
            `{number}` and `{detail}` are filled in.
        draw: Draws all pictures of this kind from what a page is about.
    """

    name: str
    heading: str
    pages: tuple[str, ...]
    file: str
    draw: Callable[[Subject], Iterable[Picture]]


@dataclass(frozen=True)
class ScenarioResults:
    """What the figures of one scenario are drawn from.

    Args:
        groups: All groups of the scenario, at least one.
        detailed: Those that have panels of their own.
        sweeps: The sweeps among the groups.
        selections: What was selected from sweeps, which their curves mark.
    """

    groups: Sequence[Group]
    detailed: Sequence[Group]
    sweeps: Sequence[Sweep]
    selections: Sequence[Selection] = ()

    @property
    def scenario(self) -> str:
        """The scenario that all groups share."""
        return self.groups[0].scenario

    def selected_from(self, sweep: Sweep) -> Group | None:
        """Return the group that was selected from a sweep, if one was."""
        for selection in self.selections:
            # The same object, since comparing every run of two sweeps would take long.
            if selection.sweep is sweep:
                return selection.group
        return None


def _trade_off(results: ScenarioResults) -> Iterator[Picture]:
    """Draw one panel for all methods."""
    title = f"Accuracy against backward transfer and time, {results.scenario} scenario"
    yield Picture(title, trade_off_panel(results.groups))


def _sweeps(results: ScenarioResults) -> Iterator[Picture]:
    """Draw one figure for each hyperparameter of each sweep."""
    # Counted over all sweeps, because two methods may be swept over the same setting.
    number = 0
    for sweep in results.sweeps:
        selected = results.selected_from(sweep)
        for curve in sweep.curves():
            number += 1
            name = f"{sweep.method}: {short_name(curve.hyperparameter)}"
            if curve.others:
                name += f", {curve.others}"
            yield Picture(
                title=name,
                figure=figure_of(partial(sweep_curve, curve, selected)),
                caption=name,
                number=number,
                # Some programs take what follows the first dot for the ending.
                detail=curve.hyperparameter.replace(".", "-"),
            )


def _over_time(results: ScenarioResults) -> Iterator[Picture]:
    """Draw one panel with axes for each method."""
    title = f"Accuracy of each task over time, {results.scenario} scenario"
    yield Picture(title, over_time_panel(results.detailed))


def _transfers(results: ScenarioResults) -> Iterator[Picture]:
    """Draw one figure for all methods, unless there is only one task."""
    # The last task has no transfer, and there may be no other.
    if results.groups[0].transfers:
        title = f"Transfer of each task, {results.scenario} scenario"
        yield Picture(title, figure_of(partial(transfer_by_task, results.groups), size=(7, 3.6)))


def _matrices(results: ScenarioResults) -> Iterator[Picture]:
    """Draw one figure per method."""
    for number, group in enumerate(results.groups, 1):
        figure = figure_of(partial(heat_map, group), size=(3.2, 3.2), legend=False)
        yield Picture(f"Accuracy matrix of {group.label}", figure, number=number)


def _of_finding(draw: Callable[[Finding], "Figure"]) -> Callable[[Finding], Iterator[Picture]]:
    """Make the only picture of a finding."""

    def pictures(finding: Finding) -> Iterator[Picture]:
        yield Picture(f"{finding.what}: {finding.sentence}", draw(finding))

    return pictures


def _finding(name: str, draw: Callable[[Finding], "Figure"]) -> ListedFigure[Finding]:
    """List the figure of a diagnostic, which stands on two pages under the diagnostic's name."""
    return ListedFigure(
        name=name,
        heading=name,
        pages=("diagnostics", "report"),
        file=f"{FINDINGS_FIGURES}/{name}",
        draw=_of_finding(draw),
    )


def _scatter(verification: Verification) -> Iterator[Picture]:
    """Draw one figure for all orders."""
    figure = figure_of(partial(order_figures.scatter, verification))
    yield Picture("Realised against predicted", figure, caption="realised against predicted")


def _distribution(verification: Verification) -> Iterator[Picture]:
    """Draw one figure for all orders."""
    figure = figure_of(partial(order_figures.distribution, verification))
    yield Picture("Distribution of random orders", figure, caption="random orders")


OF_SCENARIOS: tuple[ListedFigure[ScenarioResults], ...] = (
    ListedFigure(
        name="trade-off",
        heading="Accuracy against backward transfer and time",
        pages=("report",),
        file="{scenario}-trade-off",
        draw=_trade_off,
    ),
    ListedFigure(
        name="sweep",
        heading="Sweeps",
        pages=("report",),
        file="{scenario}-sweep-{detail}-{number}",
        draw=_sweeps,
    ),
    ListedFigure(
        name="over-time",
        heading="Accuracy of each task over time",
        pages=("report",),
        file="{scenario}-over-time",
        draw=_over_time,
    ),
    # The page has the next two as tables, in which every number can be read.
    ListedFigure(
        name="transfer",
        heading="Transfer of each task",
        pages=(),
        file="{scenario}-transfer",
        draw=_transfers,
    ),
    ListedFigure(
        name="matrix",
        heading="Accuracy matrix",
        pages=(),
        file="{scenario}-matrix-{number}",
        draw=_matrices,
    ),
)
OF_FINDINGS: tuple[ListedFigure[Finding], ...] = (
    _finding("interference", finding_figures.draw_interference),
    _finding("spectrum", finding_figures.draw_spectrum),
    _finding("layers", finding_figures.draw_layers),
    _finding("saturation", finding_figures.draw_saturation),
    _finding("landscape", finding_figures.draw_landscape),
    _finding("plasticity", finding_figures.draw_plasticity),
    _finding("entropy", finding_figures.draw_entropy),
    _finding("stability-gap", finding_figures.draw_stability_gap),
)
OF_ORDERS: tuple[ListedFigure[Verification], ...] = (
    ListedFigure(
        name="realised against predicted",
        heading="Realised against predicted",
        pages=("order",),
        file="",
        draw=_scatter,
    ),
    ListedFigure(
        name="random orders",
        heading="Random orders",
        pages=("order",),
        file="",
        draw=_distribution,
    ),
)
FIGURES = (*OF_SCENARIOS, *OF_FINDINGS, *OF_ORDERS)


def figure_of_finding(finding: Finding) -> Picture:
    """Draw the figure of a finding.

    Raises:
        HoldfastError: There is no such diagnostic, or the finding lacks a number.
    """
    # A file may name a diagnostic that this version does not have.
    by_name = {entry.name: entry for entry in OF_FINDINGS}
    entry = by_name[one_of("finding", finding.what, by_name)]
    (picture,) = entry.draw(finding)
    return picture


def save_all(groups: Sequence[Group], folder: Path) -> list[Path]:
    """Write every figure of a report as PNG and SVG files.

    Args:
        groups: The groups of the report.
        folder: Where to write.

    Returns:
        The files.

    Raises:
        HoldfastError: A file could not be written.
    """
    paths = {}
    for members in by_scenario(groups).values():
        # Files have room for every group, and mark no selection, which depends on a tolerance.
        results = ScenarioResults(groups=members, detailed=members, sweeps=find_sweeps(members))
        for entry in OF_SCENARIOS:
            for picture in entry.draw(results):
                name = entry.file.format(
                    scenario=results.scenario, number=picture.number, detail=picture.detail
                )
                for ending in ENDINGS:
                    path = folder / f"{name}{ending}"
                    paths[path] = save(picture.figure, path)
    return list(paths)
