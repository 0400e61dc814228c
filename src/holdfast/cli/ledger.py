"""`holdfast record` and `holdfast history`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import HoldfastError
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.ledger import History, Judgement

Url = Annotated[str, typer.Option("--ledger", help="The ledger: sqlite:///ledger.db, or postgresql+psycopg://user@host/database.")]
Model = Annotated[str, typer.Option(help="The model's name.")]


def record(
    model: Model,
    release: Annotated[str, typer.Option(help="The release's name: a date, a version, a commit.")],
    results: Annotated[Path, typer.Option(help="Its results (csv, parquet, jsonl), as for the gate.")],
    ledger: Url = "sqlite:///ledger.db",
    trained_on: Annotated[str | None, typer.Option(help="Tasks that this release was trained on: a,b.")] = None,
    amend: Annotated[bool, typer.Option("--amend", help="Add other results for a release that is there; the old ones are kept.")] = False,
) -> None:
    """Add a release's results to the ledger; the same ones again change nothing."""
    from holdfast.gate.reading import read_results
    from holdfast.ledger import Ledger

    tasks = tuple(t.strip() for t in (trained_on or "").split(",") if t.strip())
    rows = read_results(results)  # before a ledger is made
    done = Ledger(ledger).record(model, release, rows, tasks, amend)
    print(f"{done}: {shown(model)}, release {shown(release)}")


def history(
    model: Model,
    ledger: Url = "sqlite:///ledger.db",
    threshold: Annotated[float, typer.Option(min=0, max=1, help="A drop from which on a task counts as lost (0.02: two points).")] = 0.02,
    html: Annotated[Path | None, typer.Option(help="Write a page with the matrix of releases and the verdicts.")] = None,
) -> None:
    """Show releases × tasks, backward transfer release by release, and which release lost what first."""
    from holdfast.ledger import Ledger
    from holdfast.ledger import history as find

    held = Ledger(ledger, create=False)
    found, verdicts = find(held.releases(model), threshold), held.verdicts(model)
    _print(found, verdicts)
    if html is not None:
        from holdfast.reports.history import history_html

        try:
            html.parent.mkdir(parents=True, exist_ok=True)
            html.write_text(history_html(asdict(found), [asdict(v) for v in verdicts]), encoding="utf-8")
        except OSError as error:
            raise HoldfastError(f"{html} could not be written: {error.strerror}") from None
        print(f"report: {html}")


def _print(found: "History", verdicts: "list[Judgement]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    print(f"{shown(found.model)}: scores (%) of every release on every task")
    table = Table()
    for heading in ("release", *found.tasks, "BWT"):
        table.add_column(Text(shown(heading)), justify="left" if heading == "release" else "right")
    for name, row, transfer in zip(found.releases, found.scores, found.transfer, strict=True):
        cells = ["–" if v is None else f"{100 * v:.1f}" for v in row]
        table.add_row(Text(shown(name)), *cells, "–" if transfer is None else f"{100 * transfer:+.1f}".replace("-", "−"))
    Console().print(table)
    for loss in found.losses:
        learnt = f"(learnt in {shown(loss.learnt)})"
        print(f"{shown(loss.task)}: {100 * loss.drop:.1f} points lost first by release {shown(loss.release)} {learnt}")
    if not found.losses:
        print("no release lost a task")
    for v in verdicts:
        print(f"candidate {shown(v.candidate)} against {shown(v.champion)}: {v.decision}, {v.recorded[:10]}")
