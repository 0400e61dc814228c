"""The command line. Heavy packages are imported inside the commands; a user's mistake is one message and exit code 2."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from holdfast import __version__
from holdfast.cli.advise import advise
from holdfast.cli.border import at_border
from holdfast.cli.bundles import InSections
from holdfast.cli.diagnose import diagnose
from holdfast.cli.gate import gate, leave_no_old_verdict
from holdfast.cli.given import note, on_line
from holdfast.cli.ledger import history, record
from holdfast.cli.order import app as order
from holdfast.cli.runs import bench, run
from holdfast.cli.work import Tolerance
from holdfast.errors import HoldfastError
from holdfast.files import write_text

app = typer.Typer(
    name="holdfast",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Measure, prevent and gate forgetting in models that keep being trained.",
)


def run_cli(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the command `holdfast`; see `holdfast.cli.border` for its exit codes."""
    at_border(app, arguments, leave_no_old_verdict)


def _version(shown: bool) -> None:
    if shown:
        print(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command(cls=InSections)(run)
app.command()(bench)


@app.command()
def report(
    context: typer.Context,
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders with results. Two: the second is compared with the first."),
    ],
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Title of the report.")] = "Holdfast report",
    merge: Annotated[
        bool,
        typer.Option(
            "--merge", help="Take all folders as one set of runs, rather than compare two."
        ),
    ] = False,
    tolerance: Tolerance = 5.0,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as Markdown as well.")
    ] = False,
    latex: Annotated[
        Path | None, typer.Option(help="Write the table as LaTeX to this file.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table as CSV to this file.")] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Write every figure as PNG and SVG into this folder.")
    ] = None,
) -> None:
    """Write the HTML report of finished runs; with two folders, compare them."""
    from dataclasses import replace

    from holdfast import reports, results

    if merge and len(folders) != 2:
        note([f"--merge has no effect: {len(folders)} folders are one set of runs anyway"])
    sets = (
        [results.summarise(results.load_results([f])) for f in folders]
        if len(folders) == 2 and not merge
        else []
    )
    differences = results.compare_folders(sets[0], sets[1]) if sets else []
    if sets and not differences:
        raise HoldfastError(
            f"{folders[0]} and {folders[1]} share no method, scenario and seed; to pool them, add --merge"
        )
    if sets:
        groups = [
            replace(g, label=f"{g.label} · {n}")
            for g, n in ((g, n) for gs, n in zip(sets, "AB", strict=True) for g in gs)
        ]
        groups.sort(
            key=lambda g: [("task", "domain", "class").index(g.scenario), -g.values["ACC"].estimate]
        )
    else:
        groups = results.summarise(results.load_results(folders))
    if on_line(context, "tolerance") and not any(
        results.select(s, 1.0) for s in results.find_sweeps(groups)
    ):
        note(["--tolerance has no effect: it is for selections from a sweep with validation data"])
    if markdown:
        print(reports.markdown(groups), end="")
    for path, table in ((latex, reports.latex), (csv, reports.as_csv)):
        if path is not None:
            write_text(path, table(groups))
    if figures is not None:
        from holdfast.reports.figure_list import save_all

        print(f"figures: {len(save_all(groups, figures))} files in {figures}")
    if differences:
        from holdfast.cli.tables import print_differences

        print_differences(differences)
    about = f"A: {folders[0]}; B: {folders[1]}" if sets else ""
    print(
        f"report: {reports.write_report(groups, out, title, about, tolerance / 100, differences)}"
    )


@app.command()
def methods() -> None:
    """List the methods: scenarios, what they need, how they grow, the paper."""
    from holdfast.cli.tables import print_methods

    print_methods()


app.command()(advise)
app.command()(gate)
app.command()(record)
app.command()(history)
app.command()(diagnose)
app.add_typer(order, name="order")


@app.command()
def metrics(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with columns task, after, score (and examples, segment), or a matrix as JSON."
        ),
    ],
    chance: Annotated[
        float | None,
        typer.Option(help="The score of guessing, for forward transfer and what was learnt."),
    ] = None,
    score_range: Annotated[
        str, typer.Option(help="Lowest and highest score, such as 0,1 or 0,100.")
    ] = "0,1",
) -> None:
    """Print transfer, forgetting and the rest for scores from anywhere. Needs no PyTorch."""
    from holdfast.cli.tables import print_summary
    from holdfast.metrics import AccuracyMatrix

    try:
        low, high = (float(v) for v in score_range.split(","))
    except ValueError:
        raise HoldfastError(
            f"--score-range {score_range!r} cannot be read; expected two numbers such as 0,100"
        ) from None
    is_json = file.suffix == ".json"
    if is_json and on_line(context, "score_range"):
        raise HoldfastError(
            "--score-range is for CSV files; a matrix as JSON has its own score_range"
        )
    matrix = (
        AccuracyMatrix.from_json(file)
        if is_json
        else AccuracyMatrix.from_csv(file, score_range=(low, high))
    )
    print_summary(matrix, chance)


if __name__ == "__main__":
    run_cli()
