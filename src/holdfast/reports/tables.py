"""The method table in the formats that go into papers, READMEs and spreadsheets."""

import csv
import io
import math
from collections.abc import Sequence

from holdfast.metrics import UNLEARNT_ADVICE
from holdfast.reports.comparison import ranks
from holdfast.reports.results import COLUMNS, Group, show
from holdfast.text import shown

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
}
LATEX |= {"^": r"\textasciicircum{}", "−": "$-$", "±": r"$\pm$", "–": "--"}


def _cells(groups: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    head = ["scenario", "rank", "method", "seeds", *(heading for heading, _ in COLUMNS.values())]
    place: dict[int, str] = {}
    for scenario in dict.fromkeys(g.scenario for g in groups):
        members = [g for g in groups if g.scenario == scenario]
        place |= dict(zip(map(id, members), ranks(members), strict=True))
    rows = [
        [
            g.scenario,
            place[id(g)],
            g.label,
            str(len(g.results)),
            *(show(k, g.values[k]) for k in COLUMNS),
        ]
        for g in groups
    ]
    return head, rows


def _warnings(groups: Sequence[Group]) -> list[str]:
    """What was not learnt, a line per group, and a line that says what that means."""
    found = [f"Warning: {shown(g.unlearnt)}." for g in groups if g.unlearnt]
    return [*found, UNLEARNT_ADVICE] if found else []


def markdown(groups: Sequence[Group]) -> str:
    """The method table as Markdown; scores in points, ± half of the 95 % t interval over seeds; `=` marks ranks that are ties.

    Tasks that were not learnt are named above the table.
    """
    head, rows = _cells(groups)
    lines = [line for warning in _warnings(groups) for line in (warning, "")]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def latex(groups: Sequence[Group]) -> str:
    """The method table as a LaTeX tabular (package booktabs); the same cells as in Markdown.

    Tasks that were not learnt are named in comments above the table.
    """
    head, rows = _cells(groups)

    def line(cells: Sequence[str]) -> str:
        return " & ".join("".join(LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

    body = []
    for k, row in enumerate(rows):
        body += [r"\midrule"] if k and row[0] != rows[k - 1][0] else []
        body.append(line(row))
    return (
        "\n".join(
            [
                *(f"% {warning}" for warning in _warnings(groups)),
                r"\begin{tabular}{lll" + "r" * (len(head) - 3) + "}",
                r"\toprule",
                line(head),
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
            ]
        )
        + "\n"
    )


def as_csv(groups: Sequence[Group]) -> str:
    """One row per group with plain numbers: scores in [0, 1], seconds, counts, each with the bounds of its interval.

    What is not known is empty. The last column names tasks that were not learnt.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "scenario",
            "label",
            "method",
            "seeds",
            *(f"{k}{end}" for k in COLUMNS for end in ("", " low", " high")),
            "warning",
        ]
    )
    for g in groups:
        numbers = [
            n for k in COLUMNS for n in (g.values[k].estimate, g.values[k].low, g.values[k].high)
        ]
        cells = ["" if math.isnan(n) else repr(n) for n in numbers]
        writer.writerow([g.scenario, g.label, g.method, len(g.results), *cells, g.unlearnt])
    return out.getvalue()
