"""An accuracy matrix as a small table: lines of text for a terminal, HTML for a notebook."""

import math
from collections.abc import Hashable, Mapping
from typing import Protocol

from holdfast.metrics.cells import Key
from holdfast.metrics.values import OF_ACCURACY, ScoreRange
from holdfast.text import html_table, shown

MOST_TASKS = 12  # that a table shows
LONGEST_NAME = 14  # characters of the name of a task


class Scores(Protocol):
    """What a table needs of an accuracy matrix, which itself imports this file."""

    @property
    def tasks(self) -> tuple[Hashable, ...]:
        """The names of the tasks in the order of training."""

    @property
    def score_range(self) -> ScoreRange:
        """The lowest and the highest score."""

    @property
    def cells(self) -> Mapping[Key, object]:
        """The cells by task, by the task trained last, and by segment."""

    def score(self, task: Hashable, *, after: Hashable | None) -> float:
        """Return one score."""


def heading_of(matrix: Scores) -> str:
    """Write the line above the table: how many tasks, and what the numbers are."""
    tasks = len(matrix.tasks)
    unit = "points" if matrix.score_range == OF_ACCURACY else "scores"
    cut = f", the last {MOST_TASKS}" if tasks > MOST_TASKS else ""
    return f"AccuracyMatrix: {tasks} task{'s' * (tasks != 1)}{cut}, {unit} on each after each"


def cells_of(matrix: Scores) -> tuple[list[str], list[list[str]]]:
    """Write the headings and the rows of the table. A matrix of many tasks shows the last ones."""
    first = max(len(matrix.tasks) - MOST_TASKS, 0)
    tasks = matrix.tasks[first:]
    afters: list[Hashable | None] = list(tasks)
    # The untrained model has a row if it was evaluated.
    if not first and any(after is None for _, after, _ in matrix.cells):
        afters = [None, *tasks]
    rows = []
    for after in afters:
        name = "untrained" if after is None else _short(after)
        rows.append([name, *(_cell(matrix, task, after) for task in tasks)])
    return ["after", *map(_short, tasks)], rows


def as_text(matrix: Scores) -> str:
    """Write the table as lines of text, for `repr`."""
    headings, rows = cells_of(matrix)
    table = [headings, *rows]
    widths = [max(len(row[place]) for row in table) for place in range(len(headings))]
    lines = [heading_of(matrix)]
    for name, *cells in table:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    return "\n".join(lines)


def as_html(matrix: Scores) -> str:
    """Write the table as HTML, for notebooks."""
    headings, rows = cells_of(matrix)
    return html_table(headings, rows, heading_of(matrix))


def _short(task: object) -> str:
    """Write the name of a task, cut if it is long."""
    name = shown(str(task))
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 1]}…"


def _cell(matrix: Scores, task: Hashable, after: Hashable | None) -> str:
    """Write one score; nothing if the task was not evaluated then."""
    score = matrix.score(task, after=after)
    if math.isnan(score):
        return ""
    if matrix.score_range == OF_ACCURACY:
        return f"{100 * score:.1f}"
    return f"{score:.4g}"
