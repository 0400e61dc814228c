"""Which examples stand for a set: an order in which every beginning is a good choice of that size."""

import torch
from torch import Tensor


def herding(features: Tensor, size: int) -> Tensor:
    """The `size` rows of (N, D) whose running mean stays nearest to the mean of all, in that order (Welling 2009; Rebuffi et al. 2017).

    >>> herding(torch.tensor([[0.0], [4.0], [5.0], [11.0]]), 3).tolist()  # the mean is 5
    [2, 1, 3]
    """
    f = features.double()
    mean, total = f.mean(0), torch.zeros_like(f[0])
    left, order = torch.ones(len(f), dtype=torch.bool, device=f.device), []
    for k in range(1, min(size, len(f)) + 1):
        distance = (mean - (total + f) / k).square().sum(1).masked_fill_(~left, torch.inf)
        best = distance.argmin()
        order.append(best)
        left[best] = False
        total = total + f[best]
    return torch.stack(order).cpu() if order else torch.zeros(0, dtype=torch.long)


def k_centre(features: Tensor, size: int) -> Tensor:
    """`size` rows of (N, D), the first nearest to the mean, each next one farthest from those before (Gonzalez 1985).

    The largest distance of any row to its centre is at most twice the smallest possible.

    >>> k_centre(torch.tensor([[0.0], [4.0], [5.0], [11.0]]), 3).tolist()
    [2, 3, 0]
    """
    f = features.double()
    order = [(f - f.mean(0)).square().sum(1).argmin()]
    nearest = (f - f[order[0]]).square().sum(1)
    for _ in range(min(size, len(f)) - 1):
        order.append(nearest.argmax())
        nearest = torch.minimum(nearest, (f - f[order[-1]]).square().sum(1))
    return torch.stack(order)[:size].cpu()
