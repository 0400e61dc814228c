"""A verdict as JSON, JUnit XML and Markdown. Task names come out harmless: escaped, without control characters."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import quoteattr

from holdfast.errors import HoldfastError
from holdfast.gate.judge import TaskVerdict, Verdict

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SUMMARY_LIMIT = 1_000_000  # bytes that a step summary on GitHub may have (1 MiB), with room to spare


def shown(text: str) -> str:
    """Text for a terminal or a log: control characters (escapes, newlines, changes of direction) as ?.

    >>> shown("a\\x1b[31mb\\n")
    'a?[31mb?'
    """
    return CONTROL.sub("?", text)


def in_markdown(text: str) -> str:
    """Text for a cell of a Markdown table.

    >>> in_markdown("<b>|x*")
    '&lt;b&gt;&#124;x&#42;'
    """
    out = shown(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if out[:1] in "=+-":  # what a spreadsheet would take for a formula
        out = f"&#{ord(out[0])};{out[1:]}" if out else out
    return "".join(f"&#{ord(c)};" if c in "|*_`[]\\@~" else c for c in out)


def as_json(verdict: Verdict) -> str:
    """`verdict.json`."""
    return json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n"


def as_junit(verdict: Verdict) -> str:
    """JUnit XML: a case for each task, and one for the whole."""
    cases, failures, skipped = [], 0, 0
    for v in verdict.tasks:
        inside = ""
        if v.decision != "pass" and v.critical and not v.waived:
            failures += 1
            inside = f"<failure type={quoteattr(v.decision)} message={quoteattr(shown(v.reason))}/>"
        elif v.decision != "pass":
            skipped += 1
            inside = f"<skipped message={quoteattr(shown(v.reason))}/>"
        cases.append(f'  <testcase classname="holdfast.gate" name={quoteattr(shown(v.task))}>{inside}</testcase>')
    whole = (
        "" if verdict.passed else f"<failure type={quoteattr(verdict.decision)} message={quoteattr(shown('; '.join(verdict.reasons)))}/>"
    )
    failures += not verdict.passed
    cases.append(f'  <testcase classname="holdfast.gate" name="the release as a whole">{whole}</testcase>')
    head = f'<testsuite name="holdfast gate" tests="{len(cases)}" failures="{failures}" skipped="{skipped}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>", ""])


def as_markdown(verdict: Verdict) -> str:
    """A summary for people: the decision, its reasons, a row a task, worst first."""
    level = f"{100 * (2 * verdict.confidence - 1):g} %"
    lines = [f"# Release gate: {verdict.decision}{'' if verdict.passed else ' (not released)'}", ""]
    lines += [f"- {in_markdown(r)}" for r in verdict.reasons] + [f"- warning: {in_markdown(w)}" for w in verdict.warnings] + [""]
    if verdict.mean_change is not None:
        lines += [f"Mean change over tasks: {100 * verdict.mean_change:+.2f} points.", ""]
    lines += [
        f"| task | decision | champion | candidate | drop, points | {level} interval | allowed | examples |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(v) for v in verdict.tasks]
    return "\n".join(lines) + "\n"


def _row(v: TaskVerdict) -> str:
    def number(x: float | None, form: str) -> str:
        return "–" if x is None else format(100 * x, form)

    interval = "–" if v.low is None or v.high is None else f"{100 * v.low:+.2f} to {100 * v.high:+.2f}"
    decision = v.decision + (" (waived)" if v.waived else "" if v.critical else " (warning)")
    cells = [in_markdown(v.task), decision, number(v.champion, ".2f"), number(v.candidate, ".2f"), number(v.drop, "+.2f"), interval]
    return "| " + " | ".join([*cells, number(v.delta, "g"), str(v.examples)]) + " |"


def write(verdict: Verdict, folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """verdict.json, junit.xml and verdict.md into a folder (and `more` files), and the summary of a GitHub step where there is one."""
    files = {**more, "verdict.json": as_json(verdict), "junit.xml": as_junit(verdict), "verdict.md": as_markdown(verdict)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            text = files["verdict.md"]
            if len(text.encode()) > SUMMARY_LIMIT:
                text = (
                    text.encode()[:SUMMARY_LIMIT].decode(errors="ignore").rpartition("\n")[0]
                    + "\n\n(shortened; the rest is in verdict.md)\n"
                )
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise HoldfastError(f"the verdict could not be written: {error.filename or folder}: {error.strerror}") from None
