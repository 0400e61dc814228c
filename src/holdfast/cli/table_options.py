"""Options of `holdfast report` for the table of methods: what is in it, and where it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.lists import names_or_none
from holdfast.errors import HoldfastError
from holdfast.files import write_text

if TYPE_CHECKING:
    from holdfast.results import Group

PANEL = "Tables"
Methods = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=PANEL,
        help="Show only these methods, in this order, by label, such as FineTune,ER.",
    ),
]
Scenarios = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=PANEL,
        help="Show only these scenarios, in this order, such as class,task.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=PANEL,
        help="Columns of the tables below, in this order: some of rank, seeds, ACC, BWT, FWT, F, "
        "worst, time, parameters, bytes.",
    ),
]
Pivot = Annotated[
    bool,
    typer.Option(
        "--pivot",
        rich_help_panel=PANEL,
        help="Print one row per method, with scenarios and memory sizes side by side. The tables "
        "below then have this form, too.",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=PANEL,
        help="Methods that are no competitors, such as Joint. They are never bold.",
    ),
]
Markdown = Annotated[
    bool,
    typer.Option(
        "--markdown",
        rich_help_panel=PANEL,
        help="Also print the table of methods as Markdown.",
    ),
]
Latex = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Also write the table of methods as LaTeX to this file, with the best in bold.",
    ),
]
Caption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", rich_help_panel=PANEL, help="Caption of the LaTeX table."),
]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PANEL,
        help="Label of the LaTeX table, such as tab:mnist.",
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Also write the table of methods as CSV to this file.",
    ),
]


@dataclass(frozen=True)
class Tables:
    """What is in the table of methods, and where it is written. Each field is an option."""

    methods: Methods = None
    scenarios: Scenarios = None
    columns: Columns = None
    pivot: Pivot = False
    reference: Reference = None
    markdown: Markdown = False
    latex: Latex = None
    caption: Caption = None
    label: Label = None
    csv: Csv = None

    def chosen(self, groups: "Sequence[Group]") -> "list[Group]":
        """Choose the groups that the user wants to see.

        Raises:
            HoldfastError: No group has one of the methods or scenarios.
        """
        from holdfast.results.memory_sizes import chosen

        return chosen(groups, names_or_none(self.methods), names_or_none(self.scenarios))

    def check(self) -> None:
        """Refuse wrong names of columns and labels, before anything is read or written.

        Raises:
            HoldfastError: There is no such column, or the label is none for LaTeX.
        """
        from holdfast.reports.latex import LABEL
        from holdfast.reports.layout import known_columns

        columns = names_or_none(self.columns)
        if columns is not None:
            known_columns(columns)
        if self.label is not None and not LABEL.fullmatch(self.label):
            raise HoldfastError(
                f"label {self.label!r} cannot be used in LaTeX; expected letters, digits and "
                ":._/+- such as tab:mnist"
            )

    def idle(self) -> list[str]:
        """Name the options that have no effect because no table is asked for that they describe."""
        lines = []
        if self.latex is None and self.caption is not None:
            lines.append("--caption has no effect without --latex")
        if self.latex is None and self.label is not None:
            lines.append("--label has no effect without --latex")
        table = self.pivot or self.markdown or self.latex is not None
        if self.columns is not None and not table and self.csv is None:
            lines.append("--columns has no effect without --pivot, --markdown, --latex or --csv")
        # Only these two set the best in bold.
        bold = self.latex is not None or self.pivot
        if self.reference is not None and not bold:
            lines.append("--reference has no effect without --latex or --pivot")
        return lines

    def write(self, groups: "Sequence[Group]") -> None:
        """Print and write the tables that were asked for.

        Args:
            groups: The groups, in the order of the rows.

        Raises:
            HoldfastError: A file could not be written, or no method is called as in --reference.
        """
        from holdfast import reports
        from holdfast.cli.printing import print_unlearnt
        from holdfast.cli.tables import print_pivot
        from holdfast.results import advice_on
        from holdfast.results.memory_sizes import chosen

        columns = names_or_none(self.columns)
        # Chosen as by --methods, so that a misspelt name is refused here as well.
        no_competitors = chosen(groups, names_or_none(self.reference) or ())
        reference = [group.label for group in no_competitors]
        # The table as Markdown ends with a line break of its own, and is a pivot as well.
        if self.markdown:
            print(reports.markdown(groups, columns, self.pivot, reference), end="")
        elif self.pivot:
            unlearnt = [group.unlearnt for group in groups if group.unlearnt]
            print_unlearnt(unlearnt, advice_on(groups))
            print_pivot(groups, columns or ["ACC"], reference)
        if self.latex is not None:
            text = reports.latex(
                groups,
                columns,
                pivot=self.pivot,
                caption=self.caption or "",
                label=self.label or "",
                reference=reference,
            )
            write_text(self.latex, text)
        if self.csv is not None:
            write_text(self.csv, reports.as_csv(groups, columns, self.pivot))
