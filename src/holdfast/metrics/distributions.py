"""Normal, beta and Student distributions, and ranks: what the gate would otherwise need SciPy for.

SciPy takes 143 MB, as much as everything else that the gate installs without its extras, and the
gate would use these few functions of it. `tests/metrics/test_distributions.py` compares them with
SciPy.

The beta distribution is integrated over the log-odds s = log(x / (1 - x)), relative to its mode
log(a / b). There the density is log-concave for all a and b, and no large numbers cancel:

    log f(s) - log f(mode) = a·d - (a + b)·log1p(p·expm1(d))
    with d = s - log(a / b) and p = a / (a + b)

References:
    NIST Digital Library of Mathematical Functions, 5.11.1 (Stirling's series) and 8.17 (incomplete
    beta function).
"""

from functools import lru_cache
from math import erfc, inf, lgamma, log, nan, pi, sqrt
from statistics import NormalDist

import numpy as np

_STANDARD = NormalDist()
_DROP = 42.0  # integrals end where the logarithm of the density is this far below its maximum
_FEW_NODES = np.polynomial.legendre.leggauss(24)
_MANY_NODES = np.polynomial.legendre.leggauss(64)
_SKEWED = 7.0  # a density with a smaller a or b is so skewed that it needs many nodes
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_STIRLING_FROM = 12  # from this argument on, the terms above give all digits
_BISECTIONS = 20
_NEWTON_STEPS = 100  # the most that are tried; a handful is usual
_QUANTILE_DROP = 750.0  # exp(-750) is 0 as a float, so no quantile lies further out


# ---- normal distribution


def normal_pdf(x: np.ndarray) -> np.ndarray:
    """Compute the density of the standard normal distribution.

    Args:
        x: Any shape (...).

    Returns:
        The density at each x, shape (...).

    Example:
        >>> normal_pdf(np.array([0.0])).round(6).tolist()
        [0.398942]
    """
    density: np.ndarray = np.exp(-0.5 * np.square(x)) / sqrt(2 * pi)
    return density


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """Compute the probability that a standard normal variable is at most x.

    Args:
        x: Any shape (...).

    Returns:
        The probabilities, shape (...), accurate in both tails.

    Example:
        >>> normal_cdf(np.array([-1.959964, 0.0])).round(6).tolist()
        [0.025, 0.5]
    """
    return 0.5 * _erfc(-np.asarray(x, dtype=float) / sqrt(2))


def normal_sf(x: np.ndarray) -> np.ndarray:
    """Compute the probability that a standard normal variable exceeds x.

    Args:
        x: Any shape (...).

    Returns:
        The probabilities, shape (...), accurate in both tails.

    Example:
        >>> normal_sf(np.array([1.959964, 0.0])).round(6).tolist()
        [0.025, 0.5]
    """
    return 0.5 * _erfc(np.asarray(x, dtype=float) / sqrt(2))


def normal_quantile(share: float) -> float:
    """Compute the value that a standard normal variable does not exceed with a given probability.

    Args:
        share: The probability, in [0, 1].

    Returns:
        The quantile. It is infinite for 0 and 1, and NaN outside [0, 1].

    Example:
        >>> round(normal_quantile(0.975), 6), normal_quantile(1.0)
        (1.959964, inf)
    """
    if 0 < share < 1:
        return _STANDARD.inv_cdf(share)
    return {0.0: -inf, 1.0: inf}.get(share, nan)


def _erfc(x: np.ndarray) -> np.ndarray:
    """Compute the complementary error function of each element."""
    values = np.fromiter(map(erfc, x.ravel().tolist()), dtype=float, count=x.size)
    return values.reshape(x.shape)


# ---- Student's t distribution


