"""Normal, beta and Student distributions, and ranks: what the gate would otherwise need SciPy for.

SciPy takes 143 MB, as much as everything else that the gate installs without its extras, and the gate
would use these few functions of it. `tests/metrics/test_distributions.py` compares them with SciPy.

The beta distribution is integrated over the log-odds s = log(x / (1 - x)), relative to its mode
log(a / b). There the density is log-concave for all a and b, and no large numbers cancel:

    log f(s) - log f(mode) = a·d - (a + b)·log1p(p·expm1(d)),   d = s - log(a / b),   p = a / (a + b)

References:
    NIST Digital Library of Mathematical Functions, 5.11.1 (Stirling's series) and 8.17 (incomplete beta).
"""

from functools import lru_cache
from math import erfc, inf, lgamma, log, pi, sqrt
from statistics import NormalDist

import numpy as np

_STANDARD = NormalDist()
_DROP = 42.0  # where the logarithm of a density has fallen by this much, the rest is left out
_FEW, _MANY = (np.polynomial.legendre.leggauss(n) for n in (24, 64))
_SKEWED = 7.0  # densities with a smaller a or b need many points
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_ROUNDS = 100  # at most, of a search


# ---- normal


def normal_pdf(x: np.ndarray) -> np.ndarray:
    """The density of the standard normal distribution at x, shape (...)."""
    return np.exp(-0.5 * np.square(x)) / sqrt(2 * pi)


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """The chance that a standard normal variable is at most x, shape (...); exact in both tails."""
    return 0.5 * _erfc(-np.asarray(x, dtype=float) / sqrt(2))


def normal_sf(x: np.ndarray) -> np.ndarray:
    """The chance that a standard normal variable exceeds x, shape (...); exact in both tails."""
    return 0.5 * _erfc(np.asarray(x, dtype=float) / sqrt(2))


def normal_quantile(share: float) -> float:
    """The value that a standard normal variable is at most with chance `share`, in [0, 1].

    >>> round(normal_quantile(0.975), 6), normal_quantile(1.0)
    (1.959964, inf)
    """
    if share <= 0 or share >= 1:
        return inf if share == 1 else -inf if share == 0 else float("nan")
    return _STANDARD.inv_cdf(share)


def _erfc(x: np.ndarray) -> np.ndarray:
    found = np.fromiter(map(erfc, x.ravel().tolist()), dtype=float, count=x.size)
    return found.reshape(x.shape)


# ---- Student


@lru_cache(maxsize=10_000)
def student_quantile(share: float, freedom: float) -> float:
    """The value that a variable of Student's t distribution is at most with chance `share`.

    Args:
        share: In (0, 1).
        freedom: The degrees of freedom, above 0.

    Example:
        >>> round(student_quantile(0.975, 4), 4), round(student_quantile(0.025, 4), 4)
        (2.7764, -2.7764)
    """
    if share == 0.5:
        return 0.0
    # If B has the distribution Beta(freedom / 2, 1 / 2), then t² = freedom · (1 - B) / B.
    beyond = _log_odds(np.array([2 * min(share, 1 - share)]), freedom / 2, 0.5)
    size = float(np.sqrt(freedom * np.exp(-beyond[0])))
    return size if share > 0.5 else -size


# ---- beta


