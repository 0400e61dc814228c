"""A verdict as a comment on a pull request: short enough to be read, and what to do next."""

from collections.abc import Iterator, Sequence

import numpy as np

from holdfast.gate.joining import Comparison, Pair
from holdfast.gate.markdown import (
    SUMMARY_HEAD,
    change_note,
    in_markdown,
    interval_note,
    summary_row,
)
from holdfast.gate.verdict import TaskVerdict, Verdict
from holdfast.text import without_secrets

MARK = "<!-- holdfast gate -->"  # by which a pipeline finds its own comment again
MOST_LINES = 60
MOST_REASONS = 5
MOST_ROWS = 10
MOST_EXAMPLES = 10  # of each task
LONGEST = 80  # characters of an id or a text
LONGEST_SENTENCE = 300  # characters of a reason
ORDER = {"fail": 0, "inconclusive": 1}  # rows come in this order, and all others after them


def as_comment(verdict: Verdict, found: Comparison | None = None, show_inputs: bool = False) -> str:
    """Write a comment of at most 60 lines.

    Args:
        verdict: The verdict.
        found: The results that were judged. They tell which examples were lost.
        show_inputs: Whether the texts of these examples are shown as well. They may be private, so
            they are not by default.

    Returns:
        Markdown in which no name, id or text acts as markup, link or mention.
    """
    top = [*_heading(verdict), *_reasons(verdict), *_table(verdict)]
    end = ["", *_next_steps(verdict)]
    room = MOST_LINES - len(top) - len(end)
    lost: list[str] = []
    if found is not None:
        lost = list(_lost_examples(verdict, found, show_inputs, room))
    return "\n".join([*top, *lost, *end]) + "\n"


def broken_comment(reason: str) -> str:
    """Write the comment of a gate that did not come to a decision.

    Args:
        reason: Why there is none. Passwords in it are hidden.
    """
    sentence = in_markdown(_cut(without_secrets(reason), LONGEST_SENTENCE))
    lines = [MARK, "### Release gate: no decision (not released)", "", f"- {sentence}"]
    return "\n".join(lines) + "\n"


def _heading(verdict: Verdict) -> list[str]:
    """Write the decision."""
    released = " (not released)"
    if verdict.passed:
        released = ""
    return [MARK, f"### Release gate: {in_markdown(verdict.headline)}{released}"]


def _reasons(verdict: Verdict) -> list[str]:
    """Write the first reasons, or warnings if nothing keeps the candidate from passing."""
    sentences = [*verdict.reasons, *(f"warning: {warning}" for warning in verdict.warnings)]
    lines = [
        f"- {in_markdown(_cut(sentence, LONGEST_SENTENCE))}"
        for sentence in sentences[:MOST_REASONS]
    ]
    if len(sentences) > MOST_REASONS:
        lines.append(f"- and {len(sentences) - MOST_REASONS:,} more in verdict.md")
    if lines:
        lines.insert(0, "")
    return lines


def _table(verdict: Verdict) -> list[str]:
    """Write the worst rows."""
    # Python's sorting keeps the order of rows that are alike, which is that of their losses.
    rows = sorted(verdict.tasks, key=lambda row: ORDER.get(row.decision, len(ORDER)))
    lines = ["", *SUMMARY_HEAD, *(summary_row(row) for row in rows[:MOST_ROWS])]
    lines += ["", in_markdown(f"{change_note(verdict)} {interval_note(verdict)}")]
    if len(rows) > MOST_ROWS:
        lines[-1] += f" {len(rows) - MOST_ROWS:,} more rows are in verdict.md."
    return lines


# ---- the examples that were lost


def _lost_examples(
    verdict: Verdict, found: Comparison, show_inputs: bool, room: int
) -> Iterator[str]:
    """Write the examples that each failed row lost, in as many lines as there are left."""
    blocks = []
    for row in verdict.tasks:
        block = []
        if row.decision == "fail":
            block = _block(row, found, show_inputs)
        if block:
            blocks.append(block)
    if not blocks:
        return
    # A heading, and a line that says how many rows are left out.
    room -= len(("", "heading", "left out"))
    yield ""
    yield "Examples that were right and are wrong now, or that lost most:"
    for number, block in enumerate(blocks):
        if room <= 0:
            yield f"- and examples of {len(blocks) - number:,} more rows"
            return
        yield from block[:room]
        room -= len(block)


def _block(row: TaskVerdict, found: Comparison, show_inputs: bool) -> list[str]:
    """Write the lost examples of one row: in one line, or one line each with their texts."""
    pair = _pair_of(row, found)
    if pair is None or pair.rows is None or found.ids is None:
        return []
    positions = _lost_most(pair, row.lower_is_better)
    if not len(positions):
        return []
    rows = pair.rows[positions]
    ids = [_as_code(str(example)) for example in found.ids[rows]]
    name = in_markdown(row.label)
    if not show_inputs or found.inputs is None:
        return [f"- {name}: {', '.join(ids)}"]
    texts = [_as_code(str(text)) for text in found.inputs[rows]]
    return [f"- {name}:", *(f"  - {one}: {text}" for one, text in zip(ids, texts, strict=True))]


def _pair_of(row: TaskVerdict, found: Comparison) -> Pair | None:
    """Return the scores behind a row, or None if they are aggregated or were not compared."""
    scores = found.all.get((row.task, row.segment))
    if row.class_label:
        scores = found.classes.get((row.task, row.class_label))
    if isinstance(scores, Pair):
        return scores
    return None


def _lost_most(pair: Pair, lower_is_better: bool) -> np.ndarray:
    """Return the positions of the examples that lost most, the worst first."""
    losses = pair.champion - pair.candidate
    if lower_is_better:
        losses = -losses
    # A stable sort keeps equal losses in the order of the results, so comments do not vary.
    worst = np.argsort(-losses, kind="stable")[:MOST_EXAMPLES]
    found: np.ndarray = worst[losses[worst] > 0]
    return found


def _as_code(text: str) -> str:
    """Write an id or a text so that nothing in it acts."""
    return f"<code>{in_markdown(_cut(text, LONGEST))}</code>"


def _cut(text: str, longest: int) -> str:
    """Cut a text to a number of characters."""
    if len(text) <= longest:
        return text
    return text[: longest - 1] + "…"


# ---- what to do


def _next_steps(verdict: Verdict) -> Sequence[str]:
    """Say what to do about a decision, in a few lines."""
    if verdict.decision == "pass":
        return ["**Next:** the candidate may replace the champion."]
    if verdict.decision == "fail":
        return [
            "**Next:** look at what the examples have in common, and train the candidate again. If "
            "you accept the loss, write a waiver with a reason into the policy.",
        ]
    steps = "**Next:** the examples do not decide. "
    needing = [row for row in verdict.tasks if row.needed]
    if needing:
        # The release is decided only when the row that needs most is.
        most = max(needing, key=lambda row: row.needed or 0)
        steps += (
            f"About {most.needed:,} examples of {in_markdown(most.label)} would; it has "
            f"{most.examples:,}. "
        )
    return [steps + "Add examples (<code>holdfast gate plan</code> says how many), or allow more."]
