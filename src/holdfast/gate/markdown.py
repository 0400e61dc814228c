"""A verdict as Markdown: a summary for people, and a section of a model card."""

import re

from holdfast.gate.verdict import TaskVerdict, Verdict
from holdfast.text import points, shown

MOST_ROWS = 2_000  # rows of a table for people; verdict.json has all of them

# Characters that are markup, and what a renderer would turn into a link, a mention, an emoji or an
# issue. The first kind is written as a character reference. The second is broken up by an empty
# comment, for which a NUL stands while the other characters are replaced.
_MARKUP = re.compile(r"[&<>|*_`\[\]\\~]")
_LIVE = re.compile(r"(?i)([#:@])(?=[\w/+-])|(www)(?=\.)|\b(GH)(?=-\d)")
_BREAK = "\x00"

SUMMARY_HEAD = (
    "| task | decision | champion | candidate | change | interval | allowed | examples |",
    "|---|---|---|---|---|---|---|---|",
)
CARD_HEAD = (
    "| task | before | now | change | examples |",
    "|---|---|---|---|---|",
)


def in_markdown(text: str) -> str:
    """Make text safe for a cell of a table: no markup, no link, no mention, no formula.

    >>> in_markdown("<b>|x*"), in_markdown("see #12")
    ('&#60;b&#62;&#124;x&#42;', 'see #<!-- -->12')
    """
    broken_up = _LIVE.sub(rf"\1\2\3{_BREAK}", shown(text))
    harmless = _MARKUP.sub(lambda match: _reference(match[0]), broken_up)
    harmless = harmless.replace(_BREAK, "<!-- -->")
    # A spreadsheet takes text that starts with one of these characters for a formula.
    if harmless.startswith(("=", "+", "-")):
        return _reference(harmless[0]) + harmless[1:]
    return harmless


def _reference(character: str) -> str:
    """Write a character as a reference of HTML."""
    return f"&#{ord(character)};"


# ---- the summary


def as_markdown(verdict: Verdict) -> str:
    """Write a summary for people: the decision, its reasons, and a row per task and part."""
    released = " (not released)"
    if verdict.passed:
        released = ""
    lines = [f"# Release gate: {in_markdown(verdict.headline)}{released}", ""]
    sentences = [*verdict.reasons, *(f"warning: {warning}" for warning in verdict.warnings)]
    lines += [f"- {in_markdown(sentence)}" for sentence in sentences[:MOST_ROWS]]
    if verdict.mean_change is not None:
        lines += ["", f"Mean change over tasks: {points(verdict.mean_change)} points."]
    notes = f"{change_note(verdict)} {interval_note(verdict)}"
    lines += ["", in_markdown(notes), ""]
    lines += SUMMARY_HEAD
    lines += [summary_row(row) for row in verdict.tasks[:MOST_ROWS]]
    if len(verdict.tasks) > MOST_ROWS:
        lines += ["", f"{len(verdict.tasks) - MOST_ROWS:,} more rows are in verdict.json."]
    return "\n".join(lines) + "\n"


def change_note(verdict: Verdict) -> str:
    """Say what the changes of a verdict are, in one or two sentences."""
    if all(row.unit == "points" for row in verdict.tasks):
        note = "A change is candidate minus champion, in points."
    else:
        note = (
            "A change is candidate minus champion: in points, in % of the champion's score, or in "
            "the unit of the metric."
        )
    lower = sorted({row.metric for row in verdict.tasks if row.lower_is_better})
    if lower:
        note += f" Lower is better for {', '.join(lower)}."
    return note


def interval_note(verdict: Verdict) -> str:
    """Say what the intervals of a verdict mean, in one sentence."""
    note = f"Each end of an interval is a one-sided bound at {100 * verdict.confidence:g} %"
    corrections = sorted({row.correction for row in verdict.tasks if row.correction})
    if corrections:
        end = "upper end"
        if any(row.lower_is_better for row in verdict.tasks):
            end = "end on the better side"
        note += f", and the {end} includes {' or '.join(corrections)}"
    return note + "."


def note_of(row: TaskVerdict) -> str:
    """Say why a row does not count as others do, or return "" if it does."""
    if row.waived:
        return " (waived)"
    if not row.critical or (row.decision == "inconclusive" and not row.required):
        return " (warning)"
    return ""


def summary_row(row: TaskVerdict) -> str:
    """Write a row of the summary. Parts are marked with an arrow below their task."""
    name = in_markdown(row.label)
    if row.nested:
        name = f"↳ {name}"
    amounts = row.amounts
    return _table_row(
        name,
        row.decision + note_of(row),
        amounts.score(row.champion),
        amounts.score(row.candidate),
        amounts.in_table(row.change),
        _interval(row),
        amounts.in_table(row.allowed_change),
        f"{row.examples:,}",
    )


def _interval(row: TaskVerdict) -> str:
    """Write the interval of a change, or a dash if there is none."""
    if row.low is None:
        return "–"
    return f"{row.amounts.in_table(row.low)} to {row.amounts.in_table(row.high)}"


def _table_row(*cells: str) -> str:
    """Write a row of a table."""
    return "| " + " | ".join(cells) + " |"


# ---- the model card


def as_model_card(verdict: Verdict) -> str:
    """Write a section for the candidate's model card: what retraining did to each task."""
    tested = [row for row in verdict.tasks if row.candidate is not None]
    compared = [row for row in tested if row.champion is not None]
    lines = [
        "## What retraining changed",
        "",
        f"Compared with {in_markdown(verdict.champion)} on {verdict.judged} by Holdfast's release "
        f"gate: **{verdict.decision}**. {_card_scale(verdict)}{interval_note(verdict)}",
        "",
        *CARD_HEAD,
    ]
    lines += [_card_row(row) for row in compared[:MOST_ROWS]]

    worse = [row.label for row in compared if row.is_shown_worse]
    names = ", ".join(map(in_markdown, worse[:MOST_ROWS])) or "no task"
    lines += ["", f"Shown to be worse than before: {names}."]
    for row in verdict.tasks:
        name = in_markdown(row.label)
        if row.champion is None:
            lines.append(f"New: {name} ({row.amounts.score(row.candidate)}).")
        if row.waived and not row.settled:
            lines.append(f"Released in spite of {name}: {in_markdown(row.waived)}.")
    return "\n".join(lines) + "\n"


def _card_scale(verdict: Verdict) -> str:
    """Say what the scores of a model card are, and which changes are losses."""
    other = [row for row in verdict.tasks if row.unit != "points" or row.lower_is_better]
    text = (
        "Scores lie between 0 and 100, and higher is better. A change is now minus before, in "
        "points, so below 0 the model became worse. "
    )
    if other:
        metrics = sorted({row.metric for row in other})
        text = (
            "A change is now minus before: in points if scores lie between 0 and 100, in % of the "
            "score before, or in the unit of the score. "
        )
        text += (
            f"Other scores than shares of right answers: {', '.join(map(in_markdown, metrics))}. "
        )
    return text


def _card_row(row: TaskVerdict) -> str:
    """Write a row of the model card."""
    change = row.amounts.in_table(row.change)
    if row.low is not None:
        change += f" ({_interval(row)})"
    examples = "–"
    if row.examples:
        examples = f"{row.examples:,}"
    amounts = row.amounts
    return _table_row(
        in_markdown(row.label),
        amounts.score(row.champion),
        amounts.score(row.candidate),
        change,
        examples,
    )
