"""How many units would show that the candidate keeps within its limit."""

from functools import lru_cache
from math import log, log1p, sqrt

import numpy as np

from holdfast.gate.statistics.gamma_sums import gamma_tail
from holdfast.gate.statistics.units import Units, UnitsKey
from holdfast.metrics.distributions import normal_quantile

FEW_CHANGES = 5  # if fewer examples changed, the plan assumes that more will
MOST_UNITS = 1e12  # beyond this, the plan says that no number is enough
SURE_SHARE = 0.9  # how sure the plan is that the true variance is not larger than it assumes
FINE_STEPS = 32  # between two powers of two

# All chances may be approximations, since a plan need not be exact: none lies near this level.
_NOWHERE = 2.0


def units_needed(units: Units, limit: float, alpha: float, loss: float, power: float) -> int:
    """Estimate how many units like these would show a loss below `limit`.

    Args:
        units: The units at hand.
        limit: The loss that is allowed, in (0, 1).
        alpha: Level of the test, in (0, 0.5).
        loss: The assumed true loss, below `limit`.
        power: Chance of showing it, in (0, 1).

    Returns:
        The number of units, at most `MOST_UNITS`.
    """
    if units.is_small:
        return _remembered_number(units.key, limit, alpha, loss, power)
    return _number(units, limit, alpha, loss, power)


@lru_cache(maxsize=10_000)
def _remembered_number(key: UnitsKey, limit: float, alpha: float, loss: float, power: float) -> int:
    """Cache the answers about small samples, because small segments are often alike."""
    return _number(Units.from_key(key), limit, alpha, loss, power)


def _number(units: Units, limit: float, alpha: float, loss: float, power: float) -> int:
    """Find the number of units at which a sample with bad luck still passes.

    Bad luck is a mean that is worse than the assumed one by as much as happens with the chance
    1 - power. At each number of units the planned units are weighted so that they have that mean,
    and the test is made on them.
    """
    excess, shares = planned_units(units, limit, loss)
    worst = float(units.sizes.max()) * (1 - limit)
    mean = float(excess @ shares)
    spread = sqrt(float(((excess - mean) ** 2) @ shares))
    luck = normal_quantile(power)

    def first_that_passes(numbers: np.ndarray) -> int | None:
        """Return the position of the first number of units at which the sample passes."""
        targets = mean + luck * spread / np.sqrt(numbers)
        possible = targets < min(0.0, float(excess.max()))
        tilted = _tilted(excess, shares, np.where(possible, targets, mean))
        unlucky = numbers[:, None] * tilted

        # As in the test itself, one unit in which everything is lost completes each sample.
        values = np.broadcast_to(np.append(excess, worst), (len(numbers), len(excess) + 1))
        completed = np.concatenate([unlucky, np.ones((len(numbers), 1))], 1)
        passes = possible & (gamma_tail(values, completed, near=_NOWHERE) <= alpha)
        if not bool(passes.any()):
            return None
        return int(passes.argmax())

    # Even a sample without any loss needs log(α) / log(1 - limit) units, so the search starts
    # there. It doubles the number first, and then looks between the last two.
    start = max(log(alpha) / log1p(-limit), 1.0)
    coarse = start * 2.0 ** np.arange(0, np.ceil(np.log2(MOST_UNITS / start)))
    doublings = first_that_passes(coarse)
    if doublings is None:
        return int(MOST_UNITS)
    if doublings == 0:
        return int(np.ceil(start))
    fine = coarse[doublings - 1] * 2.0 ** (np.arange(1, FINE_STEPS + 1) / FINE_STEPS)
    position = first_that_passes(fine)
    if position is None:  # by rounding alone, since the last of them is the doubled number
        position = -1
    return int(np.ceil(fine[position]))


def planned_units(units: Units, limit: float, loss: float) -> tuple[np.ndarray, np.ndarray]:
    """Imagine the units to come: their losses beyond the limit, and the share of each.

    Their true mean is `loss`. Their spread is that of the units at hand, and more if these are
    few: by as much as the variance of a sample errs in the unlucky direction in one of ten samples.
    """
    count = float(units.counts.sum())
    total = float(units.counts @ units.sizes)
    mean_loss = float(units.counts @ units.losses) / total
    residual = units.losses - mean_loss * units.sizes
    shares = units.counts / count
    sizes = units.sizes

    changed = float(units.counts[np.abs(units.losses) > 1e-9].sum())
    if changed < FEW_CHANGES:
        # What is rare has hardly been seen yet: add one unit that loses, and one that gains.
        typical = total / count
        residual, sizes, shares = _with_pair(residual, sizes, shares, typical, 1 / (count + 2))

    # The standard error of a sample variance, relative to it, is √((kurtosis - 1) / n).
    variance = float((residual**2) @ shares)
    kurtosis = float((residual**4) @ shares) / max(variance**2, 1e-300)
    relative_error = sqrt(max(kurtosis - 1, 0.0) / count)
    wanted = variance * (1 + normal_quantile(SURE_SHARE) * relative_error)

    # Stretch the residuals to the wanted variance. No unit can lose more than its size.
    stretched = residual * sqrt(wanted / max(variance, 1e-300))
    wider = np.clip(stretched, -sizes, sizes)
    wider = wider - float(wider @ shares) / float(sizes @ shares) * sizes  # the mean stays 0

    reached = float((wider**2) @ shares)
    if reached < 0.999 * wanted:
        # Losses are bounded, so the rest of the variance comes from more of the largest ones.
        size = float(sizes.max())
        extra = 0.0
        if size**2 > reached:
            extra = min((wanted - reached) / (size**2 - reached), 0.5)
        wider, sizes, shares = _with_pair(wider, sizes, shares, size, extra / 2)
    return wider + (loss - limit) * sizes, shares


def _with_pair(
    losses: np.ndarray, sizes: np.ndarray, shares: np.ndarray, size: float, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add a unit that loses all of its size and one that gains it, each with the same share."""
    both_losses = np.append(losses, [size, -size])
    both_sizes = np.append(sizes, [size, size])
    both_shares = np.append(shares * (1 - 2 * share), [share, share])
    return both_losses, both_sizes, both_shares


def _tilted(values: np.ndarray, shares: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Tilt shares exponentially so that the values get each of several means.

    The tilted shares are proportional to share_j · exp(θ · value_j). The tilt θ of each target is
    found by bisection, since the mean rises with it.

    Args:
        values: Shape (J,).
        shares: Shape (J,), with sum 1.
        targets: The wanted means, shape (G,).

    Returns:
        The tilted shares, shape (G, J).
    """
    scale = float(np.abs(values).max()) or 1.0
    scaled = values / scale
    goals = targets / scale
    # The scaled values are at most 1, so such a tilt leaves weight on the extreme one alone.
    low = np.full(len(goals), -2000.0)
    high = np.full(len(goals), 2000.0)
    weights = np.broadcast_to(shares, (len(goals), len(shares)))
    # 60 halvings of this interval end at the precision of a float.
    for _ in range(60):
        tilt = (low + high) / 2
        exponent = tilt[:, None] * scaled
        weights = shares * np.exp(exponent - exponent.max(1, keepdims=True))  # exp stays finite
        weights = weights / weights.sum(1, keepdims=True)
        below = weights @ scaled < goals
        low = np.where(below, tilt, low)
        high = np.where(below, high, tilt)
    return weights