@lru_cache(maxsize=10_000)
def student_quantile(share: float, freedom: float) -> float:
    """Compute the value that a variable of Student's t distribution does not exceed.

    Args:
        share: The probability of not exceeding it, in (0, 1).
        freedom: The degrees of freedom, above 0.

    Returns:
        The quantile.

    Example:
        >>> round(student_quantile(0.975, 4), 4), round(student_quantile(0.025, 4), 4)
        (2.7764, -2.7764)
    """
    if share == 0.5:
        return 0.0
    # If B has the distribution Beta(freedom / 2, 1 / 2), then t² = freedom · (1 - B) / B, and
    # (1 - B) / B is exp(-log-odds of B). Both tails of t lie in the lower tail of B.
    both_tails = np.array([2 * min(share, 1 - share)])
    log_odds = _log_odds(both_tails, freedom / 2, 0.5)[0]
    size = float(np.sqrt(freedom * np.exp(-log_odds)))
    if share < 0.5:
        return -size
    return size


# ---- beta distribution


def beta_cdf(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """Compute the probability that a variable of the distribution Beta(a, b) is at most x.

    Args:
        x: In [0, 1], shape (...).
        a: First parameter, above 0.
        b: Second parameter, above 0.

    Returns:
        The probabilities, shape (...), with 10 correct digits or more.

    Example:
        >>> beta_cdf(np.array([0.0, 0.25, 1.0]), 1, 1).round(9).tolist()
        [0.0, 0.25, 1.0]
    """
    x = np.asarray(x, dtype=float)
    inside = (x > 0) & (x < 1)
    # At 0 and 1 the log-odds are infinite, so any value stands in for them until the last line.
    safe = np.where(inside, x, 0.5)
    probabilities = _below(np.log(safe) - np.log1p(-safe), a, b)
    return np.where(inside, probabilities, np.where(x >= 1, 1.0, 0.0))


def beta_quantile(share: np.ndarray, a: float, b: float) -> np.ndarray:
    """Compute the value that a variable of the distribution Beta(a, b) does not exceed.

    Args:
        share: The probability of not exceeding it, in [0, 1], shape (...).
        a: First parameter, above 0.
        b: Second parameter, above 0.

    Returns:
        The quantiles, in [0, 1], shape (...).

    Example:
        >>> beta_quantile(np.array([0.0, 0.25, 1.0]), 1, 1).round(9).tolist()
        [0.0, 0.25, 1.0]
    """
    share = np.asarray(share, dtype=float)
    inside = (share > 0) & (share < 1)
    log_odds = _log_odds(np.where(inside, share, 0.5), a, b)
    quantiles = np.exp(_log_share(log_odds))
    return np.where(inside, quantiles, np.where(share >= 1, 1.0, 0.0))


def _below(s: np.ndarray, a: float, b: float) -> np.ndarray:
    """Compute the probability that the log-odds of a variable of Beta(a, b) are at most s."""
    left_of_mode = s <= log(a / b)
    out = np.empty(s.shape)
    out[left_of_mode] = _tail(s[left_of_mode], a, b)
    # Mirrored, the right side is the left side of Beta(b, a). So the smaller tail is integrated.
    out[~left_of_mode] = 1 - _tail(-s[~left_of_mode], b, a)
    return out


def _tail(s: np.ndarray, a: float, b: float) -> np.ndarray:
    """Compute `_below` at points that are not above the mode."""
    if a < 1:
        # The density falls too slowly to be integrated. DLMF 8.17.20 raises a by one.
        log_difference = _log_density(s, a + 1, b) - _log_share(s) - log(a + b)
        raised: np.ndarray = _tail(s, a + 1, b) + np.exp(log_difference)
        return raised
    d = s - log(a / b)
    # Gauss-Legendre quadrature over [d - reach, d]; what lies further out is negligible.
    half = 0.5 * _reach(a, b, _DROP)
    nodes, weights = _FEW_NODES
    if min(a, b) < _SKEWED:
        nodes, weights = _MANY_NODES
    places = d[..., None] + half * (nodes - 1)  # (..., nodes)
    heights = np.exp(_log_kernel(places, a, b) - _log_total(a, b))
    integral: np.ndarray = half * (heights @ weights)
    return integral


def _log_kernel(d: np.ndarray, a: float, b: float) -> np.ndarray:
    """Compute log f(s) - log f(mode), with d = s - mode; the module's docstring has the formula."""
    # With the smaller of a and b in front, less cancels. Mirroring exchanges the two.
    u = d
    least = a
    other = b
    if a > b:
        u = -d
        least = b
        other = a
    # exp of more than 700 overflows. Beyond it the kernel is a straight line.
    near = np.minimum(u, 700.0)
    curve = least * near - (a + b) * np.log1p(least / (a + b) * np.expm1(near))
    kernel: np.ndarray = curve - other * (u - near)
    return kernel


def _log_density(s: np.ndarray, a: float, b: float) -> np.ndarray:
    """Compute the logarithm of the density of the log-odds."""
    return _log_kernel(s - log(a / b), a, b) - _log_total(a, b)


def _log_total(a: float, b: float) -> float:
    """Compute the logarithm of the integral of the kernel."""
    # This is log Beta(a, b) less the kernel's maximum. The large terms of Stirling's formula for
    # the three gamma functions cancel, and only the remainders are left.
    remainder = _stirling(a) + _stirling(b) - _stirling(a + b)
    return 0.5 * log(2 * pi * (1 / a + 1 / b)) + remainder


def _stirling(z: float) -> float:
    """Compute what Stirling's formula leaves out of log Gamma(z)."""
    if z < _STIRLING_FROM:
        return lgamma(z) - (z - 0.5) * log(z) + z - 0.5 * log(2 * pi)
    return sum(c / z ** (2 * k + 1) for k, c in enumerate(_STIRLING))


def _log_share(s: np.ndarray) -> np.ndarray:
    """Compute log x from the log-odds s of x."""
    log_x: np.ndarray = -np.logaddexp(0.0, -s)
    return log_x


@lru_cache(maxsize=1_000)
def _reach(a: float, b: float, drop: float) -> float:
    """Find how far below the mode the logarithm of the density has fallen by `drop`."""

    def has_fallen(length: float) -> bool:
        return bool(_log_kernel(np.array(-length), a, b) <= -drop)

    low = 0.0
    high = 1e-9
    # Doubling finds a bracket, and halving narrows it.
    while not has_fallen(high):
        low = high
        high = 2 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if has_fallen(middle):
            high = middle
        else:
            low = middle
    return high


def _log_odds(share: np.ndarray, a: float, b: float) -> np.ndarray:
    """Find the log-odds of the quantile by Newton's steps on the logarithm of the share.

    That logarithm is concave in the log-odds, so a step from below never goes too far. Brackets
    catch the steps that do.
    """
    mode = log(a / b)
    goal = np.log(share)
    # A parameter below 1 has a tail that falls as exp(parameter · s), so its bracket is wider.
    below = _reach(max(a, 1.0), b, _QUANTILE_DROP) + _QUANTILE_DROP / min(a, 1.0)
    above = _reach(max(b, 1.0), a, _QUANTILE_DROP) + _QUANTILE_DROP / min(b, 1.0)
    low = np.full(share.shape, mode - below)
    high = np.full(share.shape, mode + above)
    s = np.full(share.shape, mode - 2 * _reach(max(a, 1.0), b, 1.0))
    for _ in range(_NEWTON_STEPS):
        reached = _below(s, a, b)
        low = np.where(reached < share, s, low)
        high = np.where(reached < share, high, s)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = (goal - np.log(reached)) * reached / np.exp(_log_density(s, a, b))
        # A NaN is not inside, so a step that cannot be computed becomes a bisection as well.
        inside = (s + step >= low) & (s + step <= high)
        after: np.ndarray = np.where(inside, s + step, 0.5 * (low + high))
        tolerance = 1e-15 * np.abs(s) + 1e-14 * (high - low)
        if bool((np.abs(after - s) <= tolerance).all()):
            return after
        s = after
    return s


# ---- ranks


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank values from 1; equal values share the mean of their ranks.

    Args:
        values: Values without NaN, shape (N,).

    Returns:
        The rank of each value, shape (N,).

    Example:
        >>> ranks(np.array([0.3, 0.1, 0.3])).tolist()
        [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    # `cumsum` gives the last rank of each distinct value; the mean rank lies half its run before.
    return (np.cumsum(counts) - 0.5 * (counts - 1))[place]
