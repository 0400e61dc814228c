"""A good order by local search: tasks are moved until no single move helps.

Moving one task to another place is an insertion. The best insertion is made until none helps, from
several starts, and each result is perturbed and improved again.

References:
    T. Schiavinotto, T. Stützle (2004), The linear ordering problem: instances, search space
    analysis and algorithms. Journal of Mathematical Modelling and Algorithms 3(4).
"""

import numpy as np

from holdfast.planning.constraints import Constraints
from holdfast.planning.value import order_value, tie_width


def local_search(
    c: np.ndarray,
    constraints: Constraints,
    seed: int = 0,
    starts: int | None = None,
    kicks: int | None = None,
) -> list[int]:
    """Find a good order for more tasks than `exact_order` can take.

    Args:
        c: C[k, i] is what it is worth that k comes before i, shape (K, K).
        constraints: Which orders are allowed.
        seed: Seed of the starts and perturbations.
        starts: Number of starts. By default 10 + 240 / K, because few tasks are fast.
        kicks: Number of perturbations per start. By default 60 / K, but at least 3.

    Returns:
        Numbers of the tasks, first to last.

    Example:
        >>> local_search(np.array([[0.0, 0.1], [-0.3, 0.0]]), Constraints.none(2))
        [0, 1]
    """
    tasks = len(c)
    rng = np.random.default_rng(seed)
    starts = starts or 10 + 240 // tasks
    if kicks is None:
        kicks = max(3, 60 // tasks)
    # The best of all starts is kept, and within a start the best of all kicks.
    best: list[int] = []
    best_value = -np.inf
    for start in range(starts):
        # The first start is the task that gives most before all others, and so on.
        priority = c.sum(1) - c.sum(0)
        if start > 0:
            priority = rng.random(tasks)
        order = _descend(c, constraints, np.array(constraints.sorted(priority)))
        value = order_value(c, order)
        for _ in range(kicks):
            other = _descend(c, constraints, _kick(order, constraints, rng))
            other_value = order_value(c, other)
            if other_value > value:
                order, value = other, other_value
        if value > best_value:
            best, best_value = order.tolist(), value
    return best


def _descend(c: np.ndarray, constraints: Constraints, order: np.ndarray) -> np.ndarray:
    """Make the best insertion until none helps.

    With D = C − Cᵀ in the current order, moving position p behind q gains −Σ D[p, p+1..q], and
    moving it in front of q gains Σ D[p, q..p−1].
    """
    difference = c - c.T
    tie = tie_width(c)
    positions = np.arange(len(order))
    is_behind = positions > positions[:, None]
    while True:
        d = difference[np.ix_(order, order)]
        sums = np.cumsum(d, 1)
        # D[p, p] is 0, so the sum before p and the sum through p are the same.
        at_p = sums[positions, positions][:, None]
        gain = np.where(is_behind, at_p - sums, at_p - sums + d)
        if constraints.before.any():
            reachable = _reachable(constraints.before[np.ix_(order, order)])
            gain = np.where(reachable, gain, -np.inf)
        # The best of all K² insertions is made, and not the first that helps.
        p, q = np.unravel_index(int(gain.argmax()), gain.shape)
        # The next move could undo a gain within rounding, so the search would never end.
        if gain[p, q] <= tie:
            return order
        order = _moved(order, int(p), int(q))


def _reachable(before: np.ndarray) -> np.ndarray:
    """Tell which position p may move to which q, without passing a task that it is bound to.

    Args:
        before: The constraints in the current order, shape (K, K).

    Returns:
        Shape (K, K).
    """
    tasks = len(before)
    positions = np.arange(tasks)
    # The first position that must come after p, and the last that must come before it.
    first_after = np.where(before.any(1), before.argmax(1), tasks)
    last_before = np.where(before.any(0), tasks - 1 - before[::-1].argmax(0), -1)
    is_early_enough = positions[None] < first_after[:, None]
    is_late_enough = positions[None] > last_before[:, None]
    reachable: np.ndarray = is_early_enough & is_late_enough
    return reachable


def _moved(order: np.ndarray, p: int, q: int) -> np.ndarray:
    """Return the order with the task at position p moved to position q."""
    # Written out, because the general functions of NumPy take ten times as long for few tasks.
    moved = order.copy()
    if p < q:
        moved[p:q] = order[p + 1 : q + 1]
    else:
        moved[q + 1 : p + 1] = order[q:p]
    moved[q] = order[p]
    return moved


def _kick(order: np.ndarray, constraints: Constraints, rng: np.random.Generator) -> np.ndarray:
    """Make a few random insertions that the constraints allow."""
    kicked = order
    # About an eighth of the tasks is moved on average, which few insertions can undo.
    moves = int(rng.integers(2, max(4, len(order) // 4)))
    for _ in range(moves):
        p, q = rng.integers(len(order), size=2).tolist()
        moved = _moved(kicked, p, q)
        # A move that breaks a constraint is skipped and not replaced by another.
        if constraints.allow(moved):
            kicked = moved
    return kicked
