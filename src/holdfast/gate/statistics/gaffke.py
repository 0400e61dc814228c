"""Gaffke's bound for the mean of bounded variables, as the p-value of a mean loss.

References:
    N. Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the mean of
    a nonnegative variable. Mathematical Methods of Statistics 14(4).
"""

import numpy as np

from holdfast.gate.statistics.gamma_sums import gamma_tail


def p_loses_less(
    losses: np.ndarray,
    sizes: np.ndarray,
    counts: np.ndarray,
    loss: float | np.ndarray,
    near: float | None = None,
) -> np.ndarray:
    """Compute the p-value of "the mean loss is `loss` or more", for one sample or many at once.

    The sample is completed by one more unit in which everything is lost, and all n + 1 units are
    weighted at random. The p-value is the chance that the weighted mean reaches the hypothesis:

        p = P(Σ (L_i - loss · m_i) · E_i ≥ 0)   over i = 1 … n + 1,   E_i ~ Exp(1)

    L_i is the sum of losses in unit i and m_i its number of examples. The unit that is added has
    the largest size m there is, and L = m.

    Args:
        losses: Sum of the losses in each unit, shape (..., J). A loss per example lies in [-1, 1].
        sizes: Examples in each unit, shape (..., J) or (J,).
        counts: How often each unit occurs, shape (..., J) or (J,). Units with 0 are ignored.
        loss: The loss of the hypothesis, in [-1, 1]. For a single sample you may pass several of
            them, shape (G,).
        near: A level near which the p-values must be exact; see `gamma_tail`. None computes all
            of them exactly.

    Returns:
        P-values of shape (...), or (G,) for several hypotheses.

    Example:
        Nothing was lost in 150 examples. The chance of that at a loss of 2 % is 0.98 ** 150.

        >>> round(float(p_loses_less(np.zeros(1), np.ones(1), np.array([150.0]), 0.02)), 6)
        0.048296
        >>> round(0.98**150, 6)
        0.048296
    """
    # What each unit lost beyond the hypothesis. Its mean is 0 if the hypothesis holds exactly.
    hypothesis = np.asarray(loss, dtype=float)[..., None]
    excess = losses - hypothesis * sizes
    occurrences = np.broadcast_to(counts, excess.shape)

    # Only a size that occurs in this sample can be that of the unit which completes it.
    occurring_sizes = np.where(occurrences > 0, np.broadcast_to(sizes, excess.shape), 0.0)
    largest = occurring_sizes.max(-1, keepdims=True)
    completed = np.concatenate([excess, largest * (1 - hypothesis)], axis=-1)
    completed_counts = np.concatenate([occurrences, np.ones_like(largest)], axis=-1)
    return gamma_tail(completed, completed_counts, near)
