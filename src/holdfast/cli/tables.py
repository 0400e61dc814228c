"""Tables of finished runs."""

import math
from collections.abc import Sequence
from statistics import median

from holdfast.cli.printing import make_console, print_in_parts, print_table, print_unlearnt
from holdfast.reports.cells import difference_of, of_seeds, show
from holdfast.reports.layout import as_pivot, known_columns
from holdfast.results import (
    MEASURES,
    Difference,
    Group,
    Growth,
    RunResult,
    advice_on,
    by_scenario,
    found_rates,
    growth,
    ranks,
)
from holdfast.text import percent, shown


def print_groups(groups: Sequence[Group]) -> None:
    """Print the table of methods of each scenario, below a warning of what was not learnt.

    Args:
        groups: The groups, in the order of the rows.
    """
    # This comes first, because forgetting of a task that was never learnt means nothing.
    print_unlearnt([group.unlearnt for group in groups if group.unlearnt], advice_on(groups))
    for scenario, members in by_scenario(groups).items():
        seeds = len(members[0].results)
        plural = "s" * (seeds != 1)
        title = f"{scenario} scenario, {seeds} seed{plural} (points; {of_seeds(seeds)})"
        rows = []
        for group, rank in zip(members, ranks(members), strict=True):
            cells = [show(name, group.values[name]) for name in MEASURES]
            rows.append([group.label, rank, *cells])
        headings = ["method", "rank", *(measure.heading for measure in MEASURES.values())]
        print_in_parts(headings, rows, title, named=2)
    _print_remarks(groups)


def print_pivot(
    groups: Sequence[Group], columns: Sequence[str] = ("ACC",), reference: Sequence[str] = ()
) -> None:
    """Print one row per method, with the scenarios and the sizes of the memory side by side.

    Args:
        groups: The groups, in the order of the rows.
        columns: Headings of measures.
        reference: Labels of methods that are no competitors.
    """
    layout = as_pivot(groups, known_columns(columns), reference)
    rows = []
    for row in layout.rows:
        # Bold type is lost in a log, so the best numbers have a star there.
        cells = [f"{cell.text} *" if cell.best else f"{cell.text}  " for cell in row.cells]
        rows.append([row.name, *cells])
    headings = ["method", *(heading.text for heading in layout.headings)]
    named = [f"{scenario} scenario" for scenario in layout.scenarios]
    print_in_parts(headings, rows, ", ".join(named))
    make_console().print(layout.note.replace("Bold", "*"))


def _print_remarks(groups: Sequence[Group]) -> None:
    """Print what is weak in a scenario, and the warnings of runs, each once."""
    lines = []
    for group in groups:
        lines += [f"note: in the {group.scenario} scenario, {reason}" for reason in group.weak]
    lines += [f"note: {rates}" for rates in found_rates(groups)]
    for group in groups:
        for result in group.results:
            lines += [f"warning: {warning}" for warning in result.remarks]
    console = make_console()
    # Runs that differ in their seeds alone have the same warnings.
    for line in dict.fromkeys(lines):
        console.print(shown(line))


def print_detection(results: Sequence[RunResult]) -> None:
    """Print how boundaries were found in runs in which none was announced.

    Args:
        results: Any runs. Those with announced boundaries are left out.
    """
    for result in results:
        detection = result.detection
        if detection is None:
            continue
        # A boundary that was missed has no delay.
        delays = [delay for delay in detection.delays if delay is not None]
        found = f"{len(delays)} of {len(detection.true)} true ones found"
        if delays:
            found += f" after {median(delays):.0f} steps (median; at most {max(delays)})"
        alarms = f"{detection.false_alarms} false alarm{'s' * (detection.false_alarms != 1)}"
        print(
            f"{shown(result.label)}, seed {result.seed}: {len(detection.declared)} boundaries "
            f"declared, {found}, {alarms}; accuracy on each batch before it was learnt "
            f"{percent(detection.online_accuracy, 1)} %"
        )


def print_growth(groups: Sequence[Group]) -> None:
    """Print how cost grows with the number of tasks, for runs of ten tasks or more.

    Args:
        groups: The groups. Nothing is printed about those with fewer tasks.
    """
    for scenario, members in by_scenario(groups).items():
        grown = growth(members)
        if not grown:
            continue
        costs = list(dict.fromkeys(one.cost for one in grown))
        rows = []
        for label in dict.fromkeys(one.label for one in grown):
            by_cost = {one.cost: _growth_cell(one) for one in grown if one.label == label}
            rows.append([label, *(by_cost[cost] for cost in costs)])
        title = f"{scenario} scenario: growth of cost with the number of tasks"
        print_table(["method", *costs], rows, title, left=range(len(costs) + 1))


def _growth_cell(one: Growth) -> str:
    """Say how a cost grows, and what the method declares if that differs."""
    if one.agrees:
        return one.fitted
    return f"{one.fitted} (declared {one.declared})"


def print_differences(differences: Sequence[Difference]) -> None:
    """Print a second folder minus a first one, below a warning of what was not learnt.

    Args:
        differences: What `compare_folders` returns.
    """
    print_unlearnt([line for difference in differences for line in difference.unlearnt])
    rows = []
    for difference in differences:
        row = [difference.scenario, difference.label, str(difference.seeds)]
        for name, interval in difference.values.items():
            row += [difference_of(name, interval), difference.verdict(name)]
        rows.append(row)
    title = (
        "second folder minus first (points and seconds; ± half of the paired 95 % interval over "
        "seeds, or [its bounds]; equal: the same in all seeds)"
    )
    headings = ["scenario", "method", "seeds", "ACC", "", "BWT", "", "time", ""]
    # Each difference is followed by what it shows, in words.
    print_table(headings, rows, title, left=(0, 1, 4, 6, 8))


def print_matrix(group: Group) -> None:
    """Print the accuracy matrix, as a mean over seeds.

    Args:
        group: The runs.
    """
    # At a place where seeds have different tasks, there is no name but the number.
    names = [name or str(number) for number, name in enumerate(group.task_names, 1)]
    # The first row is from before any training.
    trained = group.mean_matrix[1:]
    rows = []
    for name, scores in zip(names, trained.tolist(), strict=True):
        rows.append([name, *(_score(score) for score in scores)])
    score = group.results[0].config.score
    title = f"{group.label}: {score} (%) after training each task, evaluated on each"
    print_table(["after", *names], rows, title)


def _score(score: float) -> str:
    """Write a score in percent; nothing for a task that was not evaluated."""
    if math.isnan(score):
        return ""
    return percent(score, 1)
