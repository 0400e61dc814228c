"""The linear ordering problem: the order that maximises Σ C[k, i] over all pairs with k before i.

Up to 22 tasks it is solved exactly (see `exact`), beyond them by local search (see `insertion`).
"""

import numpy as np

from holdfast.planning.constraints import Constraints
from holdfast.planning.exact import exact_order
from holdfast.planning.insertion import local_search

EXACT = 22  # tasks up to which the optimum takes seconds


def best_order(
    c: np.ndarray,
    constraints: Constraints | None = None,
    exact: bool | None = None,
    seed: int = 0,
) -> list[int]:
    """Find the order of greatest value.

    Args:
        c: C[k, i] is what it is worth that k comes before i, shape (K, K).
        constraints: Which orders are allowed. By default all.
        exact: Whether the order must be the best of all, which is possible for at most 24 tasks. By
            default it is for up to 22 tasks, and the best that local search finds for more.
        seed: Seed of local search.

    Returns:
        Numbers of the tasks, first to last.

    Raises:
        HoldfastError: The exact order was asked for, and there are more than 24 tasks.

    Example:
        >>> best_order(np.array([[0.0, 0.1], [-0.3, 0.0]]))
        [0, 1]
    """
    rules = constraints or Constraints.none(len(c))
    # The limit is lower than what memory allows, so that a plan takes seconds.
    if exact is None:
        exact = len(c) <= EXACT
    if exact:
        order, _ = exact_order(c, rules)
        return order
    return local_search(c, rules, seed)
