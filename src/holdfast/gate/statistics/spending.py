"""How much of the error level each look at growing data may use.

Who tests the same growing sample several times, each time at 5 %, errs far more often than in 5 of
100 cases. A spending function says how much of the level may be used up to each share t of the
planned sample. The one here is of the kind of O'Brien and Fleming, which saves most of the level
for the end:

    spent(t) = 2 - 2·Φ(z / √t),  z = the quantile of 1 - α/2

The nominal level of each look follows from it: the look must add exactly spent(t_k) - spent(t_k-1)
to the chance of rejecting a true hypothesis. That chance is computed by integration, since the sums
of a growing sample are close to a Brownian motion: S_k has the variance t_k, and S_k - S_k-1 is
independent of the past. `benchmarks/look_levels.py` measures that the tests of the gate, which are
not normal, hold the level with it. Tests of counts, whose chances come in steps, may exceed a level
by one hundredth of it, so a series of several looks spends only `USED` of its level.

References:
    K. K. G. Lan, D. L. DeMets (1983), Discrete sequential boundaries for clinical trials.
    Biometrika 70(3).
    P. Armitage, C. K. McPherson, B. C. Rowe (1969), Repeated significance tests on accumulating
    data. Journal of the Royal Statistical Society A 132(2).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.distributions import normal_pdf, normal_quantile, normal_sf

USED = 0.98  # of the level that a series of several looks spends
LARGEST_LEVEL = 0.5  # whole levels above it are of no use, so their p-values are 1
SMALLEST_LEVEL = 1e-9  # no p-value is below it
LEVELS = 81  # whole levels for which bounds are computed; those between them are interpolated
FURTHEST = 9.0  # in standard deviations; what lies further below is negligible
NEWTON_STEPS = 40  # the most that are tried; a handful is usual
ROUNDING = 1e-12  # of bounds
SMALLEST_STEP = 0.01  # between two looks, as a share of the planned sample
INFORMATION_STEP = 0.02  # to whole steps of which shares of information are rounded down
MOST_LOOKS = 20

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


def spent(alpha: np.ndarray, share: float) -> np.ndarray:
    """Compute the part of a level that may be used up to a share of the sample.

    Args:
        alpha: Levels of the whole series of looks, in (0, 1), any shape.
        share: Share of the planned sample that is at hand, in (0, 1].

    Returns:
        The part of each level, shape of `alpha`.

    Example:
        >>> spent(np.array([0.05]), 0.5).round(4).tolist(), spent(np.array([0.05]), 1.0).tolist()
        ([0.0056], [0.05])
    """
    if share >= 1:
        return np.asarray(alpha, dtype=float)
    quantiles = -_quantiles(np.asarray(alpha, dtype=float) / 2)
    part: np.ndarray = 2 * normal_sf(quantiles / np.sqrt(share))
    return part


class Spending:
    """The levels of a series of looks at a growing sample.

    Args:
        shares: Share of the planned sample at each look, in rising order; the last is 1.
        information: Share of its information that a subject has at each look, if it differs from
            `shares`, as for a segment that comes late in the test set. None: as `shares`.

    Raises:
        HoldfastError: The shares do not rise from above 0 to 1, or are too many or too close.

    Example:
        >>> design = Spending([0.5, 0.75, 1.0])
        >>> [round(design.nominal(0.05, look), 4) for look in (1, 2, 3)]
        [0.0054, 0.0214, 0.0419]
        >>> design.whole(np.array([0.001, 0.01, 0.0214]), look=2).round(3).tolist()
        [0.005, 0.027, 0.05]
    """

    def __init__(self, shares: Sequence[float], information: Sequence[float] | None = None) -> None:
        self.shares = checked_shares(shares)
        times = self.shares
        if information is not None:
            times = _rounded(information)
        self._levels, self._bounds = _bounds(self.shares, times)

    def nominal(self, alpha: float, look: int) -> float:
        """Return the level at which a look tests.

        Args:
            alpha: Level of the whole series, in (0, 0.5].
            look: Number of the look, from 1.
        """
        bound = np.interp(-normal_quantile(alpha), self._levels, self._bounds[look - 1])
        return float(normal_sf(bound))

    def whole(self, p_values: np.ndarray, look: int) -> np.ndarray:
        """Return the smallest levels of the whole series at which a look rejects.

        Args:
            p_values: P-values of the look alone, in [0, 1], any shape.
            look: Number of the look, from 1.

        Returns:
            P-values that count all looks, in the same shape. A p-value is 1 if no level up to 0.5
            is enough.
        """
        bounds = self._bounds[look - 1]
        reached = -_quantiles(p_values)
        levels: np.ndarray = normal_sf(np.interp(reached, bounds, self._levels))
        # The first bound belongs to the largest level. Rounding must not make it a 1.
        return np.where(reached < bounds[0] - ROUNDING, 1.0, levels)


def checked_shares(shares: Sequence[float]) -> tuple[float, ...]:
    """Check the shares of a series of looks.

    Args:
        shares: Share of the planned sample at each look.

    Returns:
        The shares.

    Raises:
        HoldfastError: They do not rise from above 0 to 1, or are too many or too close.

    Example:
        >>> checked_shares([0.5, 1])
        (0.5, 1.0)
    """
    values = tuple(float(share) for share in shares)
    listed = ", ".join(f"{value:g}" for value in values) or "nothing"
    steps = np.diff([0.0, *values])
    if not values or values[-1] != 1 or not bool((steps > 0).all()):
        raise HoldfastError(
            "looks must be rising shares of the test set that end with 1, such as 0.5,0.75,1.0, "
            f"got {listed}"
        )
    if len(values) > MOST_LOOKS or float(steps.min()) < SMALLEST_STEP - 1e-9:
        raise HoldfastError(
            f"expected at most {MOST_LOOKS} looks that are at least {SMALLEST_STEP:g} apart, got "
            f"{listed}; if you want to look after every example, use the looks `any`"
        )
    return values


def _rounded(information: Sequence[float]) -> tuple[float, ...]:
    """Round shares of information down, so that few different designs are computed.

    With a smaller share a look is more independent of the later ones, which is the careful side.
    """
    least = SMALLEST_STEP / len(information)
    rounded: list[float] = []
    for number, share in enumerate(information[:-1], 1):
        downward = np.floor(share / INFORMATION_STEP + ROUNDING) * INFORMATION_STEP
        # A part may be complete before the last look. The shares rise even then, by a little.
        most = 1 - least * (len(information) - number)
        # A look at which nothing was added gets a little as well.
        earlier = rounded[-1] if rounded else 0.0
        rounded.append(max(min(float(downward), most), earlier + least))
    return (*rounded, 1.0)


@lru_cache(maxsize=1_000)
def _bounds(
    shares: tuple[float, ...], information: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the bounds of all looks for many levels of the whole series.

    Returns:
        The normal quantiles of the levels, shape (A,), and the bound of the sum S_k / √t_k at each
        look, shape (K, A). Both rise with A.
    """
    levels = np.linspace(-normal_quantile(LARGEST_LEVEL), -normal_quantile(SMALLEST_LEVEL), LEVELS)
    alphas = normal_sf(levels)
    if len(shares) > 1:
        alphas = USED * alphas
    before = np.zeros(LEVELS)
    bounds: list[np.ndarray] = []
    density = _Density.at_start()
    past = 0.0
    for share, time in zip(shares, information, strict=True):
        after = spent(alphas, share)
        bound = _solved(density, after - before, np.sqrt(time - past)) / np.sqrt(time)
        bounds.append(bound)
        density = density.moved(bound * np.sqrt(time), time, np.sqrt(time - past))
        before = after
        past = time
    return levels, np.array(bounds)


