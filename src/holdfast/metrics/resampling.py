"""Draws of what else could have been measured, with test examples or clusters of them drawn anew.

An ordinary bootstrap has two faults here. It leaves out units, so a task that has few clusters may
lose all of them and have no score. And it only draws what was seen: if none of 200 examples
changed, no draw has a change, and the interval has no width.

So units keep random weights above 0 instead (the Bayesian bootstrap), and the sample is completed
by one more unit with the worst outcome that is possible. A unit is an example, or a cluster if
clusters are known. For one sample this is Gaffke's bound for the mean of bounded variables, which
for scores of 0 and 1 is the exact bound of Clopper and Pearson. For several samples the unit is
added where it weighs most, as Fay and Feuer do for weighted sums of rare events.

References:
    D. B. Rubin (1981), The Bayesian bootstrap. Annals of Statistics 9(1).
    N. Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the mean of
    a nonnegative variable. Mathematical Methods of Statistics 14(4).
    M. P. Fay, E. J. Feuer (1997), Confidence intervals for directly standardized rates. Statistics
    in Medicine 16(7).
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.metrics.matrix import AccuracyMatrix

BLOCK = 4_000_000  # numbers that are held at once
FEWEST_DRAWS, MOST_DRAWS, MOST_NUMBERS = 10_000, 200_000, 1_000_000
MOST_VALUES = 512  # distinct values up to which each keeps its own


@dataclass(frozen=True)
class Units:
    """Units of which the sum and the number of examples count.

    Args:
        totals: Sums of scores, shape (A, U): one row per model that was evaluated.
        sizes: Examples in each unit, shape (U,).
        counts: How many units are alike in this, shape (U,).
        names: What tells the units from others, shape (U,); the same cluster in two tasks has one
            name.
    """

    totals: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray
    names: tuple[Hashable, ...]

    @property
    def number(self) -> int:
        """Number of independent units."""
        return round(float(self.counts.sum()))

    @property
    def largest(self) -> float:
        """Examples in the largest unit."""
        return float(self.sizes.max())

    def scores(self, weights: np.ndarray, extra: np.ndarray, outcome: np.ndarray) -> np.ndarray:
        """Mean scores under some weights, completed by one more unit.

        Args:
            weights: Of the units, shape (B, U).
            extra: Weight of the unit that is added, shape (B,); 0 to add none.
            outcome: Score of each of its examples in each row, shape (A,).

        Returns:
            Shape (B, A).
        """
        more = (extra * self.largest)[:, None]
        return (weights @ self.totals.T + more * outcome) / ((weights @ self.sizes)[:, None] + more)


def units_of(rows: np.ndarray, clusters: np.ndarray | None, task: Hashable = None) -> Units:
    """The units behind the scores of single examples.

    Args:
        rows: Scores, shape (A, N): one row per model, all on the same examples.
        clusters: What each example belongs to, shape (N,); None if examples are independent.
        task: Name under which independent examples are told from those of other tasks.
    """
    if clusters is None:
        values, counts = np.unique(rows, axis=1, return_counts=True)
        weights = counts.astype(float)
        if len(rows) == 1 and values.shape[1] > MOST_VALUES:
            values, weights = _on_a_grid(rows[0])
        names: tuple[Hashable, ...] = tuple((task, k) for k in range(values.shape[1]))
        return Units(values, np.ones(values.shape[1]), weights, names)
    labels, index = np.unique(np.asarray(clusters).astype(str), return_inverse=True)
    sizes = np.bincount(index).astype(float)
    totals = np.stack([np.bincount(index, row) for row in rows])
    return Units(totals, sizes, np.ones(len(sizes)), tuple(str(label) for label in labels))


def _on_a_grid(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Many values as counts on a grid, (1, G) and (G,).

    Each is split between its two neighbours, so that the mean stays and the spread can only grow.
    """
    low, high = float(values.min()), float(values.max())
    place = (values - low) / (high - low) * (MOST_VALUES - 1)
    left = np.clip(place.astype(int), 0, MOST_VALUES - 2)
    part = place - left
    counts = np.bincount(left, 1 - part, MOST_VALUES) + np.bincount(left + 1, part, MOST_VALUES)
    return np.linspace(low, high, MOST_VALUES)[None], counts


