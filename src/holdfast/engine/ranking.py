"""Which examples stand for a set of examples.

The choice is an order, of which every beginning is a good choice of that size.
"""

import torch
from torch import Tensor


def herding(features: Tensor, size: int) -> Tensor:
    """Choose rows whose running mean stays nearest to the mean of all rows.

    Args:
        features: The features of all rows, (N, D).
        size: The number of rows to choose. If it is more than N, all are chosen.

    Returns:
        The places of the chosen rows, in the order in which they are chosen, on the CPU.

    Example:
        >>> herding(torch.tensor([[0.0], [4.0], [5.0], [11.0]]), 3).tolist()  # the mean is 5
        [2, 1, 3]

    References:
        M. Welling (2009), Herding dynamical weights to learn. ICML.
        S.-A. Rebuffi et al. (2017), iCaRL: incremental classifier and representation learning.
        CVPR.
    """
    f = features.double()  # in single precision near ties would depend on the device
    mean = f.mean(0)
    total = torch.zeros_like(f[0])
    left = torch.ones(len(f), dtype=torch.bool, device=f.device)
    order = []
    for k in range(1, min(size, len(f)) + 1):
        distance = (mean - (total + f) / k).square().sum(1)
        best = distance.masked_fill_(~left, torch.inf).argmin()
        order.append(best)
        left[best] = False  # no row is chosen twice
        total = total + f[best]
    if not order:
        return torch.zeros(0, dtype=torch.long)
    return torch.stack(order).cpu()


def k_centre(features: Tensor, size: int) -> Tensor:
    """Choose rows that cover all rows: each next one is farthest from those before.

    The first is the nearest to the mean. The largest distance of any row to its centre is at most
    twice the smallest possible.

    Args:
        features: The features of all rows, (N, D).
        size: The number of rows to choose. If it is more than N, all are chosen.

    Returns:
        The places of the chosen rows, in the order in which they are chosen, on the CPU.

    Example:
        >>> k_centre(torch.tensor([[0.0], [4.0], [5.0], [11.0]]), 3).tolist()
        [2, 3, 0]

    References:
        T. F. Gonzalez (1985), Clustering to minimize the maximum intercluster distance. TCS.
    """
    f = features.double()
    first = (f - f.mean(0)).square().sum(1).argmin()
    order = [first]
    # Squared distances have the order of distances.
    nearest = (f - f[first]).square().sum(1)
    for _ in range(min(size, len(f)) - 1):
        farthest = nearest.argmax()
        order.append(farthest)
        distance = (f - f[farthest]).square().sum(1)
        nearest = torch.minimum(nearest, distance)
    return torch.stack(order)[:size].cpu()
