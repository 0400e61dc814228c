"""Plasticity: can the network still learn? Dormant units, effective rank, weight norm, loss on a fresh task of random labels; entropy."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.diagnostics.rows import Rows
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError

ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.SiLU)


@torch.no_grad()
def dormant_units(module: nn.Module, rows: Rows, threshold: float = 0.025) -> float:
    """Share of units whose mean |activation|, relative to their layer's mean, is at most `threshold` (Sokar et al. 2023).

    Units are those behind activation modules (ReLU and its kin): outputs of linear layers, channels of convolutions.
    """
    seen: list[Tensor] = []

    def keep(_: nn.Module, __: object, out: Tensor) -> None:
        size = out.abs().flatten(2).mean(2) if out.dim() > 2 else out.abs()
        seen.append(size.mean(0))

    handles = [
        m.register_forward_hook(keep) for m in module.modules() if isinstance(m, ACTIVATIONS)
    ]
    try:
        with evaluating(module):
            rows.forward(module, rows.x)
    finally:
        for h in handles:
            h.remove()
    if not seen:
        raise HoldfastError(
            "the network has no activation modules (nn.ReLU and its kin) whose units could be counted"
        )
    dormant = sum(int((s <= threshold * s.mean()).sum()) for s in seen)
    return dormant / sum(len(s) for s in seen)


def effective_rank(features: Tensor) -> float:
    """exp of the entropy of the normalised singular values of features (N, D) (Roy & Vetterli 2007); from 1 to min(N, D).

    >>> round(effective_rank(torch.eye(5)), 6)
    5.0
    """
    s = torch.linalg.svdvals(features.double())
    p = s / s.sum().clamp_min(1e-300)
    return float(torch.exp(-(p * p.clamp_min(1e-300).log()).sum()))


def weight_norm(module: nn.Module) -> float:
    """‖θ‖ over all parameters."""
    return float(
        torch.sqrt(
            sum(
                (p.detach().double().square().sum() for p in module.parameters()),
                torch.zeros((), dtype=torch.float64),
            )
        )
    )


def random_label_loss(
    module: nn.Module,
    rows: Rows,
    steps: int = 100,
    lr: float = 0.01,
    batch_size: int = 64,
    seed: int = 0,
) -> float:
    """Loss that a copy of the network reaches on random labels of the same inputs after `steps` steps of SGD with momentum 0.9.

    The outputs are those of `rows.forward`. Compare it with a fresh network's: what has lost plasticity stays higher.
    """
    twin = copy.deepcopy(module)
    twin.requires_grad_(True)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        outputs = rows.forward(twin, rows.x[:1]).shape[1]
    y = torch.randint(outputs, (len(rows.x),), generator=generator).to(rows.x.device)
    optimizer = torch.optim.SGD(twin.parameters(), lr=lr, momentum=0.9)
    for _ in range(steps):
        index = torch.randint(len(rows.x), (batch_size,), generator=generator).to(rows.x.device)
        optimizer.zero_grad()
        F.cross_entropy(rows.forward(twin, rows.x[index]), y[index]).backward()
        optimizer.step()
    return Rows(rows.x, y, rows.forward).value(twin)


@torch.no_grad()
def output_entropy(module: nn.Module, rows: Rows) -> float:
    """Mean entropy of the outputs in nats, from 0 to ln C."""
    with evaluating(module):
        log_p = rows.forward(module, rows.x).log_softmax(1)
    return float(-(log_p.exp() * log_p.clamp_min(-1e30)).sum(1).mean())
