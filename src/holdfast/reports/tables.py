"""The table of methods as Markdown, LaTeX and CSV."""

import csv
import io
import math
from collections.abc import Sequence

from holdfast.metrics import UNLEARNT_ADVICE
from holdfast.reports.cells import show
from holdfast.results.groups import Group, by_scenario
from holdfast.results.measures import MEASURES
from holdfast.results.ranking import ranks
from holdfast.text import shown

LATEX = {  # characters that LaTeX would act on, or that its fonts lack
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "±": r"$\pm$",
    "–": "--",
}
TEXT_COLUMNS = ("scenario", "rank", "method")
HEADINGS = (*TEXT_COLUMNS, "seeds", *(measure.heading for measure in MEASURES.values()))


def _rows(groups: Sequence[Group]) -> list[list[str]]:
    """Format one row per group, in the order of `HEADINGS`."""
    # Groups cannot be keys, since equal ones may come from two folders.
    rank_of: dict[int, str] = {}
    for members in by_scenario(groups).values():
        for group, rank in zip(members, ranks(members), strict=True):
            rank_of[id(group)] = rank
    rows = []
    for group in groups:
        cells = [show(name, group.values[name]) for name in MEASURES]
        seeds = str(len(group.results))
        rows.append([group.scenario, rank_of[id(group)], group.label, seeds, *cells])
    return rows


def _warnings(groups: Sequence[Group]) -> list[str]:
    """Name what was not learnt, with a line that says what that means."""
    warnings = [f"Warning: {shown(group.unlearnt)}." for group in groups if group.unlearnt]
    if warnings:
        warnings.append(UNLEARNT_ADVICE)
    return warnings


def markdown(groups: Sequence[Group]) -> str:
    """Format the table of methods as Markdown.

    Args:
        groups: The groups.

    Returns:
        The table: scores in points, ± half of the 95 % t interval over seeds, and `=` in front of
        ranks that are ties. Tasks that were not learnt are named above it.
    """
    lines = []
    # Above the table, since numbers of what was not learnt mean nothing.
    for warning in _warnings(groups):
        lines += [warning, ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for row in _rows(groups):
        # A bar inside a cell would end the cell.
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def latex(groups: Sequence[Group]) -> str:
    """Format the table of methods as a LaTeX tabular, which needs the package booktabs.

    Args:
        groups: The groups.

    Returns:
        The tabular, with the cells of `markdown`. Tasks that were not learnt are named in comments
        above it.
    """
    numbers = len(HEADINGS) - len(TEXT_COLUMNS)
    lines = [f"% {warning}" for warning in _warnings(groups)]
    lines += [
        r"\begin{tabular}{" + "l" * len(TEXT_COLUMNS) + "r" * numbers + "}",
        r"\toprule",
        _latex_row(HEADINGS),
        r"\midrule",
    ]
    earlier_scenario = None
    for row in _rows(groups):
        # A rule separates scenarios, which cannot be compared with each other.
        if earlier_scenario not in (None, row[0]):
            lines.append(r"\midrule")
        lines.append(_latex_row(row))
        earlier_scenario = row[0]
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    """Format one row, in which no character of a name is a command."""
    escaped = ["".join(LATEX.get(character, character) for character in cell) for cell in cells]
    return " & ".join(escaped) + r" \\"


def as_csv(groups: Sequence[Group]) -> str:
    """Format one row per group with plain numbers, for spreadsheets and scripts.

    Args:
        groups: The groups.

    Returns:
        CSV with scores in [0, 1], seconds and counts, each with the bounds of its interval. What is
        not known is empty. The last column names tasks that were not learnt.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")  # as all other files are written
    # Three columns of numbers instead of one of text, so that no script has to take it apart.
    columns = [f"{name}{end}" for name in MEASURES for end in ("", " low", " high")]
    writer.writerow(["scenario", "label", "method", "seeds", *columns, "warning"])
    for group in groups:
        cells = []
        for name in MEASURES:
            value = group.values[name]
            cells += [_plain(number) for number in (value.estimate, value.low, value.high)]
        seeds = len(group.results)
        writer.writerow([group.scenario, group.label, group.method, seeds, *cells, group.unlearnt])
    return out.getvalue()


def _plain(number: float) -> str:
    """Write a number with all its digits, and NaN as an empty cell."""
    if math.isnan(number):
        return ""
    return repr(number)
