"""A verdict as JSON, JUnit XML and Markdown. Task names come out harmless: escaped, without control characters."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import quoteattr

from holdfast.errors import HoldfastError
from holdfast.gate.judge import TaskVerdict, Verdict
from holdfast.text import shown

SUMMARY_LIMIT = 1_000_000  # bytes that a step summary on GitHub may have (1 MiB), with room to spare


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


def verdict_schema() -> dict[str, Any]:
    """The JSON Schema of `verdict.json` (docs/verdict.schema.json)."""
    from pydantic import TypeAdapter

    out = TypeAdapter(Verdict).json_schema(mode="serialization")
    out["properties"] = {"schema": {"const": 1, "description": "version of this format"}} | out["properties"]
    out["required"] = ["schema", *out["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Verdict of a Holdfast release gate", **out}


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
        cases.append(f'  <testcase classname="holdfast.gate" name={quoteattr(shown(v.label))}>{inside}</testcase>')
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
    heading = f"| task | decision | champion | candidate | drop, points | {level} interval | allowed | examples |"
    lines += [heading, "|---|---|---|---|---|---|---|---|", *(_row(v) for v in verdict.tasks)]
    return "\n".join(lines) + "\n"


def as_model_card(verdict: Verdict) -> str:
    """A section for the candidate's model card: what it was compared with, how, what it kept and what it lost."""
    counted = [v for v in verdict.tasks if v.champion is not None and v.candidate is not None]
    lines = ["## What retraining changed", ""]
    lines += [
        f"Compared with {in_markdown(verdict.champion)} on {verdict.judged} by Holdfast's release gate: **{verdict.decision}**. "
        f"Confidence {100 * verdict.confidence:g} %; scores lie between 0 and 100, higher is better; a drop above 0 is a loss.",
        "",
        "| task | before | now | drop, points | examples |",
        "|---|---|---|---|---|",
    ]
    for v in counted:
        interval = "" if v.low is None or v.high is None else f" ({100 * v.low:+.2f} to {100 * v.high:+.2f})"
        drop = f"{_number(v.drop, '+.2f')}{interval}"
        lines += [
            f"| {in_markdown(v.label)} | {_number(v.champion, '.2f')} | {_number(v.candidate, '.2f')} | {drop} | {v.examples or '–'} |"
        ]
    lost = [v for v in counted if v.low is not None and v.low > 0]
    lines += ["", "Shown to be worse than before: " + (", ".join(in_markdown(v.label) for v in lost) or "no task") + "."]
    lines += [f"New: {in_markdown(v.label)} ({_number(v.candidate, '.2f')})." for v in verdict.tasks if v.champion is None]
    lines += [
        f"Released in spite of {in_markdown(v.label)}: {in_markdown(v.waived)}." for v in verdict.tasks if v.waived and v.decision != "pass"
    ]
    return "\n".join(lines) + "\n"


def _number(x: float | None, form: str) -> str:
    return "–" if x is None else format(100 * x, form)


def _row(v: TaskVerdict) -> str:
    interval = "–" if v.low is None or v.high is None else f"{100 * v.low:+.2f} to {100 * v.high:+.2f}"
    decision = v.decision + (" (waived)" if v.waived else "" if v.critical else " (warning)")
    cells = [in_markdown(v.label), decision, _number(v.champion, ".2f"), _number(v.candidate, ".2f"), _number(v.drop, "+.2f"), interval]
    return "| " + " | ".join([*cells, _number(v.delta, "g"), str(v.examples)]) + " |"


def files_of(verdict: Verdict) -> dict[str, str]:
    """Every file of a verdict but its page."""
    texts = {"verdict.json": as_json, "junit.xml": as_junit, "verdict.md": as_markdown, "model-card.md": as_model_card}
    return {name: make(verdict) for name, make in texts.items()}


def write(verdict: Verdict, folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """The verdict's files and `more` into a folder, and the summary of a GitHub step where there is one."""
    files = {**more, **files_of(verdict)}
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


if __name__ == "__main__":
    print(json.dumps(verdict_schema(), indent=1))
