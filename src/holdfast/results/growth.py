"""How cost grows with the number of tasks, and the polynomial that fits it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.results.cost import DeclaredGrowth
from holdfast.results.groups import Group

KINDS = ("none", "constant", "linear", "quadratic")
LEAST_TASKS = 10  # with fewer tasks a polynomial says nothing
PLAIN = "FineTune()"
EXACT = 0.01  # largest residual of an exact fit, as a share of the range
LEAST_RISE = 0.3  # of the mean, below which times count as constant
LEAST_GAIN = 0.5  # share of the squared residuals that a higher degree must explain


def fitted_growth(values: Sequence[float] | np.ndarray, exact: bool = True) -> str:
    """Find the smallest polynomial in the number of tasks that fits some values.

    Args:
        values: A cost after tasks 2, 3, and so on, at least nine values.
        exact: Whether the values are counts, which have no noise. The residuals must then be within
            1 % of the range, and a constant may vary by 1 % of the mean. Otherwise they are times:
            a higher degree must explain at least half of what the lower one left, and the rise must
            be 30 % of the mean or more.

    Returns:
        "none" (all values are 0), "constant", "linear" or "quadratic".

    Raises:
        HoldfastError: There are too few values.

    Example:
        >>> fitted_growth([3 + 2 * tasks for tasks in range(2, 20)])
        'linear'
        >>> fitted_growth([tasks * tasks + 5 for tasks in range(2, 20)])
        'quadratic'
        >>> fitted_growth([7] * 18), fitted_growth([0] * 18)
        ('constant', 'none')
    """
    y = np.asarray(values, dtype=float)
    if len(y) < LEAST_TASKS - 1:
        raise HoldfastError(f"a fit needs {LEAST_TASKS - 1} values or more, got {len(y)}")
    if not y.any():
        return "none"
    if exact:
        return _fitted_counts(y)
    return _fitted_times(y)


def _tasks(y: np.ndarray) -> np.ndarray:
    """Return the number of tasks at each value, from two on."""
    return np.arange(2, 2 + len(y), dtype=float)


def _residuals(y: np.ndarray, degree: int) -> np.ndarray:
    """Return what a polynomial of this degree leaves unexplained."""
    x = _tasks(y)
    left: np.ndarray = y - np.polyval(np.polyfit(x, y, degree), x)
    return left


def _fitted_counts(y: np.ndarray) -> str:
    """Find the degree that fits values without noise."""
    mean = float(np.abs(y).mean())
    # The residuals of a constant are half of the range at most.
    if np.abs(_residuals(y, 0)).max() * 2 <= EXACT * mean:
        return "constant"
    if np.abs(_residuals(y, 1)).max() <= EXACT * np.ptp(y):
        return "linear"
    return "quadratic"


def _fitted_times(y: np.ndarray) -> str:
    """Find the degree that fits values with noise, such as times."""
    # Squares, unlike the largest residual above, are not decided by a single slow task.
    squares = [float((_residuals(y, degree) ** 2).sum()) for degree in range(3)]
    x = _tasks(y)
    slope = np.polyfit(x, y, 1)[0]
    rise = abs(slope) * np.ptp(x)
    # A small rise, or one that explains little, may be noise alone.
    if rise < LEAST_RISE * np.abs(y).mean() or squares[1] > LEAST_GAIN * squares[0]:
        return "constant"
    if squares[2] < LEAST_GAIN * squares[1]:
        return "quadratic"
    return "linear"


@dataclass(frozen=True)
class Growth:
    """How one cost of one group grows.

    Args:
        label: The group.
        cost: "time", "parameters", "bytes" or "peak".
        declared: What the method declares; None if it declares nothing about this cost.
        fitted: What fits the measured values.
        values: The cost after each task, from the second on.
    """

    label: str
    cost: str
    declared: str | None
    fitted: str
    values: tuple[float, ...]

    @property
    def agrees(self) -> bool:
        """Whether the fit is what the method declares."""
        return self.declared is None or self.declared == self.fitted


def growth(groups: Sequence[Group]) -> list[Growth]:
    """Fit the growth of every cost of groups with ten tasks or more.

    Parameters are fitted beyond those of FineTune if it is among the groups, because outputs that
    tasks bring along are not the method's. Otherwise they are fitted beyond those after the first
    task.

    Args:
        groups: Groups of one scenario.

    Returns:
        Time, parameters, bytes and peak memory of each group that is long enough.
    """
    plain = None
    # FineTune adds nothing, so its parameters are those of the network and its outputs alone.
    for group in groups:
        if group.method == PLAIN and _declared_and_long(group):
            plain = _by_task(group, "parameters").min(0)
            break
    fits = []
    for group in groups:
        declared = _declared_and_long(group)
        if declared is not None:
            fits += _growth_of(group, declared, plain)
    return fits


def _growth_of(group: Group, declared: DeclaredGrowth, plain: np.ndarray | None) -> list[Growth]:
    """Fit the four costs of one group, over its runs."""
    seconds = _by_task(group, "learning")
    # Other work on the machine can only raise a time, so the least one is nearest to the truth.
    time = np.diff(seconds, axis=1).min(0)
    parameters = _by_task(group, "parameters").min(0)
    base = parameters[0]
    if plain is not None and len(plain) == len(parameters):
        base = plain
    beyond = parameters - base
    # What a method keeps may depend on the seed; the largest amount is what a user must expect.
    size = _by_task(group, "method_bytes").max(0)[1:]
    peak = _by_task(group, "peak_bytes").min(0)[1:]
    label = group.label
    return [
        Growth(label, "time", declared.time, fitted_growth(time, exact=False), tuple(time)),
        Growth(
            label,
            "parameters",
            declared.parameters,
            fitted_growth(beyond[1:]),
            tuple(parameters[1:]),
        ),
        Growth(label, "bytes", declared.memory, fitted_growth(size), tuple(size)),
        Growth(label, "peak", None, fitted_growth(peak, exact=False), tuple(peak)),
    ]


def _declared_and_long(group: Group) -> DeclaredGrowth | None:
    """Return what the method declares, or None if the group cannot be fitted."""
    for result in group.results:
        if len(result.cost.by_task) < LEAST_TASKS or result.declared is None:
            return None
    return group.results[0].declared


def _by_task(group: Group, cost: str) -> np.ndarray:
    """Collect a cost after each task, shape (runs, tasks)."""
    by_run = [[getattr(task, cost) for task in run.cost.by_task] for run in group.results]
    return np.array(by_run, dtype=float)
