"""Accuracy matrices as results: the last row of a matrix is what the model can do now."""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.names import apart
from holdfast.gate.reading.checks import checked
from holdfast.gate.reading.dataframes import from_pandas
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.matrix import Cell
from holdfast.metrics.releases import Standing, standing

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTED = 3  # segments that a note names

Cells = dict[tuple[str, str], Cell]  # by task and segment; an empty segment is the whole task


def last_row(matrix: AccuracyMatrix, where: str) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Return the checked results of the last row of a matrix, and notes.

    They are single examples if every cell has them, and aggregated results otherwise.

    Raises:
        HoldfastError: A task has no cell in the last row, or two tasks have the same name as text.
    """
    names = [str(task) for task in matrix.tasks]
    for name in names:
        # The tasks 1 and "1" are two in a matrix, and would be one in a table.
        if names.count(name) > 1:
            raise HoldfastError(f"{where}: two tasks have the same name as text: {apart(name)}")
    last = matrix.tasks[-1]
    cells: Cells = {}
    for (task, after, segment), cell in matrix.cells.items():
        if after == last:
            cells[str(task), segment or ""] = cell
    for name in names:
        if (name, "") not in cells:
            raise HoldfastError(
                f"{where}: task {apart(name)} was not evaluated after the last task "
                f"{apart(str(last))}, so the gate cannot judge it"
            )
    # One table cannot hold both forms, so a single task without examples decides.
    has_examples = all(cells[name, ""].results is not None for name in names)
    if not has_examples:
        return _aggregated(cells, where)
    return _single_examples(matrix, cells, where)


def _aggregated(cells: Cells, where: str) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Return one row per cell."""
    import pandas as pd

    rows: list[tuple[str, str, float, int]] = []
    for (task, segment), cell in cells.items():
        rows.append((task, segment, cell.score, cell.examples or 0))
    frame = pd.DataFrame(rows, columns=["task", "segment", "score", "examples"])
    return checked(from_pandas(frame), where)


def _single_examples(
    matrix: AccuracyMatrix, cells: Cells, where: str
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Return one row per example of each task, numbered within the task."""
    import pandas as pd

    tables = []
    for task in matrix.tasks:
        frame = pd.DataFrame({"task": str(task), "score": cells[str(task), ""].results})
        # A matrix keeps the order of the test set, so the place of an example names it.
        frame["example_id"] = np.arange(len(frame))
        clusters = matrix.clusters.get(task)
        if clusters is not None:
            frame["cluster"] = clusters
        tables.append(frame)
    rows, notes = checked(from_pandas(pd.concat(tables, ignore_index=True)), where)

    segments = sorted({f"{task}/{segment}" for task, segment in cells if segment})
    if segments:
        ignored = (
            f"{len(segments)} segments of the accuracy matrix ({where}) were ignored, because "
            "results of single examples do not say which segment they belong to: "
            f"{', '.join(segments[:MOST_LISTED])}."
        )
        notes = (*notes, ignored)
    return rows, notes


def standing_of(matrix: AccuracyMatrix) -> Standing:
    """Return ACC, BWT and forgetting of the model after the last task."""
    scores_after: list[dict[str, float]] = []
    for after in matrix.tasks:
        scores: dict[str, float] = {}
        for task in matrix.tasks:
            score = matrix.score(task, after=after)
            if not np.isnan(score):  # the task was not evaluated then
                scores[str(task)] = score
        scores_after.append(scores)
    place = {str(task): position for position, task in enumerate(matrix.tasks)}
    return standing(scores_after, place)
