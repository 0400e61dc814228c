"""Rules that order tasks from a probe, all on the same footing: a function from a probe and constraints to an order."""

from collections.abc import Callable

import numpy as np

from holdfast.planning.matrix import Probe
from holdfast.planning.ordering import Constraints, best_order

Scheduler = Callable[[Probe, Constraints, int], list[int]]
PATH_EXACT = 14  # tasks up to which the longest path is exact


def linear_ordering(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """The order of greatest predicted value: backward and, where measured, forward transfer."""
    return best_order(probe.values().mean(0), rules, seed=seed)


def backward_ordering(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """The order of greatest predicted value from backward transfer alone."""
    return best_order(probe.values(backward_only=True).mean(0), rules, seed=seed)


def greedy(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Next is always the task that gives most, on average, to the remaining ones (and keeps most of itself under them)."""
    c = probe.values().mean(0)
    left, out = set(range(len(c))), []
    while left:
        free = [k for k in left if not any(rules.before[j, k] for j in left)]
        out.append(max(free, key=lambda k: (np.mean([c[k, i] for i in left - {k}] or [0.0]), -k)))
        left.remove(out[-1])
    return out


def least_forgettable_first(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Descending mean_i B[i, k]: what others hurt least comes first."""
    b = probe.backward.mean(0)
    np.fill_diagonal(b, 0)
    return rules.sorted(b.sum(0) / (len(b) - 1))


def periphery_to_core(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Descending Σ_j (1 − ρ_ij): from the least to the most typical task (Li & Hiratani 2025)."""
    return rules.sorted(_distance(probe).sum(1))


def max_path(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """The longest path: neighbours in the order are as unlike as can be, Σ (1 − ρ) over successive tasks (Li & Hiratani 2025)."""
    d = _distance(probe)
    return _exact_path(d, rules) if len(d) <= PATH_EXACT else _greedy_path(d, rules)


def _distance(probe: Probe) -> np.ndarray:
    d = 1 - probe.signal("rho")
    np.fill_diagonal(d, 0)
    return d


def _exact_path(d: np.ndarray, rules: Constraints) -> list[int]:
    k = len(d)
    needed = [int(sum(1 << j for j in np.flatnonzero(rules.before[:, i]))) for i in range(k)]
    f = np.full((1 << k, k), -np.inf)
    for i in range(k):
        if not needed[i]:
            f[1 << i, i] = 0.0
    for state in range(1, 1 << k):
        for i in range(k):
            if state >> i & 1 and state != 1 << i and (state ^ (1 << i)) & needed[i] == needed[i]:
                f[state, i] = (f[state ^ (1 << i)] + d[:, i]).max()
    order, state, last = [], (1 << k) - 1, int(f[-1].argmax())
    while True:
        order.append(last)
        state ^= 1 << last
        if not state:
            return order[::-1]
        last = int((f[state] + d[:, last]).argmax())


def _greedy_path(d: np.ndarray, rules: Constraints) -> list[int]:
    """The best of K paths that always go to the farthest task."""
    best, longest = list(range(len(d))), -np.inf
    for first in range(len(d)):
        left, out = set(range(len(d))), list[int]()
        while left:
            free = [k for k in left if not any(rules.before[j, k] for j in left)]
            out.append(
                max(free, key=lambda k: d[out[-1], k])
                if out
                else first
                if first in free
                else free[0]
            )
            left.remove(out[-1])
        length = float(d[out[:-1], out[1:]].sum())
        if length > longest:
            best, longest = out, length
    return best


def entropy_first(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Tasks that lower the entropy of the outputs most come first."""
    return rules.sorted(-probe.signal("entropy_change"))


def sparsity(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Easy before hard, where sparse activations of the last hidden layer mean hard."""
    return rules.sorted(-probe.signal("sparsity"))


def difficulty(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Easy before hard: ascending error after learning the task alone."""
    return rules.sorted(-probe.signal("difficulty"))


def confidence(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Descending confidence of the untrained (or common) model on the task."""
    return rules.sorted(probe.signal("confidence"))


def gradient_alignment(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Descending mean cosine of a task's gradient with those of the others, at the common start."""
    c = probe.signal("cosine")
    np.fill_diagonal(c, 0)
    return rules.sorted(c.sum(1))


def lie_bracket(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """A before B where g_T·(H_B g_A − H_A g_B) < 0 at the common start; not transitive, so ordered as a linear ordering problem."""
    value = -probe.signal("lie")
    np.fill_diagonal(value, 0)
    return best_order(value, rules, seed=seed)


def random(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """A random order."""
    return rules.sorted(np.random.default_rng(seed).random(len(probe.names)))


SCHEDULERS: dict[str, Scheduler] = {
    "linear-ordering": linear_ordering,
    "backward-ordering": backward_ordering,
    "greedy": greedy,
    "least-forgettable-first": least_forgettable_first,
    "periphery-to-core": periphery_to_core,
    "max-path": max_path,
    "entropy-first": entropy_first,
    "sparsity": sparsity,
    "difficulty": difficulty,
    "confidence": confidence,
    "gradient-alignment": gradient_alignment,
    "lie-bracket": lie_bracket,
    "random": random,
}
SIGNAL_OF = {
    "periphery-to-core": "rho",
    "max-path": "rho",
    "entropy-first": "entropy_change",
    "sparsity": "sparsity",
    "difficulty": "difficulty",
    "confidence": "confidence",
    "gradient-alignment": "cosine",
    "lie-bracket": "lie",
}


def usable(probe: Probe) -> list[str]:
    """The schedulers that this probe has what they need for."""
    return [n for n in SCHEDULERS if n not in SIGNAL_OF or SIGNAL_OF[n] in probe.signals]
