"""The order of the rows of a verdict: what became worse comes first."""

from collections.abc import Sequence

from holdfast.gate.verdict import TaskVerdict

# These come before and after all losses.
BEFORE_ALL = float("inf")
AFTER_ALL = float("-inf")


def by_size(rows: Sequence[TaskVerdict]) -> list[TaskVerdict]:
    """Sort rows by their loss, the largest first. Rows that were not tested come before them."""

    def place(row: TaskVerdict) -> float:
        if row.severity is None:
            return -BEFORE_ALL
        return -row.severity

    return sorted(rows, key=place)


def in_order(rows: Sequence[TaskVerdict]) -> list[TaskVerdict]:
    """Sort tasks by their worst change, including that of their parts, and put parts below tasks.

    Each task is followed by its segments and then by its classes.
    """
    rows_of_task: dict[str, list[TaskVerdict]] = {}
    for row in rows:
        rows_of_task.setdefault(row.task, []).append(row)
    ordered: list[TaskVerdict] = []
    for group in sorted(rows_of_task.values(), key=_worst_loss, reverse=True):
        ordered += [row for row in group if not row.nested]
        ordered += by_size([row for row in group if row.segment])
        ordered += by_size([row for row in group if row.class_label])
    return ordered


def _worst_loss(group: Sequence[TaskVerdict]) -> float:
    """Return the worst loss in the rows of a task."""
    losses: list[float] = []
    for row in group:
        if row.severity is not None:
            losses.append(row.severity)
        elif row.decision == "fail":
            return BEFORE_ALL  # the candidate was not tested on it, or it is below its floor
    return max(losses, default=AFTER_ALL)
