"""The table of methods as LaTeX, for a paper.

The best numbers are bold: those of rank 1, with all ties. The scenario is a column only if there
are several, and rank and number of seeds only if they are chosen. With a caption or a label, the
tabular is inside a table, and a note below it says what the numbers and the bold ones are.
Otherwise a comment says so.
"""

import re
from collections.abc import Collection, Sequence

from holdfast.reports.layout import (
    Heading,
    Layout,
    TableCell,
    TableRow,
    as_list,
    as_pivot,
    drop_unknown,
    heading_rows,
    known_columns,
)
from holdfast.reports.tables import warnings_about
from holdfast.results.groups import Group
from holdfast.text import shown

USUAL = ("ACC", "BWT", "FWT", "F")  # the columns of a list; FWT only if it is known
REPLACED = {  # characters that LaTeX would act on, or that its fonts lack
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
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "−": "$-$",
    "±": r"$\pm$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "ε": r"$\varepsilon$",
    "η": r"$\eta$",
    "θ": r"$\theta$",
    "λ": r"$\lambda$",
    "μ": r"$\mu$",
    "µ": r"$\mu$",
    "ξ": r"$\xi$",
    "σ": r"$\sigma$",
    "τ": r"$\tau$",
    "ω": r"$\omega$",
}
# After the end of a row, LaTeX reads a bracket or a star as an argument.
ARGUMENT = ("[", "*")
LABEL = re.compile(r"[A-Za-z0-9:._/+-]+")  # what \ref takes without surprises


def latex(
    groups: Sequence[Group],
    columns: Sequence[str] | None = None,
    *,
    pivot: bool = False,
    caption: str = "",
    label: str = "",
    reference: Collection[str] = (),
) -> str:
    r"""Format the table of methods as LaTeX, which needs the package booktabs.

    Args:
        groups: The groups, in the order of the rows.
        columns: Headings of measures, "rank" or "seeds", in their order. None: ACC, BWT, F, and FWT
            if it is known, or ACC in a pivot.
        pivot: Whether there is one row per method, with the scenarios and the sizes of the memory
            side by side.
        caption: The caption.
        label: The label for `\ref`.
        reference: Labels of methods that are no competitors, such as Joint. They are never bold.

    Returns:
        The LaTeX code. Tasks that were not learnt are named in comments above it.

    Raises:
        HoldfastError: There is no such column.
    """
    if pivot:
        layout = as_pivot(groups, known_columns(columns or ["ACC"]), reference)
    else:
        layout = as_list(groups, known_columns(columns or USUAL), reference)
    if columns is None:
        layout = drop_unknown(layout)
    lines = [f"% {warning}" for warning in warnings_about(groups)]
    tabular = _tabular(layout, with_scenario=not pivot and len(layout.scenarios) > 1)
    if not caption and not label:
        lines += [*tabular, f"% {layout.note}"]
        return "\n".join(lines) + "\n"
    lines += [r"\begin{table}", r"\centering"]
    if caption:
        lines.append(rf"\caption{{{escaped(caption)}}}")
    # A label must come after the caption, whose number it refers to.
    if label:
        lines.append(rf"\label{{{label}}}")
    note = rf"\par\smallskip{{\footnotesize {escaped(layout.note)}\par}}"
    lines += [*tabular, note, r"\end{table}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Write a text so that no character of it is a command.

    Args:
        text: Any text, such as a label of a method.

    Example:
        >>> escaped("50 % & more_")
        '50 \\% \\& more\\_'
    """
    visible = shown(text)
    safe = "".join(REPLACED.get(character, character) for character in visible)
    if visible.startswith(ARGUMENT):
        return "{}" + safe
    return safe


def _tabular(layout: Layout, with_scenario: bool) -> list[str]:
    """The lines from `tabular` to its end."""
    named = ["scenario", "method"][not with_scenario :]
    form = "l" * len(named) + "r" * len(layout.headings)
    lines = [rf"\begin{{tabular}}{{{form}}}", r"\toprule"]
    lines += _heading_lines(named, layout.headings)
    lines.append(r"\midrule")
    earlier = ""
    for row in layout.rows:
        # A rule separates scenarios, which cannot be compared with each other.
        if earlier not in ("", row.block):
            lines.append(r"\midrule")
        earlier = row.block
        lines.append(_row(row, with_scenario))
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _heading_lines(named: Sequence[str], headings: Sequence[Heading]) -> list[str]:
    """One row per level of the headings, in which equal neighbours are joined."""
    *outer, innermost = heading_rows(headings)
    lines = []
    for spans in outer:
        cells = [""] * len(named)
        rules = []
        place = len(named) + 1  # LaTeX counts columns from 1
        for span in spans:
            cells.append(rf"\multicolumn{{{span.width}}}{{c}}{{{escaped(span.text)}}}")
            rules.append(rf"\cmidrule(lr){{{place}-{place + span.width - 1}}}")
            place += span.width
        lines += [_joined(cells), " ".join(rules)]
    names = [*named, *(span.text for span in innermost)]
    lines.append(_joined([escaped(name) for name in names]))
    return lines


def _row(row: TableRow, with_scenario: bool) -> str:
    """One row of numbers, with the best ones in bold."""
    named = [row.block, row.name][not with_scenario :]
    return _joined([*(escaped(name) for name in named), *(_cell(cell) for cell in row.cells)])


def _cell(cell: TableCell) -> str:
    """A number, in bold if it is among the best of its column."""
    text = escaped(cell.text)
    if cell.best:
        return rf"\textbf{{{text}}}"
    return text


def _joined(cells: Sequence[str]) -> str:
    """Put cells into one line of a tabular."""
    return " & ".join(cells) + r" \\"
