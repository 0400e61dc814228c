"""`holdfast report`: a page about finished runs, or about the difference between two folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.bundles import options_of, with_bundles
from holdfast.cli.command_line import note, on_line
from holdfast.cli.table_options import Tables
from holdfast.cli.work import Tolerance
from holdfast.errors import HoldfastError
from holdfast.text import safe_name

if TYPE_CHECKING:
    from holdfast.results import Difference, Group

Folders = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER",
        help="Folders with the results of runs. If there are two, the second is compared with the "
        "first.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")]
Title = Annotated[str, typer.Option(metavar="TEXT", help="Title of the page.")]
Merge = Annotated[
    bool,
    typer.Option(
        "--merge", help="With two folders: treat them as one set of runs, and compare nothing."
    ),
]
Figures = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Also write every figure as PNG and as SVG into this folder."
    ),
]


@with_bundles(tables=options_of(Tables))
def report(
    context: typer.Context,
    folders: Folders,
    out: Out = Path("report.html"),
    title: Title = "Holdfast report",
    merge: Merge = False,
    tolerance: Tolerance = 5.0,
    figures: Figures = None,
    *,
    tables: Tables,
) -> None:
    """Write a page about finished runs, or compare two.

    Use this after holdfast run or holdfast bench, to share results or to see what a change of
    your code did. The page is one HTML file with tables and figures. Runs in two folders are
    compared if they have the same method, scenario and seed.
    """
    from holdfast.reports import write_report

    # One folder, or three, are never compared.
    if merge and len(folders) != 2:
        note([f"--merge has no effect: there is no comparison with {len(folders)} folders"])
    tables.check()
    groups, differences = _read(folders, merge, tables)
    _note_idle(context, groups)
    note(tables.idle())
    tables.write(groups)
    # Drawing takes seconds, so it is asked for.
    if figures is not None:
        from holdfast.reports.figure_list import save_all

        print(f"figures: {len(save_all(groups, figures))} files in {safe_name(str(figures))}")
    # A page about one set of runs has nothing to explain.
    description = ""
    if differences:
        from holdfast.cli.tables import print_differences

        print_differences(differences)
        description = f"A: {folders[0]}; B: {folders[1]}"
    page = write_report(groups, out, title, description, tolerance / 100, differences)
    print(f"report: {safe_name(str(page))}")


def _read(
    folders: Sequence[Path], merge: bool, tables: Tables
) -> "tuple[list[Group], list[Difference]]":
    """Read runs, and compare them if they are in two folders."""
    from holdfast.results import compare_folders, load_results, side_by_side, summarise

    if len(folders) != 2 or merge:
        return tables.chosen(summarise(load_results(folders))), []
    # Read together, runs of the same settings would be pooled instead of compared.
    first = tables.chosen(summarise(load_results(folders[:1])))
    second = tables.chosen(summarise(load_results(folders[1:])))
    differences = compare_folders(first, second)
    if not differences:
        names = " and ".join(safe_name(str(folder)) for folder in folders)
        raise HoldfastError(
            f"{names} have no run of the same method, scenario and seed, so there is nothing to "
            "compare; add --merge to show all runs in one report"
        )
    return side_by_side(first, second), differences


def _note_idle(context: typer.Context, groups: "Sequence[Group]") -> None:
    """Name an option that has no effect on these runs."""
    from holdfast.results import find_sweeps, select

    # With a tolerance of 1, every value of a sweep with validation data can be selected.
    selections = [select(sweep, 1.0) for sweep in find_sweeps(groups)]
    if on_line(context, "tolerance") and not any(selections):
        note(["--tolerance has no effect: it is for selections from a sweep with validation data"])
