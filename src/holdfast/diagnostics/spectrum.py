"""The largest eigenvalues of the Fisher information, without the matrix: Lanczos on v → E[g (gᵀ v)], or the Gram matrix of gradients.

Σ_c p_c g_c g_cᵀ over the labels of an example (`exact`), or one label each: `sampled`, `predicted`, `empirical`. With one label the matrix
has rank ≤ N, the number of examples: state it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from holdfast.diagnostics.rows import Rows
from holdfast.engine.fisher import LABELS, fisher_diagonal, label_weights
from holdfast.engine.jacobian import gradient_products
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError, one_of

WAYS = ("lanczos", "gram")


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues, largest first. `trace`: the sum of all; `layers`: share of the top eigenvectors' squared length in each layer
    (empty by the Gram matrix); `examples` N and `parameters` P."""

    eigenvalues: np.ndarray
    trace: float
    examples: int
    parameters: int
    labels: str
    layers: dict[str, float]

    @property
    def share(self) -> float:
        """Share of the trace that these eigenvalues hold."""
        return float(self.eigenvalues.sum() / self.trace) if self.trace else float("nan")

    def directions(self, share: float) -> int | None:
        """How many directions hold this share of the trace; None where more than were computed."""
        reached = np.flatnonzero(np.cumsum(self.eigenvalues) >= share * self.trace * (1 - 1e-9))
        return int(reached[0]) + 1 if len(reached) else None


def fisher_spectrum(
    space: ParameterSpace,
    rows: Rows,
    *,
    top: int = 20,
    labels: str = "exact",
    way: str = "lanczos",
    chunk: int = 512,
    seed: int = 0,
) -> Spectrum:
    """The `top` largest eigenvalues (by `gram`: all N, for labels other than exact) of the Fisher of a model on some examples.

    `space`: `ParameterSpace(model)`. Lanczos takes a forward and three backward passes over the examples a step, and memory for
    about 2·top vectors of P.
    """
    one_of("Fisher labels", labels, LABELS)
    one_of("way", way, WAYS)
    generator = torch.Generator().manual_seed(seed)
    weights = _weights(space, rows, labels, generator)
    again = torch.Generator().manual_seed(seed)  # the same sampled labels
    diagonal = fisher_diagonal(space, rows.forward, rows.x, rows.y, labels=labels, generator=again)
    trace = float(diagonal.double().sum())
    n, p = len(rows.x), space.numel
    if way == "gram":
        if labels == "exact":
            raise HoldfastError(
                "the Gram matrix has one gradient an example; give other labels, or way='lanczos'"
            )
        chosen = weights.argmax(1)

        def values(module: nn.Module, x: Tensor) -> Tensor:
            return rows.forward(module, x).log_softmax(1).gather(1, chosen[:, None])[:, 0]

        gram = gradient_products(space, values, rows.x).double() / n
        found = torch.linalg.eigvalsh(gram).flip(0).clamp_min(0).cpu().numpy()
        return Spectrum(found, trace, n, p, labels, {})
    if not 0 < top < p:
        raise HoldfastError(f"top is a number of eigenvalues from 1 to {p - 1}, got {top}")
    eigenvalues, vectors = _lanczos(space, rows, weights / n, top, chunk, seed)
    return Spectrum(eigenvalues, trace, n, p, labels, _by_layer(space, vectors))


def _weights(space: ParameterSpace, rows: Rows, labels: str, generator: torch.Generator) -> Tensor:
    with evaluating(space.module), torch.no_grad():
        parts = zip(rows.x.split(1024), rows.y.split(1024), strict=True)
        return torch.cat(
            [label_weights(rows.forward(space.module, x), labels, y, generator) for x, y in parts]
        )


def _lanczos(
    space: ParameterSpace, rows: Rows, weights: Tensor, top: int, chunk: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, largest first, and eigenvectors (θ's length, top) by ARPACK."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    product = FisherProduct(space, rows, weights, chunk)
    size = len(space.theta)
    start = space.mask(lambda name: True).cpu().double().numpy() * np.random.default_rng(
        seed
    ).normal(size=size)  # 0 in the gaps
    operator: Any = LinearOperator(
        (size, size), matvec=lambda v: product(v.ravel()), dtype=np.float64
    )
    values, vectors = eigsh(
        operator, k=top, which="LA", v0=start, tol=1e-4
    )  # the error of an eigenvalue is of its square
    order = np.argsort(values)[::-1]
    return np.maximum(values[order], 0), vectors[:, order]


class FisherProduct:
    """v → F v for vectors of θ's length: u = J v (N, C), then Jᵀ (w ⊙ u), w the labels' weights divided by N.

    J v is the gradient, by z, of (Jᵀ z)·v: reverse mode alone, so that every network that trains can be looked at.
    """

    def __init__(
        self, space: ParameterSpace, rows: Rows, weights: Tensor, chunk: int = 512
    ) -> None:
        self.space, self.rows, self.weights, self.chunk = space, rows, weights, chunk

    def __call__(self, v: np.ndarray) -> np.ndarray:
        space = self.space
        along = list(space.views(torch.from_numpy(v).to(space.theta)).values())
        total = torch.zeros_like(space.theta)
        with evaluating(space.module), torch.enable_grad():
            for x, w in zip(
                self.rows.x.split(self.chunk), self.weights.split(self.chunk), strict=True
            ):
                log_p = self.rows.forward(space.module, x).log_softmax(1)
                z = torch.zeros_like(log_p, requires_grad=True)
                pulled = torch.autograd.grad(
                    log_p, space.parameters, z, create_graph=True, allow_unused=True
                )
                products = [
                    (g * d).sum() for g, d in zip(pulled, along, strict=True) if g is not None
                ]
                (u,) = torch.autograd.grad(torch.stack(products).sum(), z, retain_graph=True)
                total += space.gather(
                    list(torch.autograd.grad(log_p, space.parameters, w * u, allow_unused=True))
                )
        return total.double().cpu().numpy()


def _by_layer(space: ParameterSpace, vectors: np.ndarray) -> dict[str, float]:
    """Mass of the eigenvectors in each layer, Σ_i ‖P_l v_i‖² over their number: shares that sum to 1."""
    out: dict[str, float] = {}
    for i in range(vectors.shape[1]):
        for name, view in space.views(
            torch.from_numpy(np.ascontiguousarray(vectors[:, i]))
        ).items():
            layer = name.rpartition(".")[0] or name
            out[layer] = out.get(layer, 0.0) + float(view.square().sum()) / vectors.shape[1]
    return out
