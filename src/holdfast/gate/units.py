"""Independent units of a paired comparison: examples, or clusters of them."""

from dataclasses import dataclass
from functools import lru_cache
from math import log, log1p, sqrt

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.tails import gamma_tail, p_loses_less
from holdfast.metrics.distributions import normal_quantile

MOST_VALUES = 512  # distinct differences up to which each keeps its own value
FEW_CHANGES = 5  # examples that changed, below which a plan assumes that more will
MOST_UNITS = 1e12  # beyond which a plan says that no number helps
REMEMBERED = 16  # distinct units up to which answers are kept, since small segments are often alike
Key = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Units:
    """Units of which only the sum of losses and the size count. A loss is champion minus candidate.

    Attributes:
        losses: Sum of the losses in each unit, shape (J,); a loss per example lies in [-1, 1].
        sizes: Examples in each unit, shape (J,).
        counts: How often each unit occurs, shape (J,).
    """

    losses: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray

    @staticmethod
    def of_examples(losses: np.ndarray) -> "Units":
        """Every example is a unit. Equal losses are counted; very many values are put on a grid."""
        values, counts = np.unique(losses, return_counts=True)
        if len(values) > MOST_VALUES:
            values, counts = on_a_grid(losses, MOST_VALUES)
        return Units(values, np.ones(len(values)), counts.astype(float))

    @staticmethod
    def of_clusters(losses: np.ndarray, clusters: np.ndarray) -> "Units":
        """Every cluster is a unit.

        Raises:
            HoldfastError: There is not one cluster per example.
        """
        if clusters.shape != losses.shape:
            raise HoldfastError(
                f"clusters need one label per example, got {clusters.shape} for {losses.shape}"
            )
        _, index = np.unique(clusters, return_inverse=True)
        sizes = np.bincount(index).astype(float)
        return Units(np.bincount(index, losses), sizes, np.ones(len(sizes)))

    @property
    def turned(self) -> "Units":
        """The same units with champion and candidate exchanged."""
        return Units(-self.losses, self.sizes, self.counts)

    @property
    def is_small(self) -> bool:
        """Whether there are so few distinct units that answers about them are kept."""
        return len(self.losses) <= REMEMBERED

    @property
    def key(self) -> Key:
        """What tells these units from others."""
        return self.losses.tobytes(), self.sizes.tobytes(), self.counts.tobytes()

    @staticmethod
    def from_key(key: Key) -> "Units":
        """The units that have this key."""
        return Units(*(np.frombuffer(part) for part in key))

    def p_loses_less(self, loss: np.ndarray, near: float | None = None) -> np.ndarray:
        """P-values of "the mean loss is `loss` or more", shape of `loss`; see `tails.p_loses_less`."""
        if self.is_small and loss.size == 1:
            return np.reshape(_p(self.key, float(loss.ravel()[0]), near), loss.shape)
        return p_loses_less(self.losses, self.sizes, self.counts, loss, near)

    def needed(self, limit: float, alpha: float, loss: float, power: float) -> int:
        """Number of units like these that would show a loss below `limit`.

        Args:
            limit: The loss that is allowed.
            alpha: Level of the test.
            loss: The assumed true loss, below `limit`.
            power: Chance of showing it.
        """
        if self.is_small:
            return _needed(self.key, limit, alpha, loss, power)
        return self._needed(limit, alpha, loss, power)

    def _needed(self, limit: float, alpha: float, loss: float, power: float) -> int:
        """At each number of units the test is made on the sample as it would be if luck were bad: the units
        as they are, weighted so that their mean is worse than the assumed one by as much as happens with
        chance 1 - power."""
        excess, shares = self._planned(limit, loss)
        worst = float(self.sizes.max()) * (1 - limit)
        mean = float(excess @ shares)
        spread = sqrt(float(((excess - mean) ** 2) @ shares))
        luck = normal_quantile(power)

        def first(counts: np.ndarray) -> int | None:
            """The place of the first of several numbers of units that passes."""
            targets = mean + luck * spread / np.sqrt(counts)
            possible = targets < min(0.0, float(excess.max()))
            unlucky = counts[:, None] * _tilted(excess, shares, np.where(possible, targets, mean))
            values = np.broadcast_to(np.append(excess, worst), (len(counts), len(excess) + 1))
            completed = np.concatenate([unlucky, np.ones((len(counts), 1))], 1)
            passes = possible & (gamma_tail(values, completed, near=2.0) <= alpha)
            return int(passes.argmax()) if bool(passes.any()) else None

        start = max(log(alpha) / log1p(-limit), 1.0)
        coarse = start * 2.0 ** np.arange(0, np.ceil(np.log2(MOST_UNITS / start)))
        found = first(coarse)
        if found is None:
            return int(MOST_UNITS)
        if found == 0:
            return int(np.ceil(start))
        fine = coarse[found - 1] * 2.0 ** (np.arange(1, 33) / 32)
        place = first(fine)
        return int(np.ceil(fine[-1 if place is None else place]))

    def _planned(self, limit: float, loss: float) -> tuple[np.ndarray, np.ndarray]:
        """Losses beyond the limit of the units to come, and their shares, if `loss` is the true mean.

        Their spread is that of the units at hand, and more if these are few: by as much as the variance
        of a sample errs in the unlucky direction in one of ten samples.
        """
        count = float(self.counts.sum())
        total = float(self.counts @ self.sizes)
        residual = self.losses - float(self.counts @ self.losses) / total * self.sizes
        shares, sizes = self.counts / count, self.sizes
        changed = float(self.counts[np.abs(self.losses) > 1e-9].sum())
        if changed < FEW_CHANGES:
            # What is rare has hardly been seen: one unit more that loses, and one that gains.
            typical, extra = total / count, 1 / (count + 2)
            residual = np.append(residual, [typical, -typical])
            sizes = np.append(sizes, [typical, typical])
            shares = np.append(shares * (1 - 2 * extra), [extra, extra])
        variance = float((residual**2) @ shares)
        kurtosis = float((residual**4) @ shares) / max(variance**2, 1e-300)
        error = sqrt(max(kurtosis - 1, 0.0) / count)  # of the variance, relative to it
        wanted = variance * (1 + normal_quantile(0.9) * error)
        wider = np.clip(residual * sqrt(wanted / max(variance, 1e-300)), -sizes, sizes)
        wider = wider - float(wider @ shares) / float(sizes @ shares) * sizes  # the mean stays
        reached = float((wider**2) @ shares)
        if reached < 0.999 * wanted:  # losses are bounded, so more of them rather than larger ones
            size = float(sizes.max())
            extra = min((wanted - reached) / (size**2 - reached), 0.5) if size**2 > reached else 0.0
            wider, sizes = np.append(wider, [size, -size]), np.append(sizes, [size, size])
            shares = np.append(shares * (1 - extra), [extra / 2, extra / 2])
        return wider + (loss - limit) * sizes, shares


