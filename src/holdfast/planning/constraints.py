"""Constraints on the order of tasks: which task must come before which."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError, unknown

# Draws per random order that is asked for. Constraints may leave fewer orders than that.
DRAWS = 100


@dataclass(frozen=True)
class Constraints:
    """Which tasks must come before which others.

    Args:
        before: `before[a, b]` is true if task a must come before task b, shape (K, K) for K tasks.
            It is transitively closed: with a before b and b before c, it also has a before c.

    Example:
        >>> rules = Constraints.parse(["A", "B", "C"], ["A before B", "C first"])
        >>> rules.allow([2, 0, 1]), rules.allow([0, 1, 2])
        (True, False)
    """

    before: np.ndarray

    @classmethod
    def none(cls, tasks: int) -> "Constraints":
        """Return no constraint.

        Args:
            tasks: Number of tasks.
        """
        return cls(np.zeros((tasks, tasks), dtype=bool))

    @classmethod
    def parse(cls, names: Sequence[str], texts: Iterable[str]) -> "Constraints":
        """Read constraints as a user writes them.

        Args:
            names: Names of all tasks.
            texts: Constraints such as "A before B", "C first" or "D last".

        Returns:
            The constraints, with everything that follows from them.

        Raises:
            HoldfastError: A text cannot be read, a task is unknown, or the constraints contradict
                each other.

        Example:
            >>> rules = Constraints.parse(["A", "B", "C"], ["A before B", "C first"])
            >>> rules.before.astype(int).tolist()
            [[0, 1, 0], [0, 0, 0], [1, 1, 0]]
        """
        before = np.zeros((len(names), len(names)), dtype=bool)
        for text in texts:
            _add(before, text, names)
        closed = transitive_closure(before)
        # In a circle, every task must come before itself.
        circle = np.flatnonzero(closed.diagonal())
        if len(circle):
            tasks = ", ".join(names[int(task)] for task in circle)
            raise HoldfastError(
                "the constraints contradict each other: they go round in a circle among "
                f"{tasks}; leave one of them out"
            )
        return cls(closed)

    def allow(self, order: Sequence[int] | np.ndarray) -> bool:
        """Tell whether an order keeps all constraints.

        Args:
            order: Numbers of all tasks, first to last.
        """
        # The inverse of a permutation: the place of each task.
        place = np.argsort(order)
        first, second = np.nonzero(self.before)
        return bool((place[first] < place[second]).all())

    def free(self, tasks: Collection[int]) -> list[int]:
        """Return those of some tasks that need none of the others before them."""
        others = list(tasks)
        return [task for task in others if not self.before[others, task].any()]

    def sorted(self, priority: np.ndarray) -> list[int]:
        """Order tasks by descending priority, each as early as the constraints allow.

        Args:
            priority: One number per task, shape (K,). Of equal ones, the lower number comes first.

        Returns:
            Numbers of all tasks, first to last.
        """
        # Constraints without a circle always leave at least one free task.
        remaining = set(range(len(priority)))
        order = []
        while remaining:
            chosen = min(self.free(remaining), key=lambda task: (-priority[task], task))
            order.append(chosen)
            remaining.remove(chosen)
        return order


def random_orders(tasks: int, rules: Constraints, count: int) -> list[tuple[int, ...]]:
    """Draw random orders that differ from each other, or as many as the constraints leave.

    Args:
        tasks: Number of tasks.
        rules: Which orders are allowed.
        count: How many orders.

    Returns:
        The orders as numbers of the tasks. The same arguments give the same orders.

    Example:
        >>> sorted(random_orders(2, Constraints.none(2), 10))
        [(0, 1), (1, 0)]
    """
    # A fixed seed, so that a command that is given again finds its finished runs.
    rng = np.random.default_rng(0)
    # A dictionary keeps the order in which they were drawn.
    orders: dict[tuple[int, ...], None] = {}
    for _ in range(DRAWS * count):
        if len(orders) == count:
            break
        orders.setdefault(tuple(rules.sorted(rng.random(tasks))))
    return list(orders)


def transitive_closure(before: np.ndarray) -> np.ndarray:
    """Add everything that follows from "a before b": with b before c, also a before c.

    Args:
        before: Shape (K, K).

    Returns:
        A new array, shape (K, K).
    """
    closed = before.copy()
    # Warshall's algorithm: after step k, all paths through the tasks up to k are known.
    for k in range(len(closed)):
        closed |= closed[:, k : k + 1] & closed[k : k + 1]
    return closed


def _add(before: np.ndarray, text: str, names: Sequence[str]) -> None:
    """Read one constraint and write it into `before`, (K, K)."""
    stripped = text.strip()
    # The separator is tried first, so that a task may be called "X first".
    first, separator, second = text.partition(" before ")
    everything = np.arange(len(names))
    if separator:
        before[_index(first, names), _index(second, names)] = True
    elif stripped.endswith(" first"):
        task = _index(stripped.removesuffix(" first"), names)
        before[task, everything != task] = True
    elif stripped.endswith(" last"):
        task = _index(stripped.removesuffix(" last"), names)
        before[everything != task, task] = True
    else:
        raise HoldfastError(
            f"constraint {text!r} cannot be read; expected 'A before B', 'A first' or 'A last'"
        )


def _index(name: str, names: Sequence[str]) -> int:
    """Return the number of a task."""
    stripped = name.strip()
    if stripped not in names:
        raise unknown("task", stripped, names)
    return names.index(stripped)
