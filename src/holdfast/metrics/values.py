"""Check single values from outside before a matrix takes them.

Each function returns the checked value (a number, a name, a range, chance levels) or raises one
error that names the value and says what was expected.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import SupportsFloat, SupportsIndex

import numpy as np

from holdfast.errors import HoldfastError, unknown

ScoreRange = tuple[float, float]  # the lowest and the highest possible score
OF_ACCURACY: ScoreRange = (0.0, 1.0)
WIDEST = 1e30  # the largest size of a score, so that sums and squares of scores stay finite
NUMERIC = str | bytes | SupportsFloat | SupportsIndex  # the types that float() converts
LONGEST_SHOWN = 50  # how many characters of a wrong value a message shows


def shown_value(value: object) -> str:
    """Return a value as text that is short enough for a message."""
    return str(value)[:LONGEST_SHOWN]


def is_missing(value: object) -> bool:
    """Tell whether a cell of a table is empty: None, an empty text, or NaN."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value == ""


def number(value: object, what: str = "the score") -> float:
    """Convert a number, or text that is one, to float.

    Args:
        value: The value from outside.
        what: The value as the message calls it.

    Raises:
        HoldfastError: The value is no number or does not fit into a float.
    """
    # Python reads True as 1 and "1_000" as 1000. In a table of scores, both are mistakes.
    is_bool = isinstance(value, bool | np.bool_)
    has_underscore = isinstance(value, str) and "_" in value
    try:
        if is_bool or has_underscore or not isinstance(value, NUMERIC):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise HoldfastError(f"{what} must be a number, got {shown_value(value)!r}") from None
    except OverflowError:
        raise HoldfastError(
            f"{what} is too large for a score or a count; expected at most {WIDEST:g}"
        ) from None


def whole_number(value: object, what: str) -> int:
    """Convert a whole number of at least 1, or text that is one, to int.

    Args:
        value: The value from outside.
        what: The value as the message calls it.

    Raises:
        HoldfastError: The value is no whole number of at least 1.
    """
    converted = number(value, what)
    # Above 2^53 a float does not hold every whole number.
    if not converted.is_integer() or not 1 <= converted < 2**53:
        raise HoldfastError(
            f"{what} must be a whole number of at least 1, got {shown_value(value)}"
        )
    return int(converted)


def task_name(value: object) -> Hashable:
    """Return a task's name; a list from JSON (a name of several parts) becomes a tuple.

    Raises:
        HoldfastError: The name cannot be a key of a dict.
    """
    name = value
    if isinstance(value, list):
        name = tuple(value)
    try:
        hash(name)
    except TypeError:
        raise HoldfastError(
            f"a task's name must be text or a number, got {shown_value(value)}"
        ) from None
    return name


def task_names(tasks: Sequence[object]) -> tuple[Hashable, ...]:
    """Check the names of all tasks of a matrix.

    Raises:
        HoldfastError: There is no name, a name is empty, or two names are the same.
    """
    names = tuple(task_name(task) for task in tasks)
    if not names:
        raise HoldfastError("an accuracy matrix needs at least one task, got none")
    if any(is_missing(name) for name in names):
        raise HoldfastError("a task has no name: it is empty, None or NaN; name every task")
    if len(set(names)) < len(names):
        raise HoldfastError(f"task names must differ, got {str(list(names))[:200]}")
    return names


def check_known(tasks: Sequence[Hashable], task: Hashable, after: Hashable | None) -> None:
    """Raise an error if one of two tasks is not among `tasks`. `after` may be None."""
    if task not in tasks:
        raise unknown("task", task, map(str, tasks))
    if after is not None and after not in tasks:
        raise unknown("task in after=", after, map(str, tasks))


def score_bounds(value: object) -> ScoreRange:
    """Check a score range.

    Returns:
        The lowest and the highest possible score.

    Raises:
        HoldfastError: The value is not a pair of finite numbers in ascending order.
    """
    if isinstance(value, list | tuple) and len(value) == 2:
        low = number(value[0], "score_range")
        high = number(value[1], "score_range")
        if -WIDEST <= low < high <= WIDEST:
            return low, high
    raise HoldfastError(
        "score_range must be (lowest, highest), two different numbers of a size below "
        f"{WIDEST:g}, got {shown_value(value)}"
    )


def chance_levels(
    value: object,
    tasks: Sequence[Hashable],
    bounds: ScoreRange,
) -> dict[Hashable, float]:
    """Check the scores that guessing reaches.

    Args:
        value: One number for all tasks, a mapping from task to number, or None.
        tasks: The tasks of the matrix.
        bounds: The lowest and the highest possible score.

    Returns:
        The level of each task that has one, in the order of tasks. A task whose level is None is
        left out.

    Raises:
        HoldfastError: A task is unknown, or a level is no possible score.
    """
    levels: Mapping[Hashable, object] = {}
    if isinstance(value, Mapping):
        levels = value
    elif value is not None:
        levels = dict.fromkeys(tasks, value)
    for task in levels:
        if task not in tasks:
            raise HoldfastError(
                f"chance names task {shown_value(task)!r}, which is not in the matrix"
            )
    checked = {}
    for task in tasks:
        if levels.get(task) is not None:
            what = f"chance of task {shown_value(task)!r}"
            checked[task] = _possible_score(levels[task], what, bounds)
    return checked


def _possible_score(value: object, what: str, bounds: ScoreRange) -> float:
    """Check that a number lies within the score range."""
    level = number(value, what)
    low, high = bounds
    if not low <= level <= high:
        raise HoldfastError(
            f"{what} must be a possible score, in [{low:g}, {high:g}], got {level:g}"
        )
    return level
