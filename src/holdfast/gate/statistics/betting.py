"""Bets against a hypothesis about a mean loss, whose winnings are evidence at any time.

A gambler starts with a capital of 1 and bets on each unit that its loss is smaller than the
hypothesis says. If the hypothesis holds, no bet is favourable, so by Ville's inequality the
capital ever reaches 1/α with a chance of at most α, however often one looks. With the unit's loss
L_i, its size m_i and the hypothesis m, all in units of the largest size,

    capital = Π (1 + λ_i · (m·m_i - L_i)),   0 ≤ λ_i < 1 / (1 - m)

The stake λ_i may depend on earlier units only. It is the one that makes the capital grow fastest
if the true loss lies a gap below the hypothesis, with the variance that was seen so far:

    λ_i = gap·m_i / (variance + (gap·m_i)²)

Nobody knows the gap, so the capital is divided among three gamblers with different ones (`GAPS`).
Their sum is a bet as well, which is close to the best of the three.

References:
    I. Waudby-Smith, A. Ramdas (2023), Estimating means of bounded random variables by betting.
    Journal of the Royal Statistical Society B 86(1).
"""

from math import log, sqrt

import numpy as np

from holdfast.gate.statistics.sample_size import planned_units
from holdfast.gate.statistics.units import Units
from holdfast.metrics.distributions import normal_quantile

# The gaps that the gamblers expect, as multiples of the hypothesis, and their shares of the
# capital. The second gambler expects that nothing is lost.
GAPS = (1 / 3, 1.0, 4.0)
CAPITAL = (0.3, 0.5, 0.2)
SMALLEST_GAP = 0.002  # because the hypothesis 0 has no size of its own

# The variance that is expected before the first unit, and the number of units that it counts for.
# 5 of 100 answers change is a usual figure for two versions of a model.
FIRST_VARIANCE = 0.05
FIRST_UNITS = 50
SMALLEST_ROOM = 1e-9  # between the hypothesis and the largest loss, which is 0 for the hypothesis 1
LARGEST_STAKE = 0.99  # of the stake at which the worst unit would take all of the capital


def log_capital(losses: np.ndarray, sizes: np.ndarray, hypothesis: float) -> np.ndarray:
    """Compute the logarithm of the capital after each unit.

    Args:
        losses: Sum of the losses in each unit, in order, shape (..., J). A loss per example is in
            [-1, 1].
        sizes: Examples in each unit, shape (..., J) or (J,).
        hypothesis: The mean loss m of the hypothesis "the mean loss is m or more", in [-1, 1].

    Returns:
        The logarithm of the capital, shape (..., J). It never depends on later units.

    Example:
        >>> capital = np.exp(log_capital(np.zeros(200), np.ones(200), 0.02))
        >>> capital[[0, 99, 199]].round(2).tolist()
        [1.01, 4.27, 29.28]
    """
    largest = sizes.max(-1, keepdims=True)
    shares = sizes / largest
    units = losses / largest
    excess = hypothesis * shares - units  # what is won per stake

    # The variance that was seen before each unit, without the unit itself.
    squares = np.cumsum(units**2, axis=-1) - units**2
    count = np.arange(units.shape[-1])
    variance = (FIRST_UNITS * FIRST_VARIANCE + squares) / (FIRST_UNITS + count)

    # Capitals grow beyond what a float can hold, so they are added as logarithms.
    total = np.full(units.shape, -np.inf)
    most = LARGEST_STAKE / max(1 - hypothesis, SMALLEST_ROOM)
    for gap, capital in zip(GAPS, CAPITAL, strict=True):
        expected = gap * max(abs(hypothesis), SMALLEST_GAP) * shares
        stakes = np.minimum(expected / (variance + expected**2), most)
        total = np.logaddexp(total, log(capital) + np.cumsum(np.log1p(stakes * excess), axis=-1))
    return total


def units_to_win(units: Units, limit: float, alpha: float, loss: float, power: float) -> float:
    """Estimate after how many units the capital reaches 1/α.

    Each gambler's logarithm of capital is a sum of independent terms, hence nearly normal. The
    estimate is the first number of units at which the unlucky quantile of that sum is enough for
    one of them.

    Args:
        units: The units at hand.
        limit: The loss of the hypothesis, in (0, 1).
        alpha: Level of the test, in (0, 0.5).
        loss: The assumed true loss, below `limit`.
        power: Chance of being done by then, in (0, 1).

    Returns:
        The number of units; infinite if none of the gamblers is expected to win.
    """
    beyond, chances = planned_units(units, limit, loss)
    largest = float(units.sizes.max())
    # Imagined units may lose a little more than all they have, which no unit does.
    excess = np.maximum(-beyond / largest, limit - 1)
    size = float(units.counts @ units.sizes) / float(units.counts.sum()) / largest
    variance = float(((excess - limit * size) ** 2) @ chances)
    luck = normal_quantile(power)

    fewest = np.inf
    for gap, capital in zip(GAPS, CAPITAL, strict=True):
        expected = gap * max(limit, SMALLEST_GAP) * size
        stake = min(expected / (variance + expected**2), LARGEST_STAKE / (1 - limit))
        growth = np.log1p(stake * excess)
        mean = float(growth @ chances)
        spread = sqrt(float(((growth - mean) ** 2) @ chances))
        # This gambler bets so boldly that the capital shrinks at the assumed loss.
        if mean <= 0:
            continue
        # n · mean - luck · spread · √n = log(1/α) - log(capital), solved for √n.
        goal = -log(alpha) - log(capital)
        root = (luck * spread + sqrt((luck * spread) ** 2 + 4 * mean * goal)) / (2 * mean)
        fewest = min(fewest, root**2)
    return fewest
