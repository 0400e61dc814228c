"""The linear ordering problem: the order that maximises Σ C[k, i] over all pairs with k before i, under precedence constraints.

Exact by dynamic programming over subsets, f(S ∪ {i}) = f(S) + Σ_{k∈S} C[k, i] (Held & Karp 1962's scheme); beyond `EXACT` tasks by the
best insertion move (Schiavinotto & Stützle 2004) from several starts, with perturbations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError, unknown

EXACT = 22  # tasks up to which the optimum is found by dynamic programming
CLOSE = 1e-9  # relative difference below which two orders tie


@dataclass(frozen=True)
class Constraints:
    """`before[a, b]`: a must come before b (transitively closed), (K, K)."""

    before: np.ndarray

    @classmethod
    def none(cls, tasks: int) -> "Constraints":
        """No constraint."""
        return cls(np.zeros((tasks, tasks), dtype=bool))

    @classmethod
    def parse(cls, names: Sequence[str], texts: Iterable[str]) -> "Constraints":
        """From texts such as "A before B", "C first", "D last".

        >>> Constraints.parse(["A", "B", "C"], ["A before B", "C first"]).before.astype(int).tolist()
        [[0, 1, 0], [0, 0, 0], [1, 1, 0]]
        """
        at = {n: k for k, n in enumerate(names)}
        before = np.zeros((len(names), len(names)), dtype=bool)

        def index(name: str) -> int:
            if name.strip() not in at:
                raise unknown("task", name.strip(), names)
            return at[name.strip()]

        for text in texts:
            first, found, second = text.partition(" before ")
            others = np.arange(len(names))
            if found:
                before[index(first), index(second)] = True
            elif text.strip().endswith(" first"):
                k = index(text.strip().removesuffix(" first"))
                before[k, others != k] = True
            elif text.strip().endswith(" last"):
                k = index(text.strip().removesuffix(" last"))
                before[others != k, k] = True
            else:
                raise HoldfastError(
                    f"constraint {text!r} cannot be read; expected 'A before B', 'A first' or 'A last'"
                )
        closed = before.copy()
        for k in range(len(names)):
            closed |= closed[:, k : k + 1] & closed[k : k + 1]
        circle = np.flatnonzero(closed.diagonal())
        if len(circle):
            inside = [names[int(k)] for k in circle]
            raise HoldfastError(
                f"the constraints contradict each other: they go round in a circle among {', '.join(inside)}"
            )
        return cls(closed)

    def allow(self, order: Sequence[int] | np.ndarray) -> bool:
        """Whether an order keeps them."""
        place = np.argsort(order)
        first, second = np.nonzero(self.before)
        return bool((place[first] < place[second]).all())

    def sorted(self, priority: np.ndarray) -> list[int]:
        """Tasks by descending priority (ties by number), each as early as the constraints let it."""
        left, out = set(range(len(priority))), []
        while left:
            free = [k for k in left if not any(self.before[j, k] for j in left)]
            out.append(min(free, key=lambda k: (-priority[k], k)))
            left.remove(out[-1])
        return out


def order_value(c: np.ndarray, order: Sequence[int] | np.ndarray) -> float:
    """Σ C[k, i] over pairs with k before i."""
    at = np.asarray(order)
    m = c[np.ix_(at, at)]
    return float(np.triu(m, 1).sum())


def best_order(
    c: np.ndarray, constraints: Constraints | None = None, exact: bool | None = None, seed: int = 0
) -> list[int]:
    """The order of greatest value: the optimum up to 22 tasks (`exact=True` asks for it), beyond them the best that local search finds."""
    rules = constraints or Constraints.none(len(c))
    if exact if exact is not None else len(c) <= EXACT:
        return exact_order(c, rules)[0]
    return local_search(c, rules, seed)


def exact_order(c: np.ndarray, constraints: Constraints) -> tuple[list[int], float]:
    """The optimum, and how many orders reach it. Memory 2^K times about 40 bytes."""
    k = len(c)
    if k > 24:
        raise HoldfastError(
            f"the exact order of {k} tasks does not fit in memory; at most 24, else local search"
        )
    size = 1 << k
    low = min(k, 11)
    low_sums, high_sums = _subset_sums(c[:low]), _subset_sums(c[low:])
    needed = [int(sum(1 << j for j in np.flatnonzero(constraints.before[:, i]))) for i in range(k)]
    f, ways = np.full(size, -np.inf), np.zeros(size)
    f[0], ways[0] = 0.0, 1.0
    close = CLOSE * max(float(np.abs(c).sum()), 1e-300)
    for layer in _layers(k)[1:]:
        best, count = np.full(len(layer), -np.inf), np.zeros(len(layer))
        for i in range(k):
            has = np.flatnonzero(layer >> i & 1)
            before = layer[has] ^ (1 << i)
            if needed[i]:
                fits = (before & needed[i]) == needed[i]
                has, before = has[fits], before[fits]
            value = f[before] + low_sums[i][before & ((1 << low) - 1)] + high_sums[i][before >> low]
            old = best[has]
            with np.errstate(
                invalid="ignore"
            ):  # −inf, where constraints leave no way, ties with itself
                better, tie = value > old + close, np.abs(value - old) <= close
            count[has] = np.where(
                better, ways[before], np.where(tie, count[has] + ways[before], count[has])
            )
            best[has] = np.maximum(old, value)
        f[layer], ways[layer] = best, count
    order, state = [], size - 1
    while state:
        reach = [
            (
                f[state ^ (1 << i)]
                + low_sums[i][(state ^ (1 << i)) & ((1 << low) - 1)]
                + high_sums[i][(state ^ (1 << i)) >> low],
                -i,
            )
            for i in range(k)
            if state >> i & 1 and (state ^ (1 << i)) & needed[i] == needed[i]
        ]
        i = -max(reach)[1]
        order.append(i)
        state ^= 1 << i
    return order[::-1], float(ways[-1])


def _subset_sums(rows: np.ndarray) -> np.ndarray:
    """(K, 2^n): the sum over the rows in each subset, for n rows of K columns."""
    out = np.zeros((rows.shape[1], 1 << len(rows)))
    for b, row in enumerate(rows):
        out[:, 1 << b : 2 << b] = out[:, : 1 << b] + row[:, None]
    return out


def _layers(k: int) -> list[np.ndarray]:
    """All subsets of k tasks as bits, by their size."""
    sizes = np.zeros(1 << k, dtype=np.uint8)
    for b in range(k):
        sizes[1 << b : 2 << b] = sizes[: 1 << b] + 1
    by_size = np.argsort(sizes, kind="stable").astype(np.int32)
    return np.split(by_size, np.cumsum(np.bincount(sizes))[:-1])


def local_search(
    c: np.ndarray,
    constraints: Constraints,
    seed: int = 0,
    starts: int | None = None,
    kicks: int | None = None,
) -> list[int]:
    """The best of several descents by the best insertion, each perturbed `kicks` times (default: more of both the fewer tasks)."""
    k = len(c)
    rng = np.random.default_rng(seed)
    starts, kicks = starts or 10 + 240 // k, max(3, 60 // k) if kicks is None else kicks
    best, best_value = list[int](), -np.inf
    for start in range(starts):
        mean = (
            (c.sum(1) - c.sum(0)) if start == 0 else rng.random(k)
        )  # first: what gives most before all others
        order = _descend(c, constraints, np.array(constraints.sorted(mean)))
        value = order_value(c, order)
        for _ in range(kicks):
            other = _descend(c, constraints, _kick(order, constraints, rng))
            found = order_value(c, other)
            if found > value:
                order, value = other, found
        if value > best_value:
            best, best_value = order.tolist(), value
    return best


def _descend(c: np.ndarray, constraints: Constraints, order: np.ndarray) -> np.ndarray:
    """Best insertion until none helps. Moving position p behind q gains −Σ D[p, p+1..q], in front of q Σ D[p, q..p−1], D = C − Cᵀ."""
    d = c - c.T
    eps = CLOSE * max(float(np.abs(c).sum()), 1e-300)
    k = len(order)
    rows, upper = np.arange(k), np.triu(np.ones((k, k), dtype=bool), 1)
    while True:
        m = d[np.ix_(order, order)]
        sums = np.cumsum(m, 1)
        here = sums[rows, rows][
            :, None
        ]  # D[p, p] is 0: the sum before p, and through p, are the same
        gain = np.where(upper, here - sums, here - sums + m)
        if constraints.before.any():
            gain = np.where(_reachable(constraints.before[np.ix_(order, order)]), gain, -np.inf)
        p, q = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[p, q] <= eps:
            return order
        order = _moved(order, int(p), int(q))


def _reachable(before: np.ndarray) -> np.ndarray:
    """(K, K): position p may move to q without passing one that must come before or after it."""
    k = len(before)
    rows = np.arange(k)
    after = np.where(before.any(1), before.argmax(1), k)  # the first that must come after p
    ahead = np.where(
        before.any(0), k - 1 - before[::-1].argmax(0), -1
    )  # the last that must come before p
    return (rows[None] < after[:, None]) & (rows[None] > ahead[:, None])


def _moved(order: np.ndarray, p: int, q: int) -> np.ndarray:
    out = np.delete(order, p)
    return np.insert(out, q, order[p])


def _kick(order: np.ndarray, constraints: Constraints, rng: np.random.Generator) -> np.ndarray:
    """A few random insertions that the constraints allow."""
    out = order
    for _ in range(int(rng.integers(2, max(4, len(order) // 4)))):
        p, q = (int(v) for v in rng.integers(len(order), size=2))
        moved = _moved(out, p, q)
        out = moved if constraints.allow(moved) else out
    return out
