"""A verdict that did not pass, as the message of a failing test."""

from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast.gate import Policy, TaskVerdict, Verdict
from holdfast.gate.markdown import interval_note, note_of
from holdfast.gate.row_decisions import in_words
from holdfast.gate.row_order import by_size
from holdfast.text import shown

WIDTH = 92  # characters of a line; pytest puts eight more before it
MOST_ROWS = 30
MOST_REASONS = 10
MOST_NEEDED = 5  # rows for which the number of examples that would decide is repeated at the end
DECISION_WIDTH = 14  # so that a name keeps its room beside "inconclusive (warning)"
LEAST_NAME = 16


def failure_message(verdict: Verdict, policy: Policy) -> str:
    """Write the message: the decision, its reasons, the rows with the worst first, and what next.

    Args:
        verdict: The verdict, which did not pass.
        policy: The policy by which it was reached.

    Returns:
        Lines of at most 92 characters, without control characters.
    """
    text = StringIO()
    # Nothing in the environment of a test run may colour or widen the message.
    console = Console(
        file=text, width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False
    )
    console.print(Text(_decision(verdict)))
    _print_sentences(console, verdict.reasons, "reasons")
    _print_sentences(console, [f"warning: {one}" for one in verdict.warnings], "warnings")
    console.print()
    rows = _worst_first(verdict)
    console.print(_table(rows[:MOST_ROWS]))
    if len(rows) > MOST_ROWS:
        console.print(Text(f"{len(rows) - MOST_ROWS:,} more rows are not shown."))
    console.print()
    console.print(Text(_notes(verdict)))
    if verdict.decision == "inconclusive":
        console.print(Text(_next_step(verdict, policy)))
    # Rich fills lines with spaces up to the width.
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _decision(verdict: Verdict) -> str:
    """Say in a short line what was decided. pytest puts the name of the error before it."""
    if verdict.decision == "inconclusive":
        return "inconclusive: the results show neither a loss nor that there is none"
    return "fail: the candidate does not keep what the policy asks"


def _print_sentences(console: Console, sentences: list[str] | tuple[str, ...], kind: str) -> None:
    """Print as many sentences as somebody reads in a log, indented below the decision."""
    for sentence in sentences[:MOST_REASONS]:
        console.print(Padding(Text(shown(sentence)), (0, 0, 0, 2)))
    if len(sentences) > MOST_REASONS:
        console.print(Text(f"  and {len(sentences) - MOST_REASONS:,} more {kind}"))


def _worst_first(verdict: Verdict) -> list[TaskVerdict]:
    """Sort the rows: those that fail the release, those that keep it from passing, and the others.

    The rows of a task are not kept together, since a message has room for a few of them alone.
    """
    counted = [row for row in verdict.tasks if not note_of(row)]
    failing = [row for row in counted if row.decision == "fail"]
    undecided = [row for row in counted if row.decision == "inconclusive"]
    noted = [row for row in verdict.tasks if note_of(row) and not row.settled]
    settled = [row for row in verdict.tasks if row.settled]
    return [*by_size(failing), *by_size(undecided), *by_size(noted), *by_size(settled)]


def _table(rows: list[TaskVerdict]) -> Table:
    """Make the table of the rows."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    # If there is too little room, long names take several lines, but no number is cut.
    table.add_column("task", overflow="fold", min_width=LEAST_NAME)
    table.add_column("decision", max_width=DECISION_WIDTH)
    for heading in ("old", "new", "change", "interval", "allowed", "examples"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        amounts = row.amounts
        interval = "–"
        if row.low is not None:
            interval = f"{amounts.in_table(row.low)} to {amounts.in_table(row.high)}"
        table.add_row(
            Text(shown(row.label)),
            row.decision + note_of(row),
            amounts.score(row.champion),
            amounts.score(row.candidate),
            amounts.in_table(row.change),
            interval,
            amounts.in_table(row.allowed_change),
            f"{row.examples:,}",
        )
    return table


def _notes(verdict: Verdict) -> str:
    """Say what was compared, and what the numbers of the table are."""
    lines = [
        f"{shown(verdict.champion)} (old) and {shown(verdict.candidate)} (new), judged by the "
        f"policy {shown(verdict.policy)}. Shares and their changes are in points. "
        f"{interval_note(verdict)}"
    ]
    lower = sorted({row.metric for row in verdict.tasks if row.lower_is_better})
    if lower:
        lines.append(f"Lower is better for {shown(', '.join(lower))}.")
    return "\n".join(lines)


def _next_step(verdict: Verdict, policy: Policy) -> str:
    """Say how many examples would decide, and what else the author of the test can do."""
    lines = []
    rows = [row for row in _worst_first(verdict) if row.needed is not None and not note_of(row)]
    for row in rows[:MOST_NEEDED]:
        has = in_words(row.examples, row.clusters)
        needed = in_words(row.needed or 0, row.needed_clusters)
        lines.append(f"To decide, {shown(row.label)} needs about {needed}; it has {has}.")
    if len(rows) > MOST_NEEDED:
        lines.append(f"{len(rows) - MOST_NEEDED:,} more rows need more examples.")
    # If the policy says so already, the reasons tell why it does not apply.
    if policy.inconclusive == "fail":
        lines.append(
            'Evaluate more examples, allow a larger margin, or pass inconclusive="pass" if that '
            "is no reason to fail."
        )
    return "\n".join(lines)
