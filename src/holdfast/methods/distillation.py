"""The divergence between softened outputs, as LwF and generative replay with soft labels use it."""

from typing import Any

import torch
from torch import Tensor


class _Divergence(torch.autograd.Function):
    """KL(p ‖ q) of two softened softmaxes, mean over rows, with its gradient (q − p) / (T N) in closed form: one node, not six."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
        log_q = (z / temperature).log_softmax(1)
        p, gradient = (z_old / temperature).softmax(1), log_q.exp()
        gradient[:, : p.shape[1]] -= p
        ctx.save_for_backward(gradient.mul_(1 / (temperature * len(z))))
        return -(torch.special.entr(p) + p * log_q[:, : p.shape[1]]).sum() / len(z)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grad, None, None


def distillation(z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
    """KL(softmax(z_old/T) ‖ softmax(z/T)), mean over rows; z (N, C), z_old (N, C') with C' ≤ C, missing outputs with probability 0.

    >>> round(float(distillation(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2), 2.0)), 4)
    0.1201
    """
    return _Divergence.apply(z, z_old, temperature)
