"""The tasks of rows, as one tensor of task numbers.

Rows of one task are the usual case. Their tensor repeats a single number without storing it again
(it is expanded, so its stride is 0), and a network may then be called with that one number. Rows
whose tasks may differ have an ordinary tensor, even if the numbers happen to be equal.
"""

from functools import lru_cache

import torch
from torch import Tensor


def rows_of_task(number: int, rows: int) -> Tensor:
    """The tasks of rows that are all of one task.

    Args:
        number: The number of the task.
        rows: How many rows there are.

    Returns:
        The number of the task of each row, (N,), int64, on the CPU.

    Example:
        >>> rows_of_task(3, rows=2)
        tensor([3, 3])
    """
    return _number(number).expand(rows)


@lru_cache(maxsize=1000)
def _number(number: int) -> Tensor:
    """The number as a tensor, which is made once, because every batch needs it."""
    return torch.tensor(number)


def shared_task(tasks: Tensor) -> int | None:
    """The number of the task that rows share.

    Args:
        tasks: The task of each row, (N,).

    Returns:
        The number; None if the rows may be of several tasks, or there are none.

    Example:
        >>> shared_task(rows_of_task(3, rows=2)), shared_task(torch.tensor([3, 4]))
        (3, None)
    """
    # Comparing all numbers would cost as much as a small layer, at every step.
    if len(tasks) == 0 or tasks.stride(0) != 0:
        return None
    return int(tasks[0])


def tasks_at(tasks: Tensor, index: Tensor) -> Tensor:
    """The tasks of the rows at these places; rows of one task stay known as such.

    Args:
        tasks: The task of each row, (N,), on the CPU.
        index: Places of rows, (M,), on any device.

    Returns:
        The task of each of them, (M,).
    """
    # An index would store the number once per row, and nobody could see that it is one task.
    if tasks.stride(0) == 0 and len(tasks):
        return tasks[:1].expand(len(index))
    return tasks.index_select(0, index.cpu())


def joined_tasks(tasks: Tensor, more: Tensor) -> Tensor:
    """The tasks of rows and of more rows behind them; rows of one task stay known as such.

    Args:
        tasks: The task of each row, (N,).
        more: The task of each further row, (M,).

    Returns:
        The task of each of them, (N + M,).
    """
    number = shared_task(tasks)
    if number is not None and number == shared_task(more):
        return rows_of_task(number, len(tasks) + len(more))
    return torch.cat([tasks, more])
