"""The report of runs: one file without network or script, light and dark, readable on a phone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.files import write_page
from holdfast.reports.cells import of_seeds
from holdfast.reports.diagnostics import DrawnFinding, drawn
from holdfast.reports.figure_list import OF_SCENARIOS, ScenarioResults
from holdfast.reports.layout import Layout, as_pivot, heading_rows
from holdfast.reports.page import page
from holdfast.reports.report_views import (
    HeatTable,
    MethodRow,
    TextTable,
    accuracy_table,
    difference_row,
    growth_table,
    method_rows,
    segment_table,
    speed_table,
    transfer_table,
)
from holdfast.reports.saving import to_svg
from holdfast.results.causes import advice_on
from holdfast.results.differences import Difference
from holdfast.results.groups import Group, by_scenario, found_rates
from holdfast.results.measures import MEASURES
from holdfast.results.record import RunResult
from holdfast.results.run_settings import SCENARIOS, Scenario
from holdfast.results.selection import Selection, select
from holdfast.results.sweeps import Sweep, find_sweeps

TOLERANCE = 0.05  # forgetting that a selection from a sweep accepts, as a score
MOST_PANELS = 24  # groups from which those of sweeps have no panels of their own
FEW_SEEDS = 3

SCENARIO_TEXT: dict[Scenario, str] = {
    "task": "Task-incremental: the model is told which task an example belongs to.",
    "domain": "Domain-incremental: all tasks have the same outputs, and the model is not told "
    "which task an example belongs to.",
    "class": "Class-incremental: all classes seen so far compete, and the model is not told "
    "which task an example belongs to.",
}


def write_report(
    groups: Sequence[Group],
    path: str | Path,
    title: str = "Holdfast report",
    description: str = "",
    tolerance: float = TOLERANCE,
    differences: Sequence[Difference] = (),
) -> Path:
    """Write the report of some runs.

    Args:
        groups: The groups, from `holdfast.results.summarise`.
        path: The file. A file that is no HTML page is not overwritten.
        title: The heading.
        description: A paragraph below it.
        tolerance: The largest forgetting that a selection from a sweep accepts, as a score.
        differences: Comparisons with another folder, which then come first.

    Returns:
        The path.

    Raises:
        HoldfastError: The page could not be written.
        MissingExtra: Matplotlib is not installed.
    """
    text = render(groups, title, description, tolerance, differences)
    path = Path(path)
    write_page(path, text)
    return path


def render(
    groups: Sequence[Group],
    title: str,
    description: str = "",
    tolerance: float = TOLERANCE,
    differences: Sequence[Difference] = (),
) -> str:
    """Make the report as HTML. The arguments are those of `write_report`."""
    members = by_scenario(groups)
    # Always in the same order, whatever the order of the groups.
    present = [scenario for scenario in SCENARIOS if scenario in members]
    results = [result for group in groups for result in group.results]
    return page(
        "report.html.j2",
        title=title,
        description=description,
        scenarios=[_section(scenario, members[scenario], tolerance) for scenario in present],
        measures=MEASURES,
        pivot=_pivot(groups),
        heading_rows=heading_rows,
        differences=[difference_row(difference) for difference in differences],
        data=_unique(result.config.data_set.description for result in results),
        settings=_settings(results),
        seeds=sorted({result.seed for result in results}),
        unlearnt=[group.unlearnt for group in groups if group.unlearnt],
        unlearnt_advice=advice_on(groups),
        intervals=of_seeds(max(len(group.results) for group in groups)),
        warnings=_warnings(groups),
        diagnosed=_diagnosed(groups),
    )


def _pivot(groups: Sequence[Group]) -> Layout | None:
    """Put scenarios and sizes of the memory side by side; None if there is one column alone."""
    layout = as_pivot(groups)
    if len(layout.headings) < 2:
        return None
    return layout


def _unique(texts: Iterable[str]) -> list[str]:
    """Keep the first of equal texts, in their order."""
    return list(dict.fromkeys(texts))


@dataclass(frozen=True)
class FigureView:
    """A figure as the template shows it.

    Args:
        caption: What is written above it; "" for none.
        svg: The figure.
    """

    caption: str
    svg: str


@dataclass(frozen=True)
class FigureSection:
    """The figures of one kind under their heading."""

    heading: str
    figures: list[FigureView]


@dataclass(frozen=True)
class ScenarioView:
    """One scenario as the template shows it.

    Args:
        name: The scenario.
        text: What it means.
        score: What the scores are, such as "accuracy".
        rows: The table of methods.
        tied: Whether some ranks are ties.
        has_forward_transfer: Whether outputs exist before their task, so that FWT is defined.
        selections: A sentence for each selection from a sweep.
        unselected: The methods of sweeps from which nothing could be selected.
        figures: The figures.
        matrices: The accuracy matrix of each group.
        transfers: The transfer of each task; None if there is one task only.
        segments: The transfer of each segment.
        growth: Growing costs.
        speed: Learning speed.
    """

    name: str
    text: str
    score: str
    rows: list[MethodRow]
    tied: bool
    has_forward_transfer: bool
    selections: list[str]
    unselected: list[str]
    figures: list[FigureSection]
    matrices: list[HeatTable]
    transfers: HeatTable | None
    segments: TextTable
    growth: TextTable
    speed: TextTable


def _section(scenario: Scenario, groups: Sequence[Group], tolerance: float) -> ScenarioView:
    """Collect what the page shows of one scenario."""
    sweeps = find_sweeps(groups)
    selections: list[Selection] = []
    unselected = []
    for sweep in sweeps:
        selection = select(sweep, tolerance)
        # The page says why nothing was selected, so that nobody looks for it.
        if selection is not None:
            selections.append(selection)
        elif sweep.is_deliberate:
            unselected.append(sweep.method)
    detailed = _with_own_panels(groups, sweeps)
    rows = method_rows(groups)
    results = ScenarioResults(
        groups=groups, detailed=detailed, sweeps=sweeps, selections=selections
    )
    return ScenarioView(
        name=scenario,
        text=SCENARIO_TEXT[scenario],
        score=groups[0].results[0].config.score,
        rows=rows,
        tied=any(row.rank.startswith("=") for row in rows),
        has_forward_transfer=all(run.outputs_exist for group in groups for run in group.results),
        selections=[selection.sentence() for selection in selections],
        unselected=unselected,
        figures=_figures(results),
        matrices=[accuracy_table(group) for group in detailed],
        transfers=transfer_table(detailed),
        segments=segment_table(detailed),
        growth=growth_table(groups),
        speed=speed_table(groups),
    )


def _with_own_panels(groups: Sequence[Group], sweeps: Sequence[Sweep]) -> Sequence[Group]:
    """Choose the groups that have panels and matrices of their own."""
    if len(groups) <= MOST_PANELS:
        return groups
    # The curves of a sweep show its groups already, and dozens of panels say nothing.
    swept = {id(group) for sweep in sweeps for group in sweep.groups}
    others = [group for group in groups if id(group) not in swept]
    # If all are of sweeps, the best ones stand for the rest.
    return others or groups[:MOST_PANELS]


def _figures(results: ScenarioResults) -> list[FigureSection]:
    """Draw the figures that stand in the report, in the order of their list."""
    sections = []
    for entry in OF_SCENARIOS:
        if "report" not in entry.pages:
            continue
        figures = [
            FigureView(picture.caption, to_svg(picture.figure, picture.title))
            for picture in entry.draw(results)
        ]
        # Without sweeps, for example, there is nothing to draw, and so no heading.
        if figures:
            sections.append(FigureSection(_heading(entry.heading, results), figures))
    return sections


def _heading(heading: str, results: ScenarioResults) -> str:
    """A heading of figures. Scores that are no accuracy are called scores."""
    if results.groups[0].results[0].config.score == "accuracy":
        return heading
    return heading.replace("Accuracy", "Score")


def _settings(results: Sequence[RunResult]) -> dict[str, str]:
    """List every setting, version and fact of the machine, with all values it takes."""
    values: dict[str, list[str]] = {}
    for result in results:
        facts: dict[str, object] = {}
        for part, settings in result.config.by_part().items():
            facts |= {f"{part} {name}": value for name, value in settings.items()}
        facts |= result.versions
        facts |= result.machine
        for name, value in facts.items():
            # A setting that is not set says nothing.
            if value not in (None, [], {}):
                values.setdefault(name, []).append(str(value))
    return {name: " or ".join(_unique(texts)) for name, texts in values.items()}


def _warnings(groups: Sequence[Group]) -> list[str]:
    """List the warnings of runs, and what limits the comparison of groups."""
    warnings = []
    for group in groups:
        # The runs of a group differ in their seeds alone, so one of them speaks for all.
        first = group.results[0]
        warnings += [f"{group.label} ({group.scenario}): {text}" for text in first.remarks]
    warnings += found_rates(groups)
    for group in groups:
        warnings += [f"In the {group.scenario} scenario, {remark}" for remark in group.weak]
    for scenario, members in by_scenario(groups).items():
        most = max(len(group.results) for group in members)
        # A group that lost seeds has wider intervals, and may have lost its worst ones.
        short = [group for group in members if len(group.results) < most]
        if short:
            names = ", ".join(f"{group.label} ({len(group.results)})" for group in short)
            warnings.append(
                f"{scenario} scenario: these methods have fewer seeds than the {most} of others, "
                f"because runs failed or are not finished: {names}"
            )
    few = sorted({group.scenario for group in groups if len(group.results) < FEW_SEEDS})
    if few:
        warnings.append(
            f"there are fewer than {FEW_SEEDS} seeds in the {', '.join(few)} scenario, so "
            "intervals are wide or missing, and ranks mean little"
        )
    return _unique(warnings)


@dataclass(frozen=True)
class DiagnosedRun:
    """A run and what was found about it.

    Args:
        title: Which run it is.
        findings: The findings with their figures.
    """

    title: str
    findings: list[DrawnFinding]


def _diagnosed(groups: Sequence[Group]) -> list[DiagnosedRun]:
    """Collect the runs that `holdfast diagnose` was used on."""
    diagnosed = []
    for group in groups:
        for result in group.results:
            if result.findings:
                title = f"{group.label}, {group.scenario} scenario, seed {result.seed}"
                findings = [drawn(finding) for finding in result.findings]
                diagnosed.append(DiagnosedRun(title, findings))
    return diagnosed
