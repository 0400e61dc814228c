"""The p-value of a mean loss by Gaffke's bound, and the distribution that it needs.

References:
    N. Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the mean of a
    nonnegative variable. Mathematical Methods of Statistics 14(4).
    R. Lugannani, S. Rice (1980), Saddle point approximation for the distribution of the sum of
    independent random variables. Advances in Applied Probability 12(2).
"""

from math import sqrt

import numpy as np

from holdfast.metrics.distributions import normal_pdf, normal_sf

LARGEST_BLOCK = 4_000_000  # numbers that are held at once
_NODES = np.linspace(0.0, 9.0, 181)  # of an integral over y = sinh(node), by the trapezoidal rule
_WEIGHTS = np.full(181, 0.05)
_WEIGHTS[0] = 0.025


def p_loses_less(
    losses: np.ndarray,
    sizes: np.ndarray,
    counts: np.ndarray,
    loss: float | np.ndarray,
    near: float | None = None,
) -> np.ndarray:
    """The p-value of "the mean loss is `loss` or more" by Gaffke's bound, for one sample or many at once.

    Args:
        losses: Sum of the losses in each unit, shape (..., J); a loss per example lies in [-1, 1].
        sizes: Examples in each unit, shape (..., J) or (J,).
        counts: How often each unit occurs, shape (..., J) or (J,); 0 for units that are not there.
        loss: The loss of the hypothesis, in [-1, 1]; or several of them, shape (G,), for one sample.
        near: See `gamma_tail`.

    Returns:
        P-values of shape (...).

    Example:
        Nothing was lost in 150 examples. The chance of that at a loss of 2 % is 0.98 ** 150.

        >>> round(float(p_loses_less(np.zeros(1), np.ones(1), np.array([150.0]), 0.02)), 6)
        0.048296
        >>> round(0.98**150, 6)
        0.048296
    """
    loss = np.asarray(loss, dtype=float)[..., None]
    excess = losses - loss * sizes
    there = np.broadcast_to(counts, excess.shape)
    largest = np.where(there > 0, np.broadcast_to(sizes, excess.shape), 0.0).max(-1, keepdims=True)
    completed = np.concatenate([excess, largest * (1 - loss)], axis=-1)
    return gamma_tail(completed, np.concatenate([there, np.ones_like(largest)], axis=-1), near)


def gamma_tail(values: np.ndarray, counts: np.ndarray, near: float | None = None) -> np.ndarray:
    """The chance that a sum of exponential variables with the given factors is 0 or more.

    The characteristic function is inverted along a line through the saddle point, where the integral
    converges fast and keeps its relative precision for the smallest chances.

    Args:
        values: Factors, shape (..., J).
        counts: How many exponential variables have each factor, at least 0, shape (..., J).
        near: If given, only chances within a factor of 1.5 of it are computed exactly, and the others
            by the saddle point approximation of Lugannani and Rice, which errs by a few hundredths of
            the chance. This is for callers that only ask on which side of a level a chance is: the
            search for the ends of an interval, plans and simulations.

    Returns:
        P(Σ values · Gamma(counts) ≥ 0), shape (...).
    """
    there = counts > 0
    top = np.where(there, values, -np.inf).max(-1)
    bottom = np.where(there, values, np.inf).min(-1)
    both = (top > 0) & (bottom < 0)
    a = np.where(there & both[..., None], values, 0.0)
    point = _saddle_point(a, counts, np.where(both, bottom, -1.0), np.where(both, top, 1.0))
    p = _lugannani_rice(a, counts, point)
    exact = both if near is None else both & (p < 1.5 * near) & (p > near / 1.5)
    if bool(exact.any()):
        flat = exact.ravel()
        rows = a.reshape(-1, a.shape[-1])[flat], counts.reshape(-1, a.shape[-1])[flat]
        p = np.array(p)
        p[exact] = _inverted(*rows, point.ravel()[flat], top.ravel()[flat])
    positive = (top > 0) | ((top == 0) & (bottom == 0))  # all factors have one sign
    return np.where(both, p, np.where(positive, 1.0, 0.0))


