"""How much the mean scores of two runs of one and the same model differ."""

from collections.abc import Sequence

import numpy as np

from holdfast.metrics.distributions import normal_quantile

SHARE = 0.05  # of pairs of runs that differ by more


def exceeded_difference(
    differences: Sequence[np.ndarray], clusters: Sequence[np.ndarray | None]
) -> float:
    """Estimate the difference of two mean scores that 5 of 100 pairs of runs exceed.

    The difference of the means is nearly normal with mean 0. Its variance is the largest of three
    estimates, each of which is averaged over the pairs of runs at hand:

    - Σ D_i² / N², where D_i is the difference of example i and N the number of examples. It is
      right if examples change independently.
    - The same with the sums of differences in each cluster.
    - The squared difference of the means. It also counts what moves all examples together, but it
      is only reliable with many runs.

    Args:
        differences: For each pair of runs, the difference of the scores of every example, shape
            (N,).
        clusters: For each pair of runs, the cluster of every example, shape (N,), or None.

    Returns:
        The difference, at least 0.

    Example:
        >>> changed = np.zeros(100)
        >>> changed[:10] = [1, -1] * 5
        >>> round(exceeded_difference([changed], [None]), 3)
        0.062
    """
    estimates = np.zeros((len(differences), 3))
    for row, (difference, cluster) in enumerate(zip(differences, clusters, strict=True)):
        count = len(difference)
        estimates[row, 0] = float((difference**2).sum()) / count**2
        if cluster is not None:
            _, index = np.unique(cluster, return_inverse=True)
            estimates[row, 1] = float((np.bincount(index, difference) ** 2).sum()) / count**2
        estimates[row, 2] = float(difference.mean()) ** 2
    # The mean comes first, because the largest estimate of each pair is large by luck.
    variance = float(estimates.mean(0).max())
    return normal_quantile(1 - SHARE / 2) * float(np.sqrt(variance))
