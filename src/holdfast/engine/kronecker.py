"""Kronecker factors of the Fisher information of each layer (Martens & Grosse 2015; convolutions: Grosse & Martens 2016)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.fisher import label_weights
from holdfast.engine.layers import matrices, rows_in, rows_out, used
from holdfast.engine.magnitudes import BUDGET, parts, recording, terms
from holdfast.engine.snapshot import evaluating

Factors = dict[str, tuple[Tensor, Tensor]]


def kronecker_factors(
    module: nn.Module,
    forward: Callable[[nn.Module, Tensor], Tensor],
    x: Tensor,
    y: Tensor | None = None,
    *,
    labels: str = "exact",
    generator: torch.Generator | None = None,
    who: str = "KFAC",
) -> Factors:
    """A = E[a aᵀ] of what flows in and G = E Σ_y p(y|x) δ δᵀ of ∂ log p(y|x) at the outputs, for each layer, over the examples x.

    The layer's Fisher is approximately A ⊗ G; exactly so for one example and one label. For a convolution, A is summed over
    positions and G averaged over them. `forward(module, x)` gives the logits that compete; `labels` as for the diagonal.
    """
    layers = matrices(module, who)
    out: Factors = {}
    held = bytes_per_row(module, lambda one: forward(module, one), x[:1])
    with evaluating(module):
        for at, part in parts(x, rows_within(2 * held, 512, BUDGET)):
            with torch.enable_grad(), recording(list(layers.values())) as seen:
                log_p = forward(module, part).log_softmax(1)
            truth = None if y is None else y[at : at + len(part)]
            weights = label_weights(log_p, labels, truth, generator)
            taking = list(used(seen, layers))
            sums = {
                name: (_gram(rows_in(layer, inp)), torch.zeros(()))
                for name, layer, inp, _ in taking
            }
            for label, share in terms(weights):
                chosen = log_p.gather(1, label[:, None]).sum()
                deltas = torch.autograd.grad(chosen, [o for *_, o in taking], retain_graph=True)
                for (name, layer, inp, _), delta in zip(taking, deltas, strict=True):
                    a, g = sums[name]
                    d = rows_out(layer, delta)
                    positions = len(d) // len(inp)
                    w = share.repeat_interleave(positions)
                    sums[name] = (a, g.to(d.device) + (d * w[:, None]).T @ d / positions)
            for name, (a, g) in sums.items():
                before = out.get(name)
                out[name] = (a, g) if before is None else (before[0] + a, before[1] + g)
    return {name: (a / len(x), g / len(x)) for name, (a, g) in out.items()}


def _gram(rows: Tensor) -> Tensor:
    return rows.T @ rows
