"""How cost grows with the number of tasks: time, parameters and bytes after each task, and the polynomial that fits them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.reports.results import Group

KINDS = ("none", "constant", "linear", "quadratic")
LEAST_TASKS = 10  # below it a polynomial says nothing
PLAIN = "FineTune()"


def fitted_growth(values: Sequence[float], exact: bool = True) -> str:
    """The smallest polynomial in the number of tasks that fits values after tasks 2, 3, …: none (all 0), constant, linear, quadratic.

    `exact` for counts: residuals within 1 % of the range and, for a constant, a range within 1 % of the mean. Else for times: a
    higher degree must explain at least half of what the lower one left, and its rise must be 30 % of the mean or more.

    >>> [fitted_growth([f(k) for k in range(2, 20)]) for f in (lambda k: 0, lambda k: 7, lambda k: 3 + 2 * k, lambda k: k * k + 5)]
    ['none', 'constant', 'linear', 'quadratic']
    """
    y = np.asarray(values, dtype=float)
    if len(y) < LEAST_TASKS - 1:
        raise HoldfastError(f"a fit needs {LEAST_TASKS - 1} values or more, got {len(y)}")
    if not y.any():
        return "none"
    x, mean = np.arange(2, 2 + len(y), dtype=float), float(abs(y).mean())
    left = [float(np.abs(y - np.polyval(np.polyfit(x, y, d), x)).max()) for d in range(3)]
    if exact:
        if left[0] * 2 <= 0.01 * mean:
            return "constant"
        return "linear" if left[1] <= 0.01 * np.ptp(y) else "quadratic"
    squares = [float(((y - np.polyval(np.polyfit(x, y, d), x)) ** 2).sum()) for d in range(3)]
    line = np.polyfit(x, y, 1)
    if abs(line[0]) * np.ptp(x) < 0.3 * mean or squares[1] > 0.5 * squares[0]:
        return "constant"
    return "quadratic" if squares[2] < 0.5 * squares[1] else "linear"


@dataclass(frozen=True)
class Growth:
    """One cost of one group: what was declared, what fits, and the values after each task (from the second on)."""

    label: str
    cost: str  # time, parameters, bytes, peak
    declared: str | None
    fitted: str
    values: tuple[float, ...]

    @property
    def agrees(self) -> bool:
        """Whether the fit is the declaration."""
        return self.declared is None or self.declared == self.fitted


def growth(groups: Sequence[Group]) -> list[Growth]:
    """Growth of every group of one scenario with 10 tasks or more; the least over runs for times, which others' work can only raise.

    Parameters are fitted beyond FineTune's where it is among the groups (heads that tasks bring are not the method's), else beyond those
    after the first task.
    """
    plain = next(
        (_series(g, "parameters").min(0) for g in groups if g.method == PLAIN and _long(g)), None
    )
    out = []
    for g in groups:
        if not _long(g):
            continue
        declared = g.results[0]["declared"]
        total = sum(_series(g, k) for k in ("training", "consolidation"))
        time = np.diff(total, axis=1).min(0)
        parameters = _series(g, "parameters").min(0)
        beyond = parameters - (
            parameters[0] if plain is None or len(plain) != len(parameters) else plain
        )
        size, peak = _series(g, "method_bytes").max(0), _series(g, "peak_bytes").min(0)
        out += [
            Growth(
                g.label, "time", declared["time"], fitted_growth(time, exact=False), tuple(time)
            ),
            Growth(
                g.label,
                "parameters",
                declared["parameters"],
                fitted_growth(beyond[1:]),
                tuple(parameters[1:]),
            ),
            Growth(g.label, "bytes", declared["memory"], fitted_growth(size[1:]), tuple(size[1:])),
            Growth(g.label, "peak", None, fitted_growth(peak[1:], exact=False), tuple(peak[1:])),
        ]
    return out


def _long(g: Group) -> bool:
    return all(
        len(r["cost"].get("by_task", [])) >= LEAST_TASKS and r.get("declared") for r in g.results
    )


def _series(g: Group, key: str) -> np.ndarray:
    """(runs, tasks): a cost after each task."""
    return np.array([[row[key] for row in r["cost"]["by_task"]] for r in g.results], dtype=float)