@lru_cache(maxsize=10_000)
def _p(key: Key, loss: float, near: float | None) -> float:
    units = Units.from_key(key)
    return float(p_loses_less(units.losses, units.sizes, units.counts, loss, near))


@lru_cache(maxsize=10_000)
def _needed(key: Key, limit: float, alpha: float, loss: float, power: float) -> int:
    return Units.from_key(key)._needed(limit, alpha, loss, power)


def _tilted(values: np.ndarray, shares: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The shares (J,), tilted exponentially so that the mean of the values is each of the targets; (G, J)."""
    scale = float(np.abs(values).max()) or 1.0
    scaled, goals = values / scale, targets / scale
    low, high = np.full(len(goals), -2000.0), np.full(len(goals), 2000.0)
    weights = np.broadcast_to(shares, (len(goals), len(shares)))
    for _ in range(60):
        tilt = (low + high) / 2
        exponent = tilt[:, None] * scaled
        weights = shares * np.exp(exponent - exponent.max(1, keepdims=True))
        weights = weights / weights.sum(1, keepdims=True)
        below = weights @ scaled < goals
        low, high = np.where(below, tilt, low), np.where(below, high, tilt)
    return weights


def on_a_grid(values: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Many values as counts on a grid.

    Each value is split between its two neighbours so that the mean stays; the spread can only grow,
    which makes the test more careful.

    Args:
        values: Shape (N,), not all equal.
        points: Number of points of the grid, at least 2.

    Returns:
        The grid and the counts, which are no whole numbers; each of shape (points,).
    """
    low, high = float(values.min()), float(values.max())
    place = (values - low) / (high - low) * (points - 1)
    left = np.clip(place.astype(int), 0, points - 2)
    part = place - left
    counts = np.bincount(left, 1 - part, points) + np.bincount(left + 1, part, points)
    return np.linspace(low, high, points), counts
