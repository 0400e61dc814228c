"""The chance that a weighted sum of Gamma variables is 0 or more, on which Gaffke's bound rests.

Let S = Σ a_j · G_j with independent G_j ~ Gamma(c_j, 1). The `values` are the factors a_j and the
`counts` are the shapes c_j. The cumulant generating function of S and its derivatives are

    K(s)   = -Σ c_j · log(1 - s·a_j)
    K'(s)  =  Σ c_j · a_j / (1 - s·a_j)
    K''(s) =  Σ c_j · (a_j / (1 - s·a_j))²

They exist between the reciprocals of the smallest (negative) and the largest (positive) factor.
The saddle point is the point between them at which K' is 0.

References:
    R. Lugannani, S. Rice (1980), Saddle point approximation for the distribution of the sum of
    independent random variables. Advances in Applied Probability 12(2).
"""

from math import sqrt

import numpy as np

from holdfast.metrics.distributions import normal_pdf, normal_sf

LARGEST_BLOCK = 4_000_000  # numbers that are held in memory at once
EXACT_WITHIN = 1.5  # chances within this factor of the level `near` are computed exactly
MOST_STEPS = 100  # of the search for the saddle point, which needs about ten
TOLERANCE = 1e-12  # of the saddle point, relative to the interval in which it lies

# The integral along the line is taken over t with y = sinh(t), by the trapezoidal rule with step
# 0.05. The substitution makes the integrand fall doubly exponentially, so few nodes are enough.
_NODES = np.linspace(0.0, 9.0, 181)
_WEIGHTS = np.full(181, 0.05)
_WEIGHTS[0] = 0.025


def gamma_tail(values: np.ndarray, counts: np.ndarray, near: float | None = None) -> np.ndarray:
    """Compute the chance that a weighted sum of Gamma variables is 0 or more.

    The characteristic function is inverted along a line through the saddle point, where the
    integral converges fast and keeps its relative precision even for the smallest chances.

    Args:
        values: The factors a_j, shape (..., J).
        counts: The shapes c_j, at least 0, shape (..., J). A factor with count 0 takes no part.
        near: Pass a level if you only want to know on which side of it each chance is, as the
            search for the ends of an interval does. Chances within a factor of 1.5 of the level
            are then computed exactly. The others are approximated by the formula of Lugannani and
            Rice, which errs by a few hundredths of the chance. None computes all of them exactly.

    Returns:
        P(Σ a_j · Gamma(c_j) ≥ 0), shape (...).

    Example:
        >>> gamma_tail(np.array([1.0, -1.0]), np.ones(2)).round(9).tolist()
        0.5
    """
    occurs = counts > 0
    largest = np.where(occurs, values, -np.inf).max(-1)
    smallest = np.where(occurs, values, np.inf).min(-1)
    both_signs = (largest > 0) & (smallest < 0)

    # A sum whose factors all have one sign has no saddle point. It takes part with harmless
    # numbers, so that the arrays keep their shape, and gets its certain answer at the end.
    factors = np.where(occurs & both_signs[..., None], values, 0.0)
    low = np.where(both_signs, smallest, -1.0)
    high = np.where(both_signs, largest, 1.0)
    point = _saddle_point(factors, counts, low, high)
    chances = _lugannani_rice(factors, counts, point)

    exact = both_signs
    if near is not None:
        exact = both_signs & (chances < EXACT_WITHIN * near) & (chances > near / EXACT_WITHIN)
    if bool(exact.any()):
        flat = exact.ravel()
        length = factors.shape[-1]
        chances = np.array(chances)
        chances[exact] = _inverted(
            factors.reshape(-1, length)[flat],
            counts.reshape(-1, length)[flat],
            point.ravel()[flat],
            largest.ravel()[flat],
        )

    never_negative = (largest > 0) | ((largest == 0) & (smallest == 0))
    return np.where(both_signs, chances, np.where(never_negative, 1.0, 0.0))


def _saddle_point(
    factors: np.ndarray,
    counts: np.ndarray,
    smallest: np.ndarray,
    largest: np.ndarray,
) -> np.ndarray:
    """Find the zero of K' by Newton's method within a bracket that shrinks."""
    low = 1 / smallest
    high = 1 / largest
    width = high - low
    point = np.zeros(largest.shape)
    for _ in range(MOST_STEPS):
        ratio = factors / (1 - point[..., None] * factors)
        slope = (counts * ratio).sum(-1)  # K'(s)
        curvature = (counts * ratio * ratio).sum(-1)  # K''(s)

        # K' rises, so its sign says on which side of the point the saddle point lies.
        high = np.where(slope > 0, point, high)
        low = np.where(slope > 0, low, point)

        # A step of Newton that would leave the bracket is replaced by a bisection.
        step = point - slope / np.where(curvature > 0, curvature, 1.0)
        step = np.where((step > low) & (step < high), step, (low + high) / 2)
        done = np.abs(step - point) <= TOLERANCE * width
        point = step
        if bool(done.all()):
            break
    return point


