"""The page of a gate's verdict: self-contained, in the look of the other reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.gate.markdown import change_note
from holdfast.gate.verdict import TaskVerdict, Verdict
from holdfast.reports.history import releases_view
from holdfast.reports.page import page
from holdfast.text import percent, points

if TYPE_CHECKING:
    from holdfast.ledger import History

WIDTH, PAD = 300, 8  # of the drawing of an interval, in its own units
MOST_ROWS = 1_000  # in the table; verdict.json has all
# How many times the largest allowed loss the drawings show. What lies beyond gets an arrow.
LARGEST_SCALE = 3
USUAL_CHANGE = 0.02  # what the drawings show if nothing was measured
LEAST_SHARE = 0.25  # of the largest allowed loss that they show at least, on both sides of zero


@dataclass(frozen=True)
class Scale:
    """The scale of all drawings: which changes they show.

    Args:
        low: The change at the left end.
        high: The change at the right end.
    """

    low: float
    high: float

    def place(self, change: float) -> float:
        """Return the horizontal place of a change in a drawing, or the nearest end."""
        inside = min(max(change, self.low), self.high)
        return round(PAD + (WIDTH - 2 * PAD) * (inside - self.low) / (self.high - self.low), 1)


@dataclass(frozen=True)
class IntervalView:
    """The drawing of an interval.

    Args:
        start: Place of its lower end.
        end: Place of its upper end.
        cut_low: Whether it goes on beyond the left end of the scale.
        cut_high: Whether it goes on beyond the right end.
    """

    start: float
    end: float
    cut_low: bool
    cut_high: bool


@dataclass(frozen=True)
class RowView:
    """A row of the table.

    Args:
        verdict: What was decided.
        name: The task, or the segment or class if the row is about one.
        full_name: The same with the task in front.
        note: What the reader must know about the decision; "" if nothing.
        zero: Place of no change.
        dot: Place of the measured change; None if nothing was measured.
        limit: Place of the allowed loss; None if nothing was measured.
        interval: The drawing of the interval; None if there is none.
    """

    verdict: TaskVerdict
    name: str
    full_name: str
    note: str
    zero: float
    dot: float | None
    limit: float | None
    interval: IntervalView | None


def gate_html(verdict: Verdict, history: "History | None" = None) -> str:
    """Make the page of a verdict.

    Args:
        verdict: The verdict.
        history: The releases of the model with the candidate at the end, if there is a ledger.

    Returns:
        HTML in one piece, without scripts and without anything to load.
    """
    # Changes in different units cannot share a scale, so each unit of each metric has its own.
    scales = {key: _scale(rows) for key, rows in _by_scale(verdict.tasks).items()}
    worst_name = ""
    if verdict.worst is not None:
        worst_name = _full_name(verdict.worst)
    # The name of a test is followed by its details, which differ between rows.
    tests = {row.method.split(",")[0] for row in verdict.tasks if row.method}
    releases = None  # without a ledger there is nothing to compare with over time
    if history is not None:
        releases = releases_view(history)
    return page(
        "gate.html.j2",
        {"points": points, "percent": percent},
        verdict=verdict,
        worst_name=worst_name,
        # Thousands of segments would make a page that no browser shows in time.
        rows=[_row(row, scales[_scale_key(row)]) for row in verdict.tasks[:MOST_ROWS]],
        left_out=max(len(verdict.tasks) - MOST_ROWS, 0),
        scales=_scale_lines(verdict.tasks, scales),
        change_note=change_note(verdict),
        lower_is_better=any(row.lower_is_better for row in verdict.tasks),
        tests=sorted(tests),
        corrections=sorted({row.correction for row in verdict.tasks if row.correction}),
        confidence=f"{100 * verdict.confidence:g}",
        error=f"{round(100 * (1 - verdict.confidence), 2):g}",
        releases=releases,
    )


def _scale_key(row: TaskVerdict) -> tuple[str, str]:
    """Return what rows on the same scale have in common."""
    if row.unit == "raw":
        return row.unit, row.metric
    return row.unit, ""


def _by_scale(rows: Sequence[TaskVerdict]) -> dict[tuple[str, str], list[TaskVerdict]]:
    """Group the rows that are drawn on the same scale."""
    grouped: dict[tuple[str, str], list[TaskVerdict]] = {}
    for row in rows:
        grouped.setdefault(_scale_key(row), []).append(row)
    return grouped


def _scale_lines(rows: Sequence[TaskVerdict], scales: "dict[tuple[str, str], Scale]") -> list[str]:
    """Say from where to where the drawings go, in one line per scale."""
    lines: dict[tuple[str, str], str] = {}
    for row in rows:
        key = _scale_key(row)
        scale = scales[key]
        ends = f"from {row.amounts.in_table(scale.low)} to {row.amounts.in_table(scale.high)}"
        title = ""
        if row.unit == "raw":
            title = f"{row.metric} "
        elif row.unit == "percent":
            title = "relative changes "
        lines.setdefault(key, title + ends)
    return list(lines.values())


def _scale(rows: Sequence[TaskVerdict]) -> Scale:
    """Choose the scale: all changes, unless a few would leave no room for the others."""
    changes = []
    limits = []
    for row in rows:
        ends = (row.low, row.high, row.change)
        changes += [end for end in ends if end is not None]
        if row.allowed_change is not None:
            limits.append(row.allowed_change)
    largest = max(map(abs, limits), default=USUAL_CHANGE)
    most = LARGEST_SCALE * largest
    lowest = min([*changes, *limits], default=-USUAL_CHANGE)
    highest = max([*changes, *limits], default=USUAL_CHANGE)
    # Never narrower than this: the noise of a perfect candidate would fill the drawing.
    least = LEAST_SHARE * largest
    return Scale(low=min(max(lowest, -most), -least), high=max(min(highest, most), least))


def _row(row: TaskVerdict, scale: Scale) -> RowView:
    """Make one row of the table."""
    # What only one side was tested on has no change to draw.
    dot = None
    limit = None
    if row.change is not None and row.allowed_change is not None:
        dot = scale.place(row.change)
        limit = scale.place(row.allowed_change)
    interval = None
    if row.low is not None and row.high is not None:
        interval = IntervalView(
            start=scale.place(row.low),
            end=scale.place(row.high),
            cut_low=row.low < scale.low,
            cut_high=row.high > scale.high,
        )
    return RowView(
        verdict=row,
        zero=scale.place(0.0),
        name=_part(row) or row.task,
        full_name=_full_name(row),
        note=_note(row),
        dot=dot,
        limit=limit,
        interval=interval,
    )


def _note(row: TaskVerdict) -> str:
    """Say why a decision does not count in full."""
    if row.waived:
        return "waived"
    is_tolerated = row.decision == "inconclusive" and not row.required
    if not row.critical or is_tolerated:
        return "warning"
    return ""


def _full_name(row: TaskVerdict) -> str:
    """Name the task of a row, and its class or segment."""
    part = _part(row)
    if part:
        return f"{row.task} / {part}"
    return row.task


def _part(row: TaskVerdict) -> str:
    """Name the class or the segment of a row; "" if the row is about a whole task."""
    if row.class_label:
        return f"class {row.class_label}"
    return row.segment