def beta_cdf(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """The chance that a variable of the distribution Beta(a, b) is at most x, to 10 digits or more.

    Args:
        x: In [0, 1], shape (...).
        a: Above 0.
        b: Above 0.

    Example:
        >>> beta_cdf(np.array([0.0, 0.25, 1.0]), 1, 1).round(9).tolist()
        [0.0, 0.25, 1.0]
    """
    x = np.asarray(x, dtype=float)
    inside = (x > 0) & (x < 1)
    safe = np.where(inside, x, 0.5)
    found = _below(np.log(safe) - np.log1p(-safe), a, b)
    return np.where(inside, found, np.where(x >= 1, 1.0, 0.0))


def beta_quantile(share: np.ndarray, a: float, b: float) -> np.ndarray:
    """The value that a variable of the distribution Beta(a, b) is at most with chance `share`.

    Args:
        share: In [0, 1], shape (...).
        a: Above 0.
        b: Above 0.

    Example:
        >>> beta_quantile(np.array([0.0, 0.25, 1.0]), 1, 1).round(9).tolist()
        [0.0, 0.25, 1.0]
    """
    share = np.asarray(share, dtype=float)
    inside = (share > 0) & (share < 1)
    found = np.exp(_log_share(_log_odds(np.where(inside, share, 0.5), a, b)))
    return np.where(inside, found, np.where(share >= 1, 1.0, 0.0))


def _below(s: np.ndarray, a: float, b: float) -> np.ndarray:
    """The chance that the log-odds of a variable of Beta(a, b) are at most s."""
    left = s <= log(a / b)
    out = np.empty(s.shape)
    out[left] = _tail(s[left], a, b)
    out[~left] = 1 - _tail(-s[~left], b, a)
    return out


def _tail(s: np.ndarray, a: float, b: float) -> np.ndarray:
    """`_below` at points that are not above the mode."""
    if a < 1:  # the density falls too slowly to be integrated; DLMF 8.17.20 raises a by one
        rest = _log_density(s, a + 1, b) - _log_share(s) - log(a + b)
        return _tail(s, a + 1, b) + np.exp(rest)
    d = s - log(a / b)
    half = 0.5 * _reach(a, b, _DROP)
    nodes, weights = _MANY if min(a, b) < _SKEWED else _FEW
    heights = np.exp(_log_kernel(d[..., None] + half * (nodes - 1), a, b) - _log_total(a, b))
    return half * (heights @ weights)


def _log_kernel(d: np.ndarray, a: float, b: float) -> np.ndarray:
    """log f(s) - log f(mode); see the module. The smaller of a and b stands first: less cancels."""
    u, least, other = (d, a, b) if a <= b else (-d, b, a)
    near = np.minimum(u, 700.0)  # exp of more overflows; beyond, the kernel is a straight line
    kernel = least * near - (a + b) * np.log1p(least / (a + b) * np.expm1(near))
    return kernel - other * (u - near)


def _log_density(s: np.ndarray, a: float, b: float) -> np.ndarray:
    return _log_kernel(s - log(a / b), a, b) - _log_total(a, b)


def _log_total(a: float, b: float) -> float:
    """The logarithm of the integral of the kernel."""
    rest = _stirling(a) + _stirling(b) - _stirling(a + b)
    return 0.5 * log(2 * pi * (1 / a + 1 / b)) + rest


def _stirling(z: float) -> float:
    """What Stirling's formula leaves out of log Gamma(z)."""
    if z < 12:
        return lgamma(z) - (z - 0.5) * log(z) + z - 0.5 * log(2 * pi)
    return sum(c / z ** (2 * k + 1) for k, c in enumerate(_STIRLING))


def _log_share(s: np.ndarray) -> np.ndarray:
    """log x at the log-odds s."""
    return -np.logaddexp(0.0, -s)


@lru_cache(maxsize=1_000)
def _reach(a: float, b: float, drop: float) -> float:
    """How far below the mode the logarithm of the density has fallen by `drop`."""

    def fallen(length: float) -> bool:
        return bool(_log_kernel(np.array(-length), a, b) <= -drop)

    low, high = 0.0, 1e-9
    while not fallen(high):
        low, high = high, 2 * high
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if fallen(middle) else (middle, high)
    return high


def _log_odds(share: np.ndarray, a: float, b: float) -> np.ndarray:
    """The log-odds of the quantile: Newton's steps on the logarithm of the share, within brackets.

    That logarithm is concave in the log-odds, so a step from below never goes too far.
    """
    mode, goal = log(a / b), np.log(share)
    low = np.full(share.shape, mode - _reach(max(a, 1.0), b, 750.0) - 750 / min(a, 1.0))
    high = np.full(share.shape, mode + _reach(max(b, 1.0), a, 750.0) + 750 / min(b, 1.0))
    s = np.full(share.shape, mode - 2 * _reach(max(a, 1.0), b, 1.0))
    for _ in range(_ROUNDS):
        found = _below(s, a, b)
        low, high = np.where(found < share, s, low), np.where(found < share, high, s)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = (goal - np.log(found)) * found / np.exp(_log_density(s, a, b))
        inside = (s + step >= low) & (s + step <= high)  # which NaN is not
        after = np.where(inside, s + step, 0.5 * (low + high))
        if bool((np.abs(after - s) <= 1e-15 * np.abs(s) + 1e-14 * (high - low)).all()):
            return after
        s = after
    return s


# ---- ranks


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value, from 1; equal values share the mean of their ranks.

    Args:
        values: Without NaN, shape (N,).

    Example:
        >>> ranks(np.array([0.3, 0.1, 0.3])).tolist()
        [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - 0.5 * (counts - 1))[place]
