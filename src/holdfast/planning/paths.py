"""The longest path through all tasks: each task is as unlike the one before it as can be.

The length of an order is the sum of the distances between neighbours. It is found exactly for few
tasks. With a subset S of tasks and its last task i, the longest path is

    f(S, i) = max_{j ∈ S without i} f(S without i, j) + d[j, i]

A subset is a number whose bit i is set if task i is in it.

References:
    Z. Li, N. Hiratani (2025), Optimal task order for continual learning of multiple tasks. ICML.
"""

import numpy as np

from holdfast.planning.constraints import Constraints

EXACT = 14  # tasks up to which the longest path is found exactly


def longest_path(distance: np.ndarray, rules: Constraints) -> list[int]:
    """Find an order of tasks with a long path.

    Args:
        distance: Distance between tasks, shape (K, K), symmetric.
        rules: Which orders are allowed.

    Returns:
        Numbers of the tasks, first to last: the longest path for up to 14 tasks, and a good one for
        more.

    Example:
        >>> d = np.array([[0, 1, 3], [1, 0, 2], [3, 2, 0]])
        >>> longest_path(d, Constraints.none(3))
        [1, 2, 0]
    """
    if len(distance) <= EXACT:
        return _exact_path(distance, rules)
    return _greedy_path(distance, rules)


def _exact_path(distance: np.ndarray, rules: Constraints) -> list[int]:
    """Find the longest path by dynamic programming over subsets."""
    tasks = len(distance)
    length = _lengths(distance, rules)
    # The path is read from its last task to its first.
    subset = (1 << tasks) - 1
    last = int(length[subset].argmax())
    reversed_path = [last]
    while subset != 1 << last:
        subset ^= 1 << last
        last = int((length[subset] + distance[:, last]).argmax())
        reversed_path.append(last)
    return reversed_path[::-1]


def _lengths(distance: np.ndarray, rules: Constraints) -> np.ndarray:
    """Compute the longest path through each subset that ends with each task, (2^K, K)."""
    tasks = len(distance)
    needed = []
    for task in range(tasks):
        predecessors = np.flatnonzero(rules.before[:, task]).tolist()
        needed.append(sum(1 << other for other in predecessors))
    # −∞ stands for a path that the constraints do not allow.
    length = np.full((1 << tasks, tasks), -np.inf)
    for subset in range(1, 1 << tasks):
        for last in range(tasks):
            before = subset ^ (1 << last)
            is_inside = subset >> last & 1
            is_allowed = (before & needed[last]) == needed[last]
            if not is_inside or not is_allowed:
                continue
            length[subset, last] = 0.0
            if before:
                length[subset, last] = (length[before] + distance[:, last]).max()
    return length


def _greedy_path(distance: np.ndarray, rules: Constraints) -> list[int]:
    """Find the best of K paths, each of which goes to the farthest task next."""
    best = list(range(len(distance)))
    longest = -np.inf
    for start in range(len(distance)):
        path = _greedy_path_from(start, distance, rules)
        length = float(distance[path[:-1], path[1:]].sum())
        # Of equally long paths the first is kept.
        if length > longest:
            best, longest = path, length
    return best


def _greedy_path_from(start: int, distance: np.ndarray, rules: Constraints) -> list[int]:
    """Go to the farthest task that is free, beginning with `start` if the constraints allow it."""
    remaining = set(range(len(distance)))
    free = rules.free(remaining)
    first = free[0]
    if start in free:
        first = start
    # Any free task will do instead, because each of the K paths tries another start.
    path = [first]
    remaining.remove(first)
    while remaining:
        from_here = distance[path[-1]]
        farthest = max(rules.free(remaining), key=lambda task: from_here[task])
        path.append(farthest)
        remaining.remove(farthest)
    return path
