"""Random reweightings of the test examples: what else could have been measured.

An ordinary bootstrap has two faults here. It leaves out units, so a task that has few clusters may
lose all of them and have no score. And it only draws what was seen: if none of 200 examples
changed, no draw has a change, and the interval has no width.

Therefore units keep random weights above 0 instead (the Bayesian bootstrap), and the sample is
completed by one more unit with the worst possible outcome. A unit is an example, or a cluster if
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

from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np

from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.units import Units, units_of

BLOCK = 4_000_000  # how many weights are in memory at once
FEWEST_DRAWS = 10_000
MOST_DRAWS = 200_000
MOST_WEIGHTS = 1_000_000  # drawn for one interval, unless that would be too few draws
ByTask = dict[Hashable, np.ndarray]


def mean_bounds(units: Units, reach: float, confidence: float) -> tuple[float, float]:
    """Compute bounds for the mean of differences that lie between −`reach` and `reach`.

    Args:
        units: The units of one row of differences.
        reach: Largest possible size of a difference.
        confidence: Confidence of both bounds together, in (0, 1).

    Returns:
        The lower and the upper bound.
    """
    number = len(units.sizes)
    draws = int(np.clip(MOST_WEIGHTS // number, FEWEST_DRAWS, MOST_DRAWS))
    # The seed is fixed, so that the same results always have the same bounds.
    rng = np.random.default_rng(0)
    lows = []
    highs = []
    # The added unit has the worst outcome for the lower bound, and the best for the upper.
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
    """Compute bounds for the change of a mean score that two independent samples measured.

    Each side takes its exact bound at a random level, which is the melding of two bounds. Scores
    between 0 and 1 spread less than right and wrong answers with the same mean, so they are treated
    as right and wrong answers.

    Args:
        before: Mean score in [0, 1] and number of examples of the earlier model.
        after: Mean score in [0, 1] and number of examples of the later model.
        confidence: Confidence of both bounds together, in (0, 1).

    Returns:
        The lower and the upper bound.

    References:
        M. P. Fay, M. A. Proschan, E. Brittain (2015), Combining one-sample confidence procedures
        for inference in the two-sample case. Biometrics 71(1).
    """
    rng = np.random.default_rng(0)

    def drawn(side: tuple[float, int], upper: bool) -> np.ndarray:
        """Draw from the beta distribution of a Clopper-Pearson bound, as a ratio of gammas."""
        share, examples = side
        right = share * examples
        wrong = (1 - share) * examples
        # The upper bound has one more right answer, the lower bound one more wrong one.
        right_weight = rng.standard_gamma(right + upper, MOST_DRAWS)
        wrong_weight = rng.standard_gamma(wrong + (not upper), MOST_DRAWS)
        return right_weight / (right_weight + wrong_weight)

    tail = (1 - confidence) / 2
    low = np.quantile(drawn(after, False) - drawn(before, True), tail)
    high = np.quantile(drawn(after, True) - drawn(before, False), 1 - tail)
    return float(low), float(high)


def _weights(
    rng: np.random.Generator,
    counts: np.ndarray,
    draws: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw weights of the units, (B, U), and of the added unit, (B,), in blocks of B draws."""
    units = len(counts)
    size = max(1, BLOCK // units)
    for start in range(0, draws, size):
        block = min(size, draws - start)
        # The weights of `count` equal units add up to a gamma variable with that shape.
        weights = rng.standard_gamma(counts, (block, units))
        extra = rng.standard_exponential(block)
        yield weights, extra


class Resampler:
    """Draws tables of scores for a whole matrix.

    All rows of a task share the weights of a draw, so models that saw the same examples stay
    paired. A cluster that occurs in several tasks has the same weight in each of them.

    Args:
        m: A matrix that has the results of each example in every cell.
    """

    def __init__(self, m: AccuracyMatrix) -> None:
        self.rows: dict[Hashable, tuple[Hashable | None, ...]] = {}
        self.units: dict[Hashable, Units] = {}
        kinds = set()
        for task in m.tasks:
            results = m.results(task)
            if not results:
                continue
            clusters = m.clusters.get(task)
            self.rows[task] = tuple(results)
            self.units[task] = units_of(np.stack(list(results.values())), clusters, task)
            kinds.add("examples" if clusters is None else "clusters")
        self.varies = " and ".join(sorted(kinds))
        self._count_units()

    def _count_units(self) -> None:
        """Give each unit one place among the weights, also if it is in several tasks."""
        counts: dict[Hashable, float] = {}
        for units in self.units.values():
            counts.update(zip(units.names, units.counts, strict=True))
        place = {name: position for position, name in enumerate(counts)}
        self._counts = np.array(list(counts.values()))
        self._places: ByTask = {}
        for task, units in self.units.items():
            self._places[task] = np.array([place[name] for name in units.names])
        self.number = round(float(self._counts.sum()))

    def related(self) -> list[tuple[Hashable, ...]]:
        """Group the tasks that share clusters, directly or through other tasks."""
        groups: list[tuple[set[Hashable], tuple[Hashable, ...]]] = []
        for task, units in self.units.items():
            # The task may connect several groups, which become one with it.
            names: set[Hashable] = set(units.names)
            tasks: tuple[Hashable, ...] = (task,)
            separate = []
            for other_names, other_tasks in groups:
                if other_names.isdisjoint(units.names):
                    separate.append((other_names, other_tasks))
                else:
                    names |= other_names
                    tasks = other_tasks + tasks
            groups = [*separate, (names, tasks)]
        return [tasks for _, tasks in groups]

    def typical(self, added: Mapping[Hashable, np.ndarray]) -> ByTask:
        """Compute the scores if one more unit of average weight were added.

        Args:
            added: For each task that the unit is in, its outcome in each row of the task, (A,).

        Returns:
            The scores of each task's rows, (A,).
        """
        scores = {}
        for task, units in self.units.items():
            outcome = added.get(task, np.zeros(len(units.totals)))
            extra = np.full(1, float(task in added))
            scores[task] = units.scores(units.counts[None], extra, outcome)[0]
        return scores

    def draws(
        self,
        added: Sequence[Mapping[Hashable, np.ndarray]],
        number: int,
        seed: int,
    ) -> Iterator[tuple[ByTask, ...]]:
        """Draw the scores of each task's rows, (A,), once per way of completing the sample.

        Args:
            added: The ways. Each has, for the tasks that the added unit is in, its outcome in each
                row of the task, (A,).
            number: Number of draws.
            seed: Seed of the draws.

        Yields:
            For each draw, the scores by task in each of the ways.
        """
        for weights, extra in _weights(np.random.default_rng(seed), self._counts, number):
            tables = [self._table(weights, extra, way) for way in added]
            for draw in range(len(weights)):
                yield tuple(_row(table, draw) for table in tables)

    def _table(
        self,
        weights: np.ndarray,
        extra: np.ndarray,
        added: Mapping[Hashable, np.ndarray],
    ) -> ByTask:
        """Compute the scores of each task's rows in a block of draws, (B, A)."""
        table = {}
        for task, units in self.units.items():
            outcome = added.get(task, np.zeros(len(units.totals)))
            own_weights = weights[:, self._places[task]]
            table[task] = units.scores(own_weights, extra * (task in added), outcome)
        return table


def _row(table: ByTask, draw: int) -> ByTask:
    """Take one draw from a table."""
    return {task: scores[draw] for task, scores in table.items()}
