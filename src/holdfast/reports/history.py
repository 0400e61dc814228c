"""Pages of a model's releases: scores on every task, what was lost first, and the verdicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.reports.page import page
from holdfast.text import percent, points

if TYPE_CHECKING:
    from holdfast.ledger import Column, History, Judgement, Loss

LOSS = 0.1  # the change since a task was learnt at which a cell has its full colour
SEGMENTS = 12  # of each task that the page shows: those that lost most
WORD = 14  # characters of a word that is not broken in a heading
LOSSES = 50  # that are listed
REASONS = 5  # of a verdict that are listed; its own page has all


@dataclass(frozen=True)
class TaskColumns:
    """The columns that a page shows of one task.

    Args:
        whole: The task as a whole.
        segments: Those of its segments that lost most, in their own order.
        hidden: How many more segments there are.
    """

    whole: "Column"
    segments: "list[Column]"
    hidden: int

    @property
    def all(self) -> "list[Column]":
        """The task, then its segments."""
        return [self.whole, *self.segments]


@dataclass(frozen=True)
class Heading:
    """The heading of a column.

    Args:
        name: What it says.
        first: Whether it begins a task.
        width: The least width of the column, in characters.
    """

    name: str
    first: bool
    width: int


@dataclass(frozen=True)
class ScoreCell:
    """A score of a release.

    Args:
        score: The score in percent.
        small: The change since the task was learnt, or "learnt" itself.
        learnt: Whether this release learnt the task.
        first: Whether the cell begins a task.
        kind: "lost", "gained", or "" if nothing changed.
        strength: How strong the colour of the change is, in [0, 1].
    """

    score: str
    small: str
    learnt: bool
    first: bool
    kind: str
    strength: float


@dataclass(frozen=True)
class ReleaseRow:
    """A release.

    Args:
        name: Its name.
        override: The reason of `--override`; "" if there was none.
        cells: Its scores.
        transfer: Its backward transfer, in points.
    """

    name: str
    override: str
    cells: list[ScoreCell]
    transfer: str


@dataclass(frozen=True)
class ReleasesView:
    """What the template releases.html.j2 shows. It needs no filters.

    Args:
        model: The model.
        tasks: The tasks with their columns.
        nested: Whether a task has segments, so that headings have two rows.
        heads: The heading of each column.
        rows: The releases.
        losses: A sentence about each of the largest losses.
        more_losses: How many more losses there are.
    """

    model: str
    tasks: list[TaskColumns]
    nested: bool
    heads: list[Heading]
    rows: list[ReleaseRow]
    losses: list[str]
    more_losses: int


def history_html(history: "History", verdicts: "Sequence[Judgement]") -> str:
    """Make the page of a model's releases.

    Args:
        history: The releases.
        verdicts: The verdicts on candidates, oldest first.

    Returns:
        HTML in one piece.
    """
    return page(
        "history.html.j2",
        releases=releases_view(history),
        verdicts=verdicts,
        most_reasons=REASONS,
    )


def releases_view(history: "History") -> ReleasesView:
    """Turn a history into headings, rows of cells and sentences."""
    tasks = nested(history.columns)
    columns = [column for task in tasks for column in task.all]
    is_nested = any(task.segments for task in tasks)
    return ReleasesView(
        model=history.model,
        tasks=tasks,
        nested=is_nested,
        heads=[_heading(column, is_nested) for column in columns],
        rows=[_row(history, columns, place) for place in range(len(history.releases))],
        # Sorted by the ledger, so these are the worst ones.
        losses=list(loss_sentences(history.losses[:LOSSES])),
        more_losses=max(len(history.losses) - LOSSES, 0),
    )


def loss_sentences(losses: "Sequence[Loss]") -> Iterator[str]:
    """Say in a sentence, for each loss, what was lost by which release."""
    for loss in losses:
        name = loss.task
        if loss.segment:
            name += f" / {loss.segment}"
        lost = f"{percent(loss.drop, 1)} points lost first by release {loss.release}"
        yield f"{name}: {lost} (learnt in {loss.learnt})"


def nested(columns: "Sequence[Column]") -> list[TaskColumns]:
    """Put the segments of each task behind it, and hide those that lost least if there are many.

    Args:
        columns: The columns of a history.

    Returns:
        The tasks in their order.
    """
    segments_of: dict[str, list[Column]] = {}
    for column in columns:
        segments = segments_of.setdefault(column.task, [])
        if column.segment:
            segments.append(column)
    tasks = []
    for whole in columns:
        if whole.segment:
            continue
        segments = segments_of[whole.task]
        worst = {column.segment for column in sorted(segments, key=_newest_change)[:SEGMENTS]}
        # Those that are shown keep their order, so that a page of the next release looks alike.
        chosen = [column for column in segments if column.segment in worst]
        tasks.append(TaskColumns(whole, chosen, len(segments) - len(chosen)))
    return tasks


def _newest_change(column: "Column") -> float:
    """Return the newest known change since the task was learnt; 0 if none is known."""
    changes = [change for change in column.changes if change is not None]
    if not changes:
        return 0.0
    return changes[-1]


def _heading(column: "Column", is_nested: bool) -> Heading:
    """Make the heading of a column, wide enough for words of common length."""
    name = column.segment
    if not name:
        name = column.task
        # With two rows of headings, the task stands above all of its columns.
        if is_nested:
            name = "all"
    # A browser may break between words, but a broken word is hard to read.
    longest = max((len(word) for word in name.split()), default=1)
    return Heading(name=name, first=not column.segment, width=min(longest, WORD) + 3)


def _row(history: "History", columns: "Sequence[Column]", place: int) -> ReleaseRow:
    """Make the row of the release at one place of the history."""
    return ReleaseRow(
        name=history.releases[place],
        override=history.overrides[place],
        cells=[_cell(column, place) for column in columns],
        transfer=points(history.transfer[place], 1),
    )


def _cell(column: "Column", place: int) -> ScoreCell:
    """Make a cell, coloured by how far the score is from that when the task was learnt."""
    change = column.changes[place]
    learnt = place == column.learnt
    small = ""
    kind = ""
    # The release that learnt a task is what the others are compared with.
    if learnt:
        small = "learnt"
    elif change is not None:
        small = points(change, 1)
        if change < 0:
            kind = "lost"
        elif change > 0:
            kind = "gained"
    return ScoreCell(
        score=percent(column.scores[place], 1),
        small=small,
        learnt=learnt,
        first=not column.segment,
        kind=kind,
        strength=round(min(abs(change or 0.0) / LOSS, 1.0), 3),
    )