def _saddle_point(
    a: np.ndarray, counts: np.ndarray, bottom: np.ndarray, top: np.ndarray
) -> np.ndarray:
    """Where the derivative of the cumulant generating function is 0: between the reciprocals of both extremes."""
    low, high = 1 / bottom, 1 / top
    width, point = high - low, np.zeros(top.shape)
    for _ in range(100):
        ratio = a / (1 - point[..., None] * a)
        slope, curvature = (counts * ratio).sum(-1), (counts * ratio * ratio).sum(-1)
        high = np.where(slope > 0, point, high)
        low = np.where(slope > 0, low, point)
        step = point - slope / np.where(curvature > 0, curvature, 1.0)
        step = np.where((step > low) & (step < high), step, (low + high) / 2)
        done = np.abs(step - point) <= 1e-12 * width
        point = step
        if bool(done.all()):
            break
    return point


def _inverted(a: np.ndarray, counts: np.ndarray, point: np.ndarray, top: np.ndarray) -> np.ndarray:
    """`gamma_tail` by integration; rows of shape (R, J), every one with factors of both signs."""
    # A line at 0 would run into the pole there, so near 0 another one to its right is taken.
    spread = np.sqrt((counts * (a / (1 - point[:, None] * a)) ** 2).sum(-1))
    line = np.where(np.abs(point) * spread > 0.5, point, np.minimum(0.5 / spread, 0.5 / top))
    inner = 1 - line[:, None] * a
    scale = 1 / np.sqrt((counts * (a / inner) ** 2).sum(-1))
    start = -(counts * np.log(inner)).sum(-1)
    out = np.empty(len(a))
    rows = max(1, LARGEST_BLOCK // (a.shape[1] * len(_NODES)))
    for k in range(0, len(a), rows):
        part = slice(k, k + rows)
        y = scale[part, None] * np.sinh(_NODES)
        s = line[part, None] + 1j * y
        cumulant = _cumulant(a[part], counts[part], s)
        integrand = (np.exp(cumulant - start[part, None]) / s).real
        slopes = scale[part, None] * np.cosh(_NODES)
        out[part] = np.exp(start[part]) / np.pi * ((integrand * slopes) @ _WEIGHTS)
    return np.clip(np.where(line > 0, out, 1 + out), 0.0, 1.0)


def _cumulant(a: np.ndarray, counts: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The cumulant generating function of each row of factors (R, J) at its points (R, M); shape (R, M)."""
    if a.shape[1] >= len(a):
        return -(counts[:, :, None] * np.log(1 - s[:, None, :] * a[:, :, None])).sum(1)
    # Many rows of few factors: one factor after the other needs far less memory.
    total = np.zeros_like(s)
    for j in range(a.shape[1]):
        total -= counts[:, j, None] * np.log(1 - s * a[:, j, None])
    return total


def _lugannani_rice(a: np.ndarray, counts: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The saddle point approximation of `gamma_tail`; w and u are named as in the paper."""
    inner = 1 - point[..., None] * a
    cumulant = -(counts * np.log(inner)).sum(-1)
    curvature = (counts * (a / inner) ** 2).sum(-1)
    w = np.sign(point) * np.sqrt(np.maximum(-2 * cumulant, 0.0))
    u = point * np.sqrt(curvature)
    near = np.abs(w) < 1e-3  # at the mean the formula is 0/0; its limit is one of the skewness
    skewness = 2 * (counts * a**3).sum(-1) / np.maximum((counts * a**2).sum(-1), 1e-200) ** 1.5
    at_mean = 0.5 - skewness / (6 * sqrt(2 * np.pi))
    w, u = np.where(near, 1.0, w), np.where(near, 1.0, u)
    p = normal_sf(w) + normal_pdf(w) * (1 / u - 1 / w)
    return np.clip(np.where(near, at_mean, p), 0.0, 1.0)
