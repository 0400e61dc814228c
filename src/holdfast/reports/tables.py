"""The table of methods as Markdown and CSV. `reports.latex` writes it as LaTeX."""

import csv
import io
import math
from collections.abc import Collection, Sequence

from holdfast.metrics import Interval
from holdfast.reports.layout import COLUMNS, Layout, as_list, as_pivot, known_columns
from holdfast.results.causes import advice_on
from holdfast.results.groups import Group
from holdfast.results.measures import MEASURES
from holdfast.text import shown

DECIMALS = 6  # of numbers in CSV files; more would be noise of the machine


def warnings_about(groups: Sequence[Group]) -> list[str]:
    """Name what was not learnt, with a line that says what that means.

    Args:
        groups: The groups.

    Returns:
        One line for each such group and one of advice. Empty if everything was learnt.
    """
    warnings = [f"Warning: {shown(group.unlearnt)}." for group in groups if group.unlearnt]
    return [*warnings, *map(shown, advice_on(groups))]


def markdown(
    groups: Sequence[Group],
    columns: Sequence[str] | None = None,
    pivot: bool = False,
    reference: Collection[str] = (),
) -> str:
    """Format the table of methods as Markdown.

    Args:
        groups: The groups, in the order of the rows.
        columns: Headings of measures, "rank" or "seeds", in their order. None: all of them, or ACC
            in a pivot.
        pivot: Whether there is one row per method, with the scenarios and the sizes of the memory
            side by side. The best numbers of each column are bold then.
        reference: For a pivot, labels of methods that are no competitors and never bold.

    Returns:
        The table: scores in points, ± half of the 95 % interval over seeds or [its bounds], and `=`
        in front of ranks that are ties. Tasks that were not learnt are named above it.

    Raises:
        HoldfastError: There is no such column.
    """
    lines = []
    # Above the table, since numbers of what was not learnt mean nothing.
    for warning in warnings_about(groups):
        lines += [warning, ""]
    if pivot:
        layout = as_pivot(groups, known_columns(columns or ["ACC"]), reference)
        lines += _markdown_table(layout)
        lines += ["", layout.note]
        return "\n".join(lines) + "\n"
    chosen = known_columns(columns or COLUMNS)
    headings, rows = _with_scenario_and_rank(as_list(groups, chosen))
    lines += _markdown_lines(headings, rows)
    return "\n".join(lines) + "\n"


def _with_scenario_and_rank(layout: Layout) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a list, with the scenario first and the rank in front of the method."""
    headings = ["scenario", "method", *(heading.text for heading in layout.headings)]
    rows = [[row.block, row.name, *(cell.text for cell in row.cells)] for row in layout.rows]
    if headings[2:3] == ["rank"]:
        for cells in (headings, *rows):
            cells.insert(1, cells.pop(2))
    return headings, rows


def _markdown_table(layout: Layout) -> list[str]:
    """The lines of a pivot, with the best numbers in bold."""
    rows = []
    for row in layout.rows:
        cells = [f"**{cell.text}**" if cell.best else cell.text for cell in row.cells]
        rows.append([row.name, *cells])
    return _markdown_lines(["method", *(heading.text for heading in layout.headings)], rows)


def _markdown_lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    for row in rows:
        # A bar inside a cell would end the cell.
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def as_csv(
    groups: Sequence[Group], columns: Sequence[str] | None = None, pivot: bool = False
) -> str:
    """Format the table of methods with plain numbers, for spreadsheets and scripts.

    Args:
        groups: The groups, in the order of the rows.
        columns: Headings of measures in their order. None: all of them, or ACC in a pivot.
        pivot: Whether there is one row per method, with the scenarios and the sizes of the memory
            side by side.

    Returns:
        CSV with scores in [0, 1], seconds and counts, each with the bounds of its interval, rounded
        to six decimals. What is not known is empty. The last column names tasks that were not
        learnt.

    Raises:
        HoldfastError: There is no such column.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")  # as all other files are written
    if pivot:
        layout = as_pivot(groups, known_columns(columns or ["ACC"]))
        writer.writerow(["method", *_csv_headings([h.text for h in layout.headings])])
        for row in layout.rows:
            cells = [number for cell in row.cells for number in _csv_cells(cell.value)]
            writer.writerow([row.name, *cells])
        return out.getvalue()
    keys = _measures_of(columns)
    writer.writerow(["scenario", "label", "method", "seeds", *_csv_headings(keys), "warning"])
    for group in groups:
        cells = [number for key in keys for number in _csv_cells(group.values[key])]
        seeds = len(group.results)
        writer.writerow([group.scenario, group.label, group.method, seeds, *cells, group.unlearnt])
    return out.getvalue()


def _measures_of(columns: Sequence[str] | None) -> list[str]:
    """The keys of the chosen measures. The number of seeds is there anyway, and a rank is text."""
    if columns is None:
        return list(MEASURES)
    headings = known_columns(columns)
    by_heading = {measure.heading: key for key, measure in MEASURES.items()}
    return [by_heading[heading] for heading in headings if heading in by_heading]


def _csv_headings(names: Sequence[str]) -> list[str]:
    """Three columns of numbers instead of one of text, so that no script has to take it apart."""
    return [f"{name}{end}" for name in names for end in ("", " low", " high")]


def _csv_cells(value: Interval | None) -> list[str]:
    """The estimate and the bounds of an interval; three empty cells for no interval."""
    if value is None:
        return ["", "", ""]
    return [_plain(number) for number in (value.estimate, value.low, value.high)]


def _plain(number: float) -> str:
    """Write a number without noise in its last digits, and NaN as an empty cell."""
    if math.isnan(number):
        return ""
    # The sum removes the sign of a zero.
    return f"{round(number, DECIMALS) + 0.0:.{DECIMALS}f}".rstrip("0").rstrip(".")
