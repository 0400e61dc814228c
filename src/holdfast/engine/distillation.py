"""The distillation terms of LwF, of KLAnchor, and of generative replay with soft labels.

    KL(p ‖ q) = Σ_c p_c (log p_c − log q_c),   p = softmax(z_old / T),   q = softmax(z / T)
    gradient by z: (q − p) / T, divided by the number of rows for a mean over them

    KL(q ‖ p) = Σ_c q_c (log q_c − log p_c)
    gradient by z: q (log q − log p − KL(q ‖ p)) / T, divided likewise

Here z are the logits of the network, z_old those of the teacher and T is the temperature. The
factor T² that some papers add is left to the method.
"""

from typing import Any

import torch
from torch import Tensor

from holdfast.models.own_gradient import applied


class _Divergence(torch.autograd.Function):
    """The mean divergence, its gradient in closed form: one graph node instead of six."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
        rows = len(z)
        log_q = (z / temperature).log_softmax(1)
        p = (z_old / temperature).softmax(1)
        # Outputs that the teacher lacks have p = 0, so their entries of q − p stay q.
        gradient = log_q.exp()
        gradient[:, : p.shape[1]] -= p
        ctx.save_for_backward(gradient.mul_(1 / (temperature * rows)))
        # entr(p) = −p log p is 0 at p = 0, where p · log p would be NaN.
        divergence: Tensor = -(torch.special.entr(p) + p * log_q[:, : p.shape[1]]).sum() / rows
        return divergence

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grad, None, None


def distillation(z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
    """Compute how far softened outputs are from those of a teacher.

    Args:
        z: Logits of the network, (B, C).
        z_old: Logits of the teacher, (B, C') with C' ≤ C. It gives outputs that it lacks the
            probability 0.
        temperature: T > 0. The larger it is, the more small probabilities count.

    Returns:
        KL(softmax(z_old/T) ‖ softmax(z/T)), the mean over rows, a scalar. Its gradient goes to `z`.

    Example:
        >>> round(float(distillation(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2), 2.0)), 4)
        0.1201
    """
    return applied(_Divergence, z, z_old, temperature)


class _ReverseDivergence(torch.autograd.Function):
    """The mean divergence in the other direction, its gradient in closed form."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
        rows = max(len(z), 1)  # no row, no divergence
        # An output with probability 0 on one side would make the divergence infinite or NaN.
        both = z.isfinite() & z_old.isfinite()
        log_q = (z / temperature).masked_fill(~both, -torch.inf).log_softmax(1)
        log_p = (z_old / temperature).masked_fill(~both, -torch.inf).log_softmax(1)
        q = log_q.exp()
        difference = torch.where(both, log_q - log_p, 0.0)
        of_rows = (q * difference).sum(1, keepdim=True)
        gradient = q * (difference - of_rows)
        ctx.save_for_backward(gradient.mul_(1 / (temperature * rows)))
        divergence: Tensor = of_rows.sum() / rows
        return divergence

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grad, None, None


def reverse_distillation(z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
    """Compute how far softened outputs are from those of a teacher, in the other direction.

    Args:
        z: Logits of the network, (B, C).
        z_old: Logits of the teacher, (B, C') with C' ≤ C. Outputs that one of the two lacks are
            left out on both sides, because their share in the divergence would be infinite.
        temperature: T > 0. The larger it is, the more small probabilities count.

    Returns:
        KL(softmax(z/T) ‖ softmax(z_old/T)), the mean over rows, a scalar. Its gradient goes to `z`.

    Example:
        >>> z = torch.tensor([[0.0, 2.0]])
        >>> round(float(reverse_distillation(z, torch.zeros(1, 2), 2.0)), 4)
        0.1109
    """
    return applied(_ReverseDivergence, z[:, : z_old.shape[1]], z_old, temperature)