class _Density:
    """The density of the sum S_k where no look has rejected yet, for many levels at once.

    Attributes:
        places: Nodes of an integral over the sum, shape (A, M).
        masses: Density times weight at each node, shape (A, M).
    """

    def __init__(self, places: np.ndarray, masses: np.ndarray) -> None:
        self.places = places
        self.masses = masses

    @staticmethod
    def at_start() -> "_Density":
        """Put all mass at 0, as before the first example."""
        return _Density(np.zeros((LEVELS, 1)), np.ones((LEVELS, 1)))

    def beyond(self, bound: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Compute the chance that the next sum exceeds a bound, and the density there.

        Args:
            bound: One bound for each level, shape (A,).
            step: Standard deviation of the next increment.
        """
        distance = (bound[:, None] - self.places) / step
        chance: np.ndarray = (self.masses * normal_sf(distance)).sum(1)
        density: np.ndarray = (self.masses * normal_pdf(distance)).sum(1) / step
        return chance, density

    def moved(self, bound: np.ndarray, time: float, step: float) -> "_Density":
        """Add the next increment, and leave out what exceeds the bound."""
        lowest = -FURTHEST * np.sqrt(time)
        half = (bound - lowest)[:, None] / 2
        places = lowest + half * (_NODES + 1)
        heights = np.empty_like(places)
        # One level after the other, because all of them at once would need much memory.
        for row in range(len(places)):
            distance = (places[row][:, None] - self.places[row]) / step
            heights[row] = normal_pdf(distance) @ self.masses[row] / step
        return _Density(places, heights * half * _WEIGHTS)


def _solved(density: _Density, increments: np.ndarray, step: float) -> np.ndarray:
    """Find the bounds that the next sum exceeds with the given chances, by Newton's method."""
    # Newton's method starts from the bound of a normal sum with the same spread.
    spread = np.sqrt((density.masses * density.places**2).sum(1) + step**2)
    bound: np.ndarray = -_quantiles(increments) * spread
    for _ in range(NEWTON_STEPS):
        chance, slope = density.beyond(bound, step)
        # The logarithm of a normal tail is concave, so that steps on it do not go too far.
        change = np.log(chance / increments) * chance / slope
        bound = bound + np.clip(change, -1.0, 1.0)
        if bool((np.abs(change) < 1e-11).all()):
            break
    return bound


def _quantiles(shares: np.ndarray) -> np.ndarray:
    """Compute the normal quantile of each share."""
    quantiles = np.array([normal_quantile(share) for share in shares.ravel().tolist()])
    reshaped: np.ndarray = quantiles.reshape(shares.shape)
    return reshaped