def _inverted(
    factors: np.ndarray,
    counts: np.ndarray,
    point: np.ndarray,
    largest: np.ndarray,
) -> np.ndarray:
    """Compute `gamma_tail` by integration for rows (R, J) that all have factors of both signs.

    On the line s = x + iy with x > 0 the chance is

        P(S ≥ 0) = 1/π · ∫ Re[ exp(K(s)) / s ] dy   over y from 0 to infinity,

    and on a line with x < 0 the same integral is P(S ≥ 0) - 1.
    """
    # A line at x = 0 would run into the pole of 1/s. If the saddle point is too close to 0, a line
    # to the right of it is taken instead.
    spread = np.sqrt(_curvature(factors, counts, point))
    beside_pole = np.minimum(0.5 / spread, 0.5 / largest)
    line = np.where(np.abs(point) * spread > 0.5, point, beside_pole)

    scale = 1 / np.sqrt(_curvature(factors, counts, line))  # the width of the peak
    start = _real_cumulant(factors, counts, line)  # taken out of the integral so that exp is safe

    chances = np.empty(len(factors))
    rows_at_once = max(1, LARGEST_BLOCK // (factors.shape[1] * len(_NODES)))
    for first in range(0, len(factors), rows_at_once):
        part = slice(first, first + rows_at_once)
        y = scale[part, None] * np.sinh(_NODES)
        s = line[part, None] + 1j * y
        cumulant = _cumulant(factors[part], counts[part], s)
        integrand = (np.exp(cumulant - start[part, None]) / s).real
        slopes = scale[part, None] * np.cosh(_NODES)  # dy/dt
        integral = (integrand * slopes) @ _WEIGHTS
        chances[part] = np.exp(start[part]) / np.pi * integral
    return np.clip(np.where(line > 0, chances, 1 + chances), 0.0, 1.0)


def _real_cumulant(factors: np.ndarray, counts: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Compute K at one real point for each row of factors (..., J); shape (...)."""
    inner = 1 - point[..., None] * factors
    total: np.ndarray = -(counts * np.log(inner)).sum(-1)
    return total


def _curvature(factors: np.ndarray, counts: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Compute K'' at one real point for each row of factors (..., J); shape (...)."""
    inner = 1 - point[..., None] * factors
    total: np.ndarray = (counts * (factors / inner) ** 2).sum(-1)
    return total


def _cumulant(factors: np.ndarray, counts: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Compute K(s) for each row of factors (R, J) at its own points s (R, M); shape (R, M)."""
    total: np.ndarray
    if factors.shape[1] >= len(factors):
        total = -(counts[:, :, None] * np.log(1 - s[:, None, :] * factors[:, :, None])).sum(1)
        return total
    # Many rows of few factors: one factor after the other needs far less memory.
    total = np.zeros_like(s)
    for column in range(factors.shape[1]):
        total -= counts[:, column, None] * np.log(1 - s * factors[:, column, None])
    return total


def _lugannani_rice(factors: np.ndarray, counts: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Approximate `gamma_tail` from the saddle point ŝ alone.

    With w = sign(ŝ)·√(-2·K(ŝ)) and u = ŝ·√K''(ŝ), named as in the paper,

        P(S ≥ 0) ≈ 1 - Φ(w) + φ(w) · (1/u - 1/w).
    """
    cumulant = _real_cumulant(factors, counts, point)
    curvature = _curvature(factors, counts, point)
    w = np.sign(point) * np.sqrt(np.maximum(-2 * cumulant, 0.0))
    u = point * np.sqrt(curvature)

    # At the mean both fractions are infinite. Their difference has a limit there, which depends on
    # the skewness of the sum alone.
    at_mean = np.abs(w) < 1e-3
    variance = np.maximum((counts * factors**2).sum(-1), 1e-200)
    skewness = 2 * (counts * factors**3).sum(-1) / variance**1.5
    limit = 0.5 - skewness / (6 * sqrt(2 * np.pi))

    w = np.where(at_mean, 1.0, w)
    u = np.where(at_mean, 1.0, u)
    chances = normal_sf(w) + normal_pdf(w) * (1 / u - 1 / w)
    return np.clip(np.where(at_mean, limit, chances), 0.0, 1.0)
