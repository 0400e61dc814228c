"""Independent units of a paired comparison: examples, or clusters of them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.statistics.gaffke import p_loses_less

MOST_VALUES = 512  # distinct losses up to which each keeps its own value
REMEMBERED = 16  # distinct units up to which answers are cached

UnitsKey = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Units:
    """The units of a sample. Only the sum of losses and the size of a unit count.

    A loss is the champion's score minus the candidate's.

    Attributes:
        losses: Sum of the losses in each unit, shape (J,). A loss per example lies in [-1, 1].
        sizes: Examples in each unit, shape (J,).
        counts: How often each unit occurs, shape (J,).
    """

    losses: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray

    @staticmethod
    def of_examples(losses: np.ndarray) -> "Units":
        """Make every example a unit.

        Equal losses are counted. If there are very many different ones, they are put on a grid.
        """
        values, counts = np.unique(losses, return_counts=True)
        if len(values) > MOST_VALUES:
            values, counts = on_a_grid(losses, MOST_VALUES)
        return Units(values, np.ones(len(values)), counts.astype(float))

    @staticmethod
    def of_clusters(losses: np.ndarray, clusters: np.ndarray) -> "Units":
        """Make every cluster a unit.

        Args:
            losses: Loss of each example, shape (N,).
            clusters: The cluster of each example, shape (N,).

        Raises:
            HoldfastError: There is not one cluster per example.
        """
        if clusters.shape != losses.shape:
            raise HoldfastError(
                f"there must be one cluster label per example, but clusters have the shape "
                f"{clusters.shape} and scores the shape {losses.shape}"
            )
        # Sum the losses and count the examples of each cluster.
        _, index = np.unique(clusters, return_inverse=True)
        sizes = np.bincount(index).astype(float)
        sums = np.bincount(index, losses)
        if len(sizes) <= MOST_VALUES:
            return Units(sums, sizes, np.ones(len(sizes)))
        # Among very many clusters, most are alike, and a test takes as long as there are kinds.
        kinds, counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
        return Units(kinds[0], kinds[1], counts.astype(float))

    @property
    def turned(self) -> "Units":
        """The same units with champion and candidate exchanged."""
        return Units(-self.losses, self.sizes, self.counts)

    @property
    def is_small(self) -> bool:
        """Whether there are so few distinct units that answers about them are cached.

        Small segments are often alike, so the same question is asked many times.
        """
        return len(self.losses) <= REMEMBERED

    @property
    def key(self) -> UnitsKey:
        """A key for caches, which is equal for equal units."""
        return self.losses.tobytes(), self.sizes.tobytes(), self.counts.tobytes()

    @staticmethod
    def from_key(key: UnitsKey) -> "Units":
        """Restore the units from their key."""
        losses, sizes, counts = key
        return Units(np.frombuffer(losses), np.frombuffer(sizes), np.frombuffer(counts))

    def p_loses_less(self, loss: np.ndarray, near: float | None = None) -> np.ndarray:
        """Compute p-values of "the mean loss is `loss` or more" by Gaffke's bound.

        Args:
            loss: The losses of the hypotheses, in [-1, 1].
            near: A level near which the p-values must be exact; see `gamma_tail`.

        Returns:
            P-values in the shape of `loss`.
        """
        if self.is_small and loss.size == 1:
            p = _remembered_p(self.key, float(loss.ravel()[0]), near)
            return np.reshape(p, loss.shape)
        return p_loses_less(self.losses, self.sizes, self.counts, loss, near)


@lru_cache(maxsize=10_000)
def _remembered_p(key: UnitsKey, loss: float, near: float | None) -> float:
    """Cache the p-value of one hypothesis about small samples."""
    units = Units.from_key(key)
    return float(p_loses_less(units.losses, units.sizes, units.counts, loss, near))


def on_a_grid(values: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Represent many values by counts on an even grid.

    Each value is split between its two neighbours on the grid so that the mean stays the same. The
    spread can only grow, which makes the test more careful.

    Args:
        values: The values, shape (N,), not all equal.
        points: Number of points of the grid, at least 2.

    Returns:
        The grid and the counts, which need not be whole numbers; each of shape (points,).

    Example:
        >>> grid, counts = on_a_grid(np.array([0.0, 0.25, 1.0]), points=3)
        >>> grid.tolist(), counts.tolist()
        ([0.0, 0.5, 1.0], [1.5, 0.5, 1.0])
    """
    low = float(values.min())
    high = float(values.max())
    place = (values - low) / (high - low) * (points - 1)
    # The largest value has no right neighbour, so it is the end of the last interval.
    left = np.clip(place.astype(int), 0, points - 2)

    # A value at the fraction f of the way to its right neighbour gives it f, and 1 - f to the left.
    right_share = place - left
    counts = np.bincount(left, 1 - right_share, points)
    counts = counts + np.bincount(left + 1, right_share, points)
    return np.linspace(low, high, points), counts
