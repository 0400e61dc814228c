"""The command line: every command with its examples.

Heavy packages are imported inside the commands, so that `holdfast --help` is fast. Commands raise
errors, and `holdfast.cli.border` turns them into messages and exit codes.
"""

from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from holdfast import __version__
from holdfast.cli.advise import advise
from holdfast.cli.border import at_border
from holdfast.cli.bundles import InSections
from holdfast.cli.check_method import check_method
from holdfast.cli.data import app as data
from holdfast.cli.diagnose import diagnose
from holdfast.cli.examples import examples
from holdfast.cli.gate import app as gate
from holdfast.cli.gate import leave_no_old_verdict
from holdfast.cli.learn import learn, predict
from holdfast.cli.ledger import history, record
from holdfast.cli.methods import methods
from holdfast.cli.metrics import metrics
from holdfast.cli.new_method import new_method
from holdfast.cli.order import app as order
from holdfast.cli.report import report
from holdfast.cli.runs import bench, run
from holdfast.cli.stage import app as stage

app = typer.Typer(
    name="holdfast",
    no_args_is_help=True,
    # Completion would add two options to every help that few people use.
    add_completion=False,
    # Errors are printed by the border, in one line each.
    pretty_exceptions_enable=False,
    # Plain help fits any terminal and any encoding.
    rich_markup_mode=None,
    help="Measure and prevent forgetting in models that keep being trained, and decide whether a "
    "retrained model may be released.",
    epilog=examples(
        'holdfast run --method "ER(500)" --scenario class --out runs/er',
        "holdfast gate --champion champion.parquet --candidate candidate.parquet",
        "holdfast advise",
    ),
)


def run_cli(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command `holdfast`; see `holdfast.cli.border` for its exit codes.

    Args:
        arguments: The words after the program's name. By default, those of this process.

    Raises:
        SystemExit: Always, with the exit code.
    """
    at_border(app, arguments, leave_no_old_verdict)


def _print_version(wanted: bool) -> None:
    """Print the version and end, if that is what the user asked for."""
    if wanted:
        print(f"holdfast {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
]


@app.callback()
def _root(version: Version = False) -> None:
    """Take the options that belong to no command."""


# The help lists the commands in this order: train, look at results, release, plan.
app.command(
    cls=InSections,
    epilog=examples(
        'holdfast run --method "ER(500)" --scenario class --seeds 1-3 --out runs/er',
        'holdfast run --method "EWC(1)" --scenario task --sweep strength=1,10 --validation 0.1',
    ),
)(run)
app.command(
    cls=InSections,
    epilog=examples(
        "holdfast bench --list",
        "holdfast bench demo --seeds 1-3 --out runs/demo",
        "holdfast bench --new mysuite.toml",
    ),
)(bench)
app.command(
    cls=InSections,
    epilog=examples(
        'holdfast learn --model model.hf --data 2026-11/ --method "ER(200)"',
        "holdfast learn --model model.hf --data 2026-12/",
    ),
)(learn)
app.command(
    epilog=examples(
        "holdfast predict --model model.hf --data 2026-12/",
        "holdfast predict --model model.hf --data photos/ --out labels.csv",
    )
)(predict)
app.command(
    cls=InSections,
    epilog=examples(
        "holdfast report runs/demo --out report.html",
        "holdfast report runs/before runs/after",
        "holdfast report runs/demo --pivot --columns ACC,BWT --latex table.tex",
    ),
)(report)
app.command(epilog=examples("holdfast methods", "holdfast methods ER"))(methods)
app.command(
    epilog=examples(
        "holdfast new-method PullToZero",
        "holdfast new-method MyReplay --family replay",
    )
)(new_method)
app.command(
    epilog=examples(
        'holdfast check-method "mine:PullToStart(0.1)" --scenarios task',
    )
)(check_method)
app.command(
    epilog=examples(
        "holdfast advise --no-task-id --new-classes --store 200",
        "holdfast advise --train train.parquet --serve serve.parquet --task shop",
    )
)(advise)
app.add_typer(gate, name="gate")
app.command(
    epilog=examples(
        "holdfast record --model fraud --release 2026-11 --results results.parquet",
    )
)(record)
app.command(
    epilog=examples(
        "holdfast history --model fraud",
        "holdfast history --model fraud --threshold 0.05 --html history.html",
    )
)(history)
app.command(
    epilog=examples(
        "holdfast diagnose runs/er",
        "holdfast diagnose runs/er --what interference,layers",
    )
)(diagnose)
app.command(
    epilog=examples(
        "holdfast metrics scores.csv --chance 0.1",
        "holdfast metrics scores.csv --score-range 0,100",
    )
)(metrics)
app.add_typer(data, name="data")
app.add_typer(order, name="order")
app.add_typer(stage, name="stage")


if __name__ == "__main__":
    run_cli()
