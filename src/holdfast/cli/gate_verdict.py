"""What `holdfast gate` does with a verdict: keep it in all its places, and print it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.gate_request import Request
from holdfast.errors import HoldfastError
from holdfast.files import write_text
from holdfast.text import safe_name, shown

if TYPE_CHECKING:
    from holdfast.gate import Side, Verdict
    from holdfast.gate.joining import Comparison
    from holdfast.integrations.mlflow_promotion import Promotion
    from holdfast.ledger import History, Release

MOST_LINES = 200  # of each kind that are printed


def deliver(
    verdict: "Verdict",
    request: Request,
    sides: "tuple[Side, Side]",
    releases: "Sequence[Release]",
    found: "Comparison",
) -> list[str]:
    """Write a verdict to the ledger, to MLflow and to a folder, as far as they were asked for.

    Args:
        verdict: The verdict.
        request: What was asked for.
        sides: Champion and candidate.
        releases: The releases of the ledger, for the page.
        found: The scores that were compared, for the comment.

    Returns:
        A line about each place; none for a dry run.

    Raises:
        HoldfastError: A place could not be written.
    """
    # A dry run shows the verdict, but leaves no trace of it anywhere.
    if request.keeping.dry_run:
        return []
    candidate = sides[1]
    page = {}
    if request.keeping.html and (request.keeping.out is not None or request.mlflow_run is not None):
        page["verdict.html"] = _page(verdict, _history(request, candidate, releases))
    lines = []
    # Without a name for the candidate, the ledger is only asked for the champion.
    if request.sources.ledger is not None and request.keeping.release is not None:
        lines.append(_keep(verdict, request, candidate))
    if request.mlflow_run is not None:
        from holdfast.integrations.mlflow import write_back

        write_back(verdict, request.mlflow_run, page)
        lines.append(f"The verdict is written to MLflow: {safe_name(request.mlflow_run)}")
    if request.comment is not None:
        from holdfast.gate.comment import as_comment

        write_text(request.comment, as_comment(verdict, found, request.keeping.show_inputs))
        lines.append(f"The comment is in {safe_name(str(request.comment))}.")
    # The folder comes last: a verdict that could not be kept elsewhere must not look final there.
    if request.keeping.out is not None:
        from holdfast.gate.outputs import write

        write(verdict, request.keeping.out, page)
        lines.append(f"The verdict and its report are in {safe_name(str(request.keeping.out))}.")
    return lines


def begin_anew(out: Path | None, comment: Path | None) -> None:
    """Remove an older verdict before anything is read.

    Args:
        out: The folder of the verdict, if one is written.
        comment: The file of the comment, if one is written.

    Raises:
        HoldfastError: A file could not be written.
    """
    from holdfast.gate.comment import broken_comment
    from holdfast.gate.outputs import UNDECIDED, begin

    if out is not None:
        begin(out)
    if comment is not None:
        write_text(comment, broken_comment(UNDECIDED))


def is_comment(path: Path) -> bool:
    """Whether a file is a comment of an earlier verdict."""
    from holdfast.gate.comment import MARK

    try:
        with path.open("rb") as stream:
            return stream.read(len(MARK)) == MARK.encode()
    except OSError:
        # What cannot be read may be anything, so it is not replaced.
        return False


def give_up_on(out: Path | None, comment: Path | None, reason: str) -> None:
    """Leave nothing that looks like a pass.

    Args:
        out: The folder of the verdict, if one is written.
        comment: The file of the comment, if one is written.
        reason: Why there is no verdict.

    Raises:
        HoldfastError: A file could not be written.
    """
    from holdfast.gate.comment import broken_comment
    from holdfast.gate.outputs import give_up

    if out is not None:
        give_up(out, reason)
    if comment is not None:
        write_text(comment, broken_comment(reason))


def promote(promotion: "Promotion", verdict: "Verdict") -> str:
    """Move an alias of MLflow's registry, if the candidate passed.

    Args:
        promotion: The move.
        verdict: The verdict, which is kept already.

    Returns:
        A line that says whether the alias was moved.

    Raises:
        HoldfastError: The alias could not be moved.
    """
    from holdfast.gate.markdown import in_markdown
    from holdfast.gate.outputs import add_to_summary

    try:
        return promotion.move(verdict)
    except HoldfastError as error:
        # The summary of a step in CI is only ever added to, and it shows the verdict already.
        add_to_summary(f"**Not promoted:** {in_markdown(str(error))}\n")
        raise


def _keep(verdict: "Verdict", request: Request, candidate: "Side") -> str:
    """Keep a verdict in the ledger, and say whether it was there already."""
    from holdfast.ledger import Ledger

    release = request.keeping.release or ""
    kept = Ledger(request.sources.ledger or "").keep_verdict(
        request.sources.model or "",
        release,
        verdict.to_json(),
        champion=verdict.champion_release,
        results=candidate.rows,
    )
    return f"The verdict on {safe_name(release)} is {kept} in the ledger."


def _page(verdict: "Verdict", history: "History | None") -> str:
    """Make the page of a verdict, with earlier releases if there is a ledger."""
    from holdfast.reports.gate import gate_html

    return gate_html(verdict, history)


def _history(
    request: Request, candidate: "Side", releases: "Sequence[Release]"
) -> "History | None":
    """Give the history of a model as it would be with the candidate as its newest release."""
    # Only a ledger knows earlier releases.
    if request.sources.ledger is None:
        return None
    from holdfast.ledger import following, history

    # The candidate is no release yet, and its name on the page says so.
    name = "candidate"
    if request.keeping.release:
        name = f"{request.keeping.release} (candidate)"
    newest = following(request.sources.model or "", candidate, request.sources.tasks, name)
    return history([*releases, newest])


def print_verdict(verdict: "Verdict", delivered: Sequence[str]) -> None:
    """Print a verdict with its reasons, and where it is kept.

    Args:
        verdict: The verdict.
        delivered: The lines of `deliver`.
    """
    from holdfast.gate.outputs import note_of

    print(shown(verdict.headline))
    _print_first([f"  {shown(reason)}" for reason in verdict.reasons])
    _print_first([f"  warning: {shown(warning)}" for warning in verdict.warnings])
    rows = []
    for row in verdict.tasks:
        # Segments and classes stand below their task.
        indent = "  "
        if row.nested:
            indent = "    "
        decision = row.decision + note_of(row)
        rows.append(f"{indent}{decision:12} {shown(row.label)}: {shown(row.reason)}")
    _print_first(rows)
    for line in delivered:
        print(line)
    # If the reader of the output is gone, this is where the command finds out.
    sys.stdout.flush()


def _print_first(lines: Sequence[str]) -> None:
    """Print as many lines as somebody may read in a terminal or a log."""
    for line in lines[:MOST_LINES]:
        print(line)
    if len(lines) > MOST_LINES:
        hidden = len(lines) - MOST_LINES
        print(f"  and {hidden:,} more; --out writes all of them to verdict.json")