def mean_bounds(units: Units, reach: float, confidence: float) -> tuple[float, float]:
    """Bounds for the mean of differences that lie between −`reach` and `reach`.

    Args:
        units: Units of one row of differences.
        reach: Largest possible size of a difference.
        confidence: Of both bounds together, in (0, 1).
    """
    number = len(units.sizes)
    draws = int(np.clip(MOST_NUMBERS // number, FEWEST_DRAWS, MOST_DRAWS))
    rng, lows, highs = np.random.default_rng(0), [], []
    for weights, extra in _weights(rng, units.counts, draws):
        lows.append(units.scores(weights, extra, np.array([-reach])))
        highs.append(units.scores(weights, extra, np.array([reach])))
    tail = (1 - confidence) / 2
    low = np.quantile(np.concatenate(lows), tail)
    high = np.quantile(np.concatenate(highs), 1 - tail)
    return float(low), float(high)


def share_bounds(
    before: tuple[float, int],
    after: tuple[float, int],
    confidence: float,
) -> tuple[float, float]:
    """Bounds for the change of a mean score that two independent samples measured.

    Each side takes its exact bound at a random level, which is the melding of two bounds (M. P.
    Fay, M. A. Proschan, E. Brittain 2015, Biometrics 71(1)). Scores between 0 and 1 spread less
    than right and wrong answers with the same mean, so they are treated as such.

    Args:
        before: Mean score in [0, 1] and number of examples.
        after: The same of the later model.
        confidence: Of both bounds together, in (0, 1).
    """
    rng = np.random.default_rng(0)

    def drawn(side: tuple[float, int], upper: bool) -> np.ndarray:
        right, wrong = side[0] * side[1], (1 - side[0]) * side[1]
        one = rng.standard_gamma(right + upper, MOST_DRAWS)
        return one / (one + rng.standard_gamma(wrong + (not upper), MOST_DRAWS))

    tail = (1 - confidence) / 2
    low = np.quantile(drawn(after, False) - drawn(before, True), tail)
    high = np.quantile(drawn(after, True) - drawn(before, False), 1 - tail)
    return float(low), float(high)


def _weights(
    rng: np.random.Generator,
    counts: np.ndarray,
    draws: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random weights of units (B, U) and of the added unit (B,), in blocks that fit into memory."""
    size = max(1, BLOCK // len(counts))
    for start in range(0, draws, size):
        block = min(size, draws - start)
        yield rng.standard_gamma(counts, (block, len(counts))), rng.standard_exponential(block)


class Resampler:
    """Score tables drawn anew for a whole matrix.

    Args:
        m: A matrix that has the results of each example in every cell.
    """

    def __init__(self, m: AccuracyMatrix) -> None:
        kept = {t: m.results(t) for t in m.tasks if m.results(t)}
        self.rows = {t: tuple(found) for t, found in kept.items()}
        self.units = {}
        for t, found in kept.items():
            self.units[t] = units_of(np.stack(list(found.values())), m.clusters.get(t), t)
        counts = {n: c for u in self.units.values() for n, c in zip(u.names, u.counts, strict=True)}
        place = {name: k for k, name in enumerate(counts)}
        self._counts = np.array(list(counts.values()))
        self._places = {t: np.array([place[n] for n in u.names]) for t, u in self.units.items()}
        clustered = [t in m.clusters for t in kept]
        kinds = {True: "clusters", False: "examples"}
        self.varies = " and ".join(kinds[c] for c in sorted(set(clustered), reverse=True))
        self.number = round(float(self._counts.sum()))

    def related(self) -> list[tuple[Hashable, ...]]:
        """Groups of tasks that share clusters, directly or through others."""
        groups: list[tuple[set[Hashable], tuple[Hashable, ...]]] = []
        for task, u in self.units.items():
            names: set[Hashable] = set(u.names)
            tasks: tuple[Hashable, ...] = (task,)
            for group in [g for g in groups if g[0] & names]:
                names, tasks = names | group[0], group[1] + tasks
                groups.remove(group)
            groups.append((names, tasks))
        return [tasks for _, tasks in groups]

    def typical(self, added: Mapping[Hashable, np.ndarray]) -> dict[Hashable, np.ndarray]:
        """The scores if one more unit of average weight were added; see `draws`."""
        found = {}
        for t, u in self.units.items():
            outcome = added.get(t, np.zeros(len(u.totals)))
            found[t] = u.scores(u.counts[None], np.full(1, float(t in added)), outcome)[0]
        return found

    def draws(
        self, added: tuple[Mapping[Hashable, np.ndarray], ...], number: int, seed: int
    ) -> Iterator[tuple[dict[Hashable, np.ndarray], ...]]:
        """Scores of each task's rows (A,) in each draw, once per way of completing the sample.

        Args:
            added: For each way, the outcome of the added unit in each row (A,) of the tasks that it
                is in.
            number: Number of draws.
            seed: Of the draws.
        """
        for weights, extra in _weights(np.random.default_rng(seed), self._counts, number):
            tables = [self._table(weights, extra, way) for way in added]
            for k in range(len(weights)):
                yield tuple({t: scores[k] for t, scores in table.items()} for table in tables)

    def _table(
        self,
        weights: np.ndarray,
        extra: np.ndarray,
        added: Mapping[Hashable, np.ndarray],
    ) -> dict[Hashable, np.ndarray]:
        """Scores by task (B, A)."""
        found = {}
        for t, u in self.units.items():
            outcome = added.get(t, np.zeros(len(u.totals)))
            found[t] = u.scores(weights[:, self._places[t]], extra * (t in added), outcome)
        return found
