"""A verdict as JSON, JUnit XML, Markdown and a section of a model card. Names come out harmless."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import quoteattr

from holdfast.errors import HoldfastError
from holdfast.files import clear_folder, write_folder
from holdfast.gate.verdict import TaskVerdict, Verdict
from holdfast.text import percent, points, shown, without_secrets

SUMMARY_LIMIT = (
    1_000_000  # bytes that a step summary on GitHub may have (1 MiB), with room to spare
)
MOST_ROWS = 2_000  # of a table for people; verdict.json has all
# verdict.json comes last: who finds it finds the others.
FILES = ("model-card.md", "verdict.md", "verdict.html", "junit.xml", "verdict.json")
# What a Markdown renderer would turn into a link, a mention, an emoji or an issue.
_BREAK = "\x00"  # stands for an empty comment while other characters are escaped
_LIVE = re.compile(r"(?i)([#:@])(?=[\w/+-])|(www)(?=\.)")


def in_markdown(text: str) -> str:
    """Text for a cell of a Markdown table: no markup, no link, no mention, no formula.

    >>> in_markdown("<b>|x*"), in_markdown("see #12")
    ('&#60;b&#62;&#124;x&#42;', 'see #<!-- -->12')
    """
    out = _LIVE.sub(rf"\1\2{_BREAK}", shown(text))
    out = "".join(f"&#{ord(c)};" if c in "&<>|*_`[]\\~" else c for c in out)
    out = out.replace(_BREAK, "<!-- -->")
    if out and out[0] in "=+-":  # what a spreadsheet would take for a formula
        out = f"&#{ord(out[0])};{out[1:]}"
    return out


def as_json(verdict: Verdict) -> str:
    """`verdict.json`."""
    return json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n"


def verdict_schema() -> dict[str, Any]:
    """The JSON Schema of `verdict.json` (docs/verdict.schema.json)."""
    from pydantic import TypeAdapter

    from holdfast.gate.verdict import SCHEMA

    out = TypeAdapter(Verdict).json_schema(mode="serialization")
    version = {"schema": {"const": SCHEMA, "description": "version of this format"}}
    out["properties"] = version | out["properties"]
    out["required"] = ["schema", *out["required"]]
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "Verdict of a Holdfast release gate", **out}


def as_junit(verdict: Verdict) -> str:
    """JUnit XML: one case per row, and one for the release as a whole.

    A row that keeps the release from passing is a failure. A row that is not shown to be within its
    limit, but does not count, is skipped, so that nothing looks like a pass that is none.
    """
    cases, failures, skipped = [], 0, 0
    for row in verdict.tasks:
        inside = ""
        if not row.settled:
            message = quoteattr(shown(f"{row.decision}: {row.reason}"))
            if _counts(row, verdict):
                failures += 1
                inside = f"<failure type={quoteattr(row.decision)} message={message}/>"
            else:
                skipped += 1
                inside = f"<skipped message={message}/>"
        cases.append(_case(row.label, inside))
    whole = ""
    if not verdict.passed:
        failures += 1
        message = quoteattr(shown("; ".join([verdict.headline, *verdict.reasons])))
        whole = f"<failure type={quoteattr(verdict.decision)} message={message}/>"
    cases.append(_case("the release as a whole", whole))
    return _suite(cases, f'failures="{failures}" errors="0" skipped="{skipped}"')


def broken_junit(reason: str) -> str:
    """JUnit XML of a gate that did not come to a decision: one case, which fails."""
    message = quoteattr(shown(without_secrets(reason)))
    inside = f'<failure type="no decision" message={message}/>'
    return _suite([_case("the release as a whole", inside)], 'failures="1" errors="0" skipped="0"')


def _counts(row: TaskVerdict, verdict: Verdict) -> bool:
    """Whether a row that did not pass keeps the release from passing."""
    if not row.critical or row.waived:
        return False
    return row.decision == "fail" or (row.required and not verdict.passed)


def _case(name: str, inside: str) -> str:
    return (
        f'  <testcase classname="holdfast.gate" name={quoteattr(shown(name))}>{inside}</testcase>'
    )


def _suite(cases: list[str], counts: str) -> str:
    head = f'<testsuite name="holdfast gate" tests="{len(cases)}" {counts}>'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>", ""])


def as_markdown(verdict: Verdict) -> str:
    """A summary for people: the decision, its reasons, and a row per task with its parts below."""
    released = "" if verdict.passed else " (not released)"
    lines = [f"# Release gate: {in_markdown(verdict.headline)}{released}", ""]
    said = [*verdict.reasons, *(f"warning: {warning}" for warning in verdict.warnings)]
    lines += [f"- {in_markdown(text)}" for text in said[:MOST_ROWS]]
    if verdict.mean_change is not None:
        lines += ["", f"Mean change over tasks: {points(verdict.mean_change)} points."]
    lines += ["", f"A change is candidate minus champion, in points. {interval_note(verdict)}", ""]
    lines += ["| task | decision | champion | candidate | change | interval | allowed | examples |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    lines += [_row(row) for row in verdict.tasks[:MOST_ROWS]]
    if len(verdict.tasks) > MOST_ROWS:
        lines += ["", f"{len(verdict.tasks) - MOST_ROWS:,} more rows are in verdict.json."]
    return "\n".join(lines) + "\n"


def interval_note(verdict: Verdict) -> str:
    """What the intervals of a verdict mean, in a sentence or two."""
    level = f"{100 * verdict.confidence:g} %"
    corrections = sorted({row.correction for row in verdict.tasks if row.correction})
    note = f"Each end of an interval is a one-sided bound at {level}"
    if corrections:
        note += f"; the upper end has {' or '.join(corrections)}"
    return note + "."


def _row(row: TaskVerdict) -> str:
    cells = [
        ("↳ " if row.nested else "") + in_markdown(row.label),
        row.decision + note_of(row),
        percent(row.champion),
        percent(row.candidate),
        points(row.change),
        _interval(row),
        points(None if row.delta is None else -row.delta),
        f"{row.examples:,}",
    ]
    return "| " + " | ".join(cells) + " |"


def note_of(row: TaskVerdict) -> str:
    """Why a row does not count as others do; "" if it does."""
    if row.waived:
        return " (waived)"
    if not row.critical or (row.decision == "inconclusive" and not row.required):
        return " (warning)"
    return ""


def _interval(row: TaskVerdict) -> str:
    return "–" if row.low is None else f"{points(row.low)} to {points(row.high)}"


def as_model_card(verdict: Verdict) -> str:
    """A section for the candidate's model card: what retraining did to each task."""
    counted = [v for v in verdict.tasks if v.champion is not None and v.candidate is not None]
    lines = [
        "## What retraining changed",
        "",
        f"Compared with {in_markdown(verdict.champion)} on {verdict.judged} by Holdfast's release gate: "
        f"**{verdict.decision}**. Scores lie between 0 and 100, higher is better. A change is now minus "
        f"before, in points; below 0 the model became worse. {interval_note(verdict)}",
        "",
        "| task | before | now | change | examples |",
        "|---|---|---|---|---|",
    ]
    for v in counted[:MOST_ROWS]:
        change = points(v.change) + ("" if v.low is None else f" ({_interval(v)})")
        cells = [in_markdown(v.label), percent(v.champion), percent(v.candidate), change]
        lines.append("| " + " | ".join([*cells, f"{v.examples:,}" if v.examples else "–"]) + " |")
    lost = [v for v in counted if v.high is not None and v.high < 0]
    names = ", ".join(in_markdown(v.label) for v in lost[:MOST_ROWS]) or "no task"
    lines += ["", f"Shown to be worse than before: {names}."]
    for v in verdict.tasks:
        if v.champion is None:
            lines.append(f"New: {in_markdown(v.label)} ({percent(v.candidate)}).")
        if v.waived and not v.settled:
            lines.append(f"Released in spite of {in_markdown(v.label)}: {in_markdown(v.waived)}.")
    return "\n".join(lines) + "\n"


