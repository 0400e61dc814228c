"""The best order by dynamic programming over subsets of tasks.

Let f(S) be the greatest value of an order of the tasks in S. If task i comes last in S ∪ {i}, then

    f(S ∪ {i}) = f(S) + Σ_{k ∈ S} C[k, i]

and the best last task gives f. A subset is a number whose bit i is set if task i is in it.

References:
    M. Held, R. M. Karp (1962), A dynamic programming approach to sequencing problems. Journal of
    the Society for Industrial and Applied Mathematics 10(1).
"""

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.planning.constraints import Constraints
from holdfast.planning.value import tie_width

MOST_TASKS = 24  # 2^24 subsets take about 700 MB
LOW_BITS = 11  # sums over subsets are kept for the first 11 tasks and for the others


def exact_order(c: np.ndarray, constraints: Constraints) -> tuple[list[int], float]:
    """Find the best of all orders, and count how many are as good.

    It takes about 40 bytes of memory for each of the 2^K subsets.

    Args:
        c: C[k, i] is what it is worth that k comes before i, shape (K, K).
        constraints: Which orders are allowed.

    Returns:
        Numbers of the tasks, first to last, and the number of orders of that value.

    Raises:
        HoldfastError: There are more than 24 tasks.

    Example:
        >>> exact_order(np.array([[0.0, 0.1], [-0.3, 0.0]]), Constraints.none(2))
        ([0, 1], 1.0)
    """
    if len(c) > MOST_TASKS:
        raise HoldfastError(
            f"the exact order of {len(c)} tasks does not fit in memory; "
            f"use at most {MOST_TASKS} tasks, or local search"
        )
    table = _Table(c, constraints)
    table.fill(tie_width(c))
    return table.best_order(), float(table.ways[-1])


class _Table:
    """The greatest value of every subset of tasks, and how many orders have it.

    Args:
        c: The values of all pairs, shape (K, K).
        constraints: Which orders are allowed.
    """

    def __init__(self, c: np.ndarray, constraints: Constraints) -> None:
        self.tasks = len(c)
        # The sum over any subset is one lookup for its low bits and one for its high bits.
        self.bits = min(self.tasks, LOW_BITS)
        self.low_sums = _subset_sums(c[: self.bits])
        self.high_sums = _subset_sums(c[self.bits :])
        self.needed = []
        for task in range(self.tasks):
            predecessors = np.flatnonzero(constraints.before[:, task]).tolist()
            self.needed.append(sum(1 << other for other in predecessors))
        self.greatest = np.full(1 << self.tasks, -np.inf)
        self.ways = np.zeros(1 << self.tasks)
        # The empty subset has one order, of value 0.
        self.greatest[0] = 0.0
        self.ways[0] = 1.0

    def value(self, task: int, before: np.ndarray) -> np.ndarray:
        """Compute the greatest value of each subset in `before`, followed by a task."""
        low = self.low_sums[task][before & ((1 << self.bits) - 1)]
        high = self.high_sums[task][before >> self.bits]
        values: np.ndarray = self.greatest[before] + low + high
        return values

    def fill(self, tie: float) -> None:
        """Fill the table, one size of subsets after another.

        Args:
            tie: Difference up to which two values are equal but for rounding.
        """
        for layer in _layers(self.tasks)[1:]:
            best = np.full(len(layer), -np.inf)
            count = np.zeros(len(layer))
            for task in range(self.tasks):
                rows = np.flatnonzero(layer >> task & 1)
                before = layer[rows] ^ (1 << task)
                # Without constraints there is nothing to select, and copying would cost time.
                if self.needed[task]:
                    allowed = self._allows_last(task, before)
                    rows = rows[allowed]
                    before = before[allowed]
                value = self.value(task, before)
                earlier = best[rows]
                # −∞, which is a subset that the constraints give no order, ties with itself.
                with np.errstate(invalid="ignore"):
                    is_better = value > earlier + tie
                    is_tie = np.abs(value - earlier) <= tie
                ways = self.ways[before]
                added = np.where(is_tie, count[rows] + ways, count[rows])
                count[rows] = np.where(is_better, ways, added)
                best[rows] = np.maximum(earlier, value)
            self.greatest[layer] = best
            self.ways[layer] = count

    def _allows_last(self, task: int, before: np.ndarray) -> np.ndarray:
        """Tell for which subsets the task may come directly after them."""
        needed = self.needed[task]
        allowed: np.ndarray = (before & needed) == needed
        return allowed

    def best_order(self) -> list[int]:
        """Read the best order from the filled table, from the last task to the first."""
        reversed_order = []
        subset = (1 << self.tasks) - 1
        while subset:
            # Of equally good last tasks the one with the lowest number is taken.
            candidates = []
            for task in range(self.tasks):
                before = np.array(subset ^ (1 << task))
                if subset >> task & 1 and self._allows_last(task, before):
                    candidates.append((float(self.value(task, before)), -task))
            last = -max(candidates)[1]
            reversed_order.append(last)
            subset ^= 1 << last
        return reversed_order[::-1]


def _subset_sums(rows: np.ndarray) -> np.ndarray:
    """Compute the sum over the rows in each subset, (K, 2^n), of n rows with K columns."""
    sums = np.zeros((rows.shape[1], 1 << len(rows)))
    for bit, row in enumerate(rows):
        # The subsets with this bit are those without it, in the same order, plus this row.
        sums[:, 1 << bit : 2 << bit] = sums[:, : 1 << bit] + row[:, None]
    return sums


def _layers(tasks: int) -> list[np.ndarray]:
    """List all subsets, grouped by their size."""
    sizes = np.zeros(1 << tasks, dtype=np.uint8)
    for bit in range(tasks):
        sizes[1 << bit : 2 << bit] = sizes[: 1 << bit] + 1
    by_size = np.argsort(sizes, kind="stable").astype(np.int32)
    return np.split(by_size, np.cumsum(np.bincount(sizes))[:-1])
