"""The units of a test set: what would be drawn independently if the test set were drawn anew."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

MOST_VALUES = 512  # distinct values up to which each keeps its own unit


@dataclass(frozen=True)
class Units:
    """Sums of scores over independent units, which are examples or clusters of them.

    Units that have the same sums and sizes may stand as one with a count, which saves time.

    Args:
        totals: Sum of scores in each unit, shape (A, U), with one row per model that was evaluated.
        sizes: Number of examples in each unit, shape (U,).
        counts: Number of units that each column stands for, shape (U,).
        names: Name of each unit. A cluster that is in two tasks has the same name in both.
    """

    totals: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray
    names: tuple[Hashable, ...]

    @property
    def number(self) -> int:
        """The number of independent units."""
        return round(float(self.counts.sum()))

    @property
    def largest(self) -> float:
        """The number of examples in the largest unit."""
        return float(self.sizes.max())

    def scores(self, weights: np.ndarray, extra: np.ndarray, outcome: np.ndarray) -> np.ndarray:
        """Compute mean scores under given weights, completed by one more unit.

        The added unit is as large as the largest.

        Args:
            weights: Weights of the units, shape (B, U).
            extra: Weight of the added unit, shape (B,). It is 0 if none is added.
            outcome: Score of each example of the added unit in each row, shape (A,).

        Returns:
            The scores, shape (B, A).
        """
        # The number of examples in the added unit, times its weight.
        added_size = (extra * self.largest)[:, None]
        sums = weights @ self.totals.T + added_size * outcome
        sizes = (weights @ self.sizes)[:, None] + added_size
        means: np.ndarray = sums / sizes
        return means


def units_of(rows: np.ndarray, clusters: np.ndarray | None, task: Hashable = None) -> Units:
    """Find the units behind the scores of single examples.

    Args:
        rows: Scores, shape (A, N), with one row per model, all on the same examples.
        clusters: What each example belongs to, shape (N,). None if examples are independent.
        task: The task, as part of the names of independent examples.

    Returns:
        The units.
    """
    if clusters is None:
        return _independent_units(rows, task)
    # A cluster may be named by a number in one task and by the same text in another.
    labels, index = np.unique(np.asarray(clusters).astype(str), return_inverse=True)
    sizes = np.bincount(index).astype(float)
    totals = np.stack([np.bincount(index, row) for row in rows])
    names = tuple(str(label) for label in labels)
    return Units(totals, sizes, np.ones(len(sizes)), names)


def _independent_units(rows: np.ndarray, task: Hashable) -> Units:
    """Make one unit of all examples with the same scores in every row."""
    # With scores of 0 and 1 there are at most two units per row, whatever the number of examples.
    values, alike = np.unique(rows, axis=1, return_counts=True)
    counts = alike.astype(float)
    # In several rows a grid would need too many dimensions, so all values are kept.
    if len(rows) == 1 and values.shape[1] > MOST_VALUES:
        values, counts = _on_a_grid(rows[0])
    number = values.shape[1]
    names = tuple((task, position) for position in range(number))
    return Units(values, np.ones(number), counts, names)


def _on_a_grid(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace many values by a grid, (1, G), and the counts on it, (G,).

    Each value is split between its two neighbours on the grid, so that the mean stays and the
    spread can only grow.
    """
    low = float(values.min())
    high = float(values.max())
    place = (values - low) / (high - low) * (MOST_VALUES - 1)
    # The highest value belongs to the last interval and not to one of its own.
    left = np.clip(place.astype(int), 0, MOST_VALUES - 2)
    right_part = place - left
    left_counts = np.bincount(left, 1 - right_part, MOST_VALUES)
    right_counts = np.bincount(left + 1, right_part, MOST_VALUES)
    return np.linspace(low, high, MOST_VALUES)[None], left_counts + right_counts
