"""Rules that order tasks from a probe.

Each is a function of a probe, the constraints and a seed, and returns the numbers of the tasks,
first to last. `holdfast order plan --list` prints the first line of its docstring. To add a rule,
write the function and name it in `SCHEDULERS`, and in `SIGNAL_OF` if it needs a signal.
"""

from collections.abc import Callable

import numpy as np

from holdfast.planning.constraints import Constraints
from holdfast.planning.ordering import best_order
from holdfast.planning.paths import longest_path
from holdfast.planning.probe import Probe

Scheduler = Callable[[Probe, Constraints, int], list[int]]


def linear_ordering(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Take the order of greatest predicted value, from backward and forward transfer."""
    return best_order(probe.values().mean(0), rules, seed=seed)


def backward_ordering(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Take the order of greatest predicted value, from backward transfer alone."""
    return best_order(probe.values(backward_only=True).mean(0), rules, seed=seed)


def greedy(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Take next the task that gives most to the remaining tasks, on average.

    What it keeps of itself under them counts as given, too.
    """
    c = probe.values().mean(0)
    remaining = set(range(len(c)))

    def gives(task: int) -> tuple[float, int]:
        others = [c[task, other] for other in remaining - {task}]
        # The last task has no others. Of equal tasks, the one with the lower number comes first.
        return float(np.mean(others or [0.0])), -task

    order = []
    while remaining:
        chosen = max(rules.free(remaining), key=gives)
        order.append(chosen)
        remaining.remove(chosen)
    return order


def least_forgettable_first(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Begin with the tasks that others hurt least: descending mean_i B[i, k]."""
    b = probe.backward.mean(0)
    np.fill_diagonal(b, 0)
    # A column of B is what all others do to one task.
    return rules.sorted(b.sum(0) / (len(b) - 1))


def periphery_to_core(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Go from the least to the most typical task (Li & Hiratani 2025).

    This is the descending Σ_j (1 − ρ_ij).
    """
    return rules.sorted(_distance(probe).sum(1))


def max_path(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Make neighbours as unlike as can be: the longest path over 1 − ρ (Li & Hiratani 2025)."""
    return longest_path(_distance(probe), rules)


def _distance(probe: Probe) -> np.ndarray:
    """Return 1 − ρ between tasks, (K, K)."""
    distance: np.ndarray = 1 - probe.signal("rho")
    np.fill_diagonal(distance, 0)
    return distance


def entropy_first(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Begin with the tasks that lower the entropy of the outputs most."""
    return rules.sorted(-probe.signal("entropy_change"))


def sparsity(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Go from easy to hard; sparse activations of the last hidden layer mean hard."""
    return rules.sorted(-probe.signal("sparsity"))


def difficulty(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Go from easy to hard: ascending error after learning the task alone."""
    return rules.sorted(-probe.signal("difficulty"))


def confidence(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Begin with the tasks on which the model is most confident before it learns any."""
    return rules.sorted(probe.signal("confidence"))


def gradient_alignment(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Begin with the tasks whose gradients point most in the direction of the others' gradients.

    This is the descending mean cosine at the common start.
    """
    cosine = probe.signal("cosine")
    # The cosine of a gradient with itself is always 1.
    np.fill_diagonal(cosine, 0)
    return rules.sorted(cosine.sum(1))


def lie_bracket(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Put A before B if the Lie bracket of their gradients says so.

    It does if g_T·(H_B g_A − H_A g_B) < 0 at the common start. This relation is not transitive, so
    the order is that of greatest value, as in linear ordering.
    """
    # Linear ordering maximises, so the sign is turned.
    value = -probe.signal("lie")
    np.fill_diagonal(value, 0)
    return best_order(value, rules, seed=seed)


def random(probe: Probe, rules: Constraints, seed: int) -> list[int]:
    """Take a random order."""
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
# Schedulers that are not named here need transfer alone, which every probe has.
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
    """List the schedulers whose signals this probe has.

    Args:
        probe: The probe.

    Returns:
        Keys of `SCHEDULERS`.

    Example:
        >>> usable(Probe(("x", "y"), np.zeros((1, 2, 2))))[:2]
        ['linear-ordering', 'backward-ordering']
    """
    names = []
    for name in SCHEDULERS:
        signal = SIGNAL_OF.get(name)
        if signal is None or signal in probe.signals:
            names.append(name)
    return names
