"""`holdfast record` and `holdfast history`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.files import write_page
from holdfast.text import percent, points, safe_name, shown

if TYPE_CHECKING:
    from holdfast.ledger import History, Judgement

Url = Annotated[
    str,
    typer.Option(
        "--ledger",
        help="The ledger: sqlite:///ledger.db, or postgresql+psycopg://user@host/database.",
    ),
]
Model = Annotated[str, typer.Option(help="The model's name.")]


def record(
    model: Model,
    release: Annotated[str, typer.Option(help="The release's name: a date, a version, a commit.")],
    results: Annotated[
        Path, typer.Option(help="Its results, as for the gate: csv, parquet, jsonl.")
    ],
    ledger: Url = "sqlite:///ledger.db",
    trained_on: Annotated[
        str | None,
        typer.Option(help="Tasks that this release was trained on: a,b."),
    ] = None,
    amend: Annotated[
        bool,
        typer.Option("--amend", help="Correct the results of a release; the old ones are kept."),
    ] = False,
    override: Annotated[
        str | None,
        typer.Option(
            help="The reason for recording results although a candidate failed the gate, a column "
            "is left out, or --amend lowers a score. It is kept and shown."
        ),
    ] = None,
) -> None:
    """Add a release's results to the ledger; the same ones again change nothing."""
    from holdfast.gate.reading import read_results
    from holdfast.ledger import Ledger
    from holdfast.ledger.records import checked_reason

    tasks = tuple(t.strip() for t in (trained_on or "").split(",") if t.strip())
    reason = "" if override is None else checked_reason(override)
    rows = read_results(results)  # before a ledger is made
    done = Ledger(ledger).record(model, release, rows, tasks, amend, reason)
    print(f"{done}: {shown(model)}, release {shown(release)}")


def history(
    model: Model,
    ledger: Url = "sqlite:///ledger.db",
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="A drop that counts as a loss (0.02: two points)."),
    ] = 0.02,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page with releases, tasks, segments and verdicts."),
    ] = None,
) -> None:
    """Show every release on every task and segment, and which release lost what first."""
    from holdfast.ledger import Ledger
    from holdfast.ledger import history as find

    held = Ledger(ledger, mode="read")
    found, verdicts = find(held.releases(model), threshold), held.verdicts(model)
    _print(found, verdicts)
    if html is not None:
        from holdfast.reports.history import history_html

        write_page(html, history_html(asdict(found), [asdict(v) for v in verdicts]))
        print(f"report: {safe_name(str(html))}")


def _print(found: "History", verdicts: "list[Judgement]") -> None:
    from holdfast.reports.history import LOSSES, loss_sentences

    print(f"{shown(found.model)}: scores (%) of every release on every task")
    _print_releases(found)
    if any(c.segment for c in found.columns):
        print("tasks and their segments: score when learnt, newest score, change (points)")
        _print_segments(found)
    for sentence in loss_sentences([asdict(loss) for loss in found.losses[:LOSSES]]):
        print(shown(sentence))
    if len(found.losses) > LOSSES:
        print(f"and {len(found.losses) - LOSSES} more losses")
    if not found.losses:
        print("no release lost a task or a segment")
    for release, reason in zip(found.releases, found.overrides, strict=True):
        if reason:
            print(f"release {shown(release)} was recorded with --override: {shown(reason)}")
    for v in verdicts:
        what = f"candidate {shown(v.candidate)} against {shown(v.champion)}"
        print(f"{what}: {shown(v.decision)}, {v.recorded[:10]}")


def _print_releases(found: "History") -> None:
    rows = [
        [name, *(percent(score, 1) for score in scores), points(transfer, 1)]
        for name, scores, transfer in zip(found.releases, found.scores, found.transfer, strict=True)
    ]
    _print_table(["release", *found.tasks, "BWT"], rows)


def _print_segments(found: "History") -> None:
    from holdfast.reports.history import nested

    rows = []
    for whole, segments, more in nested([asdict(c) for c in found.columns]):
        for column in (whole, *segments):
            newest = max(k for k, score in enumerate(column["scores"]) if score is not None)
            rows.append(
                [
                    f"  {column['segment']}" if column["segment"] else column["task"],
                    percent(column["scores"][column["learnt"]], 1),
                    percent(column["scores"][newest], 1),
                    points(column["changes"][newest], 1),
                    found.releases[newest],
                ]
            )
        if more:
            rows.append([f"  and {more} more, which lost less", "", "", "", ""])
    _print_table(["task", "learnt", "newest", "change", "release"], rows)


def _print_table(headings: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for k, heading in enumerate(headings):
        table.add_column(Text(shown(heading)), justify="right" if k else "left")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    Console().print(table)