def files_of(verdict: Verdict) -> dict[str, str]:
    """Every file of a verdict but its page."""
    return {
        "model-card.md": as_model_card(verdict),
        "verdict.md": as_markdown(verdict),
        "junit.xml": as_junit(verdict),
        "verdict.json": as_json(verdict),
    }


def begin(folder: Path) -> None:
    """Before anything is read: take away an older verdict, and leave the word that none is reached yet.

    Whatever happens after this, a broken input, a kill or a full disk, nobody finds an old pass.

    Raises:
        HoldfastError: `folder` is a symbolic link or could not be written.
    """
    clear_folder(folder, FILES)
    give_up(folder, "the gate was started, but it did not come to a decision")


def give_up(folder: Path, reason: str) -> None:
    """Leave a failing junit.xml and no other file of a verdict.

    Raises:
        HoldfastError: `folder` is a symbolic link or could not be written.
    """
    write_folder(folder, {"junit.xml": broken_junit(reason)}, instead_of=FILES)


def write(verdict: Verdict, folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the verdict's files as one step, and the summary of a GitHub step if there is one.

    Args:
        verdict: The verdict.
        folder: Where to; see `holdfast.files.write_folder`.
        more: Further files, by name.

    Raises:
        HoldfastError: A file could not be written.
    """
    files = files_of(verdict) | dict(more)
    ordered = [*(name for name in files if name not in FILES), *(n for n in FILES if n in files)]
    write_folder(folder, {name: files[name] for name in ordered}, instead_of=FILES)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append_summary(Path(summary), files["verdict.md"])


def _append_summary(path: Path, text: str) -> None:
    encoded = text.encode(errors="replace")
    if len(encoded) > SUMMARY_LIMIT:
        whole_lines = encoded[:SUMMARY_LIMIT].decode(errors="ignore").rpartition("\n")[0]
        encoded = f"{whole_lines}\n\n(shortened; the rest is in verdict.md)\n".encode()
    try:
        if path.is_symlink():
            raise HoldfastError(f"GITHUB_STEP_SUMMARY names {path}, which is a symbolic link")
        with path.open("ab") as file:
            file.write(encoded)
    except OSError as error:
        raise HoldfastError(
            f"the step summary {path} could not be written: {error.strerror}"
        ) from None


if __name__ == "__main__":
    print(json.dumps(verdict_schema(), indent=1))
