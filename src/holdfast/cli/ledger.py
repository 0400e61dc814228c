"""`holdfast record` and `holdfast history`: a model's releases in a ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.lists import split_names
from holdfast.cli.printing import print_table
from holdfast.files import write_page
from holdfast.text import percent, points, safe_name, shown

if TYPE_CHECKING:
    from holdfast.ledger import Column, History, Judgement

Ledger = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="The ledger: sqlite:///FILE for a file, or postgresql+psycopg://USER@HOST/DATABASE.",
    ),
]
Model = Annotated[str, typer.Option(metavar="NAME", help="Name of the model in the ledger.")]
Release = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Name of the release, such as a date, a version or a commit."
    ),
]
Results = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="Results of the release in a format that the gate reads: CSV, Parquet, JSON lines, "
        "or a matrix as JSON.",
    ),
]
TrainedOn = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Names of the tasks that this release was trained on.",
    ),
]
Amend = Annotated[
    bool,
    typer.Option(
        "--amend",
        help="Correct the results of a release that is recorded already. The old ones are kept.",
    ),
]
# A reason is required instead of a mere flag, because it is shown with the release for good.
Override = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help="Why the results are recorded although a candidate failed the gate, a column is "
        "left out, or --amend lowers a score. The reason is kept and shown.",
    ),
]
# The default of 2 points is the loss that the standard policy of the gate allows.
Threshold = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        metavar="SHARE",
        help="Smallest drop of a score that is listed as a loss. 0.02 means 2 points.",
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write a page with all releases, tasks, segments and verdicts.",
    ),
]
# A file needs no server, so recording works without any preparation.
SQLITE_FILE = "sqlite:///ledger.db"


def record(
    model: Model,
    release: Release,
    results: Results,
    ledger: Ledger = SQLITE_FILE,
    trained_on: TrainedOn = None,
    amend: Amend = False,
    override: Override = None,
) -> None:
    """Add the results of a release to a ledger.

    Use this whenever you put a model into production. The gate can then take the newest release
    as the champion, and holdfast history shows which release lost what. Recording the same
    results again changes nothing. The ledger is made if it does not exist.
    """
    from holdfast.gate.reading import read_results
    from holdfast.ledger import Ledger as Releases
    from holdfast.ledger.records import checked_reason

    tasks = tuple(split_names(trained_on or ""))
    reason = ""
    if override is not None:
        reason = checked_reason(override)
    # Results that cannot be read must not leave an empty ledger behind.
    rows = read_results(results)
    done = Releases(ledger).record(model, release, rows, tasks, amend, reason)
    print(f"{done}: {shown(model)}, release {shown(release)}")


def history(
    model: Model,
    ledger: Ledger = SQLITE_FILE,
    threshold: Threshold = 0.02,
    html: Html = None,
) -> None:
    """Show which release of a model lost what.

    Use this to find out when a task or a segment got worse. You see the score of every release
    on every task, each loss with the release that brought it, and the verdicts of the gate.
    """
    from holdfast.ledger import Ledger as Releases
    from holdfast.ledger import history as history_of

    # Looking must not make a ledger where there is none.
    opened = Releases(ledger, mode="read")
    releases = history_of(opened.releases(model), threshold)
    verdicts = opened.verdicts(model)
    _print_history(releases, verdicts)
    if html is not None:
        from holdfast.reports.history import history_html

        write_page(html, history_html(releases, verdicts))
        print(f"report: {safe_name(str(html))}")


def _print_history(history: "History", verdicts: "Sequence[Judgement]") -> None:
    """Print the scores of all releases, what was lost, and what the gate decided."""
    print(f"{shown(history.model)}: score (%) of each release on each task")
    _print_releases(history)
    # Segments have a table of their own, because they would make that of tasks too wide.
    if any(column.segment for column in history.columns):
        print("Tasks and segments: score when learnt, newest score, and the change in points")
        _print_segments(history)
    _print_losses(history)
    for release, reason in zip(history.releases, history.overrides, strict=True):
        if reason:
            print(f"release {shown(release)} was recorded with --override: {shown(reason)}")
    for verdict in verdicts:
        # The first ten characters of the time are the date.
        print(
            f"candidate {shown(verdict.candidate)} against {shown(verdict.champion)}: "
            f"{shown(verdict.decision)}, {verdict.recorded[:10]}"
        )


def _print_losses(history: "History") -> None:
    """Print the worst losses, one per line."""
    from holdfast.reports.history import LOSSES, loss_sentences

    if not history.losses:
        print("No release has lost a task or a segment.")
    for sentence in loss_sentences(history.losses[:LOSSES]):
        print(shown(sentence))
    if len(history.losses) > LOSSES:
        print(f"and {len(history.losses) - LOSSES} more losses")


def _print_releases(history: "History") -> None:
    """Print a table with one row per release and one column per task."""
    # BWT compares with when tasks were learnt, so it belongs to a release and no task.
    rows = []
    for name, scores, transfer in zip(
        history.releases, history.scores, history.transfer, strict=True
    ):
        rows.append([name, *(percent(score, 1) for score in scores), points(transfer, 1)])
    print_table(["release", *history.tasks, "BWT"], rows)


def _print_segments(history: "History") -> None:
    """Print a table with one row per task, and below it its segments."""
    from holdfast.reports.history import nested

    rows = []
    for task in nested(history.columns):
        rows += [_row_of(column, history.releases) for column in task.all]
        if task.hidden:
            rows.append([f"  and {task.hidden} more, which lost less", "", "", "", ""])
    print_table(["task", "learnt", "newest", "change", "release"], rows)


def _row_of(column: "Column", releases: Sequence[str]) -> list[str]:
    """Say how far a task or segment is from where it was when it was learnt."""
    name = column.task
    if column.segment:
        name = f"  {column.segment}"
    # Later releases may lack the task, so its newest score need not be that of the newest release.
    tested = [number for number, score in enumerate(column.scores) if score is not None]
    newest = tested[-1]
    return [
        name,
        percent(column.scores[column.learnt], 1),
        percent(column.scores[newest], 1),
        points(column.changes[newest], 1),
        releases[newest],
    ]
