"""The largest eigenvalues of the Fisher information, without forming the matrix.

The Fisher is the mean over examples of Σ_c p_c g_c g_cᵀ, where g_c is the gradient of log p_c and c
runs over the labels ("exact"), or over one label per example ("sampled", "predicted",
"empirical"). With one label per example its rank is at most N, the number of examples.

The eigenvalues come from Lanczos' method, which needs products v → F v only, or from the Gram
matrix of the gradients, (N, N), which has the same eigenvalues above 0.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from holdfast.diagnostics.sample import Sample
from holdfast.engine.fisher import LABELS, fisher_diagonal, label_weights
from holdfast.engine.jacobian import gradient_products
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import parts
from holdfast.errors import HoldfastError, one_of
from holdfast.named_inputs import Inputs

WAYS = ("lanczos", "gram")
TOLERANCE = 1e-4  # of the eigenvectors; the error of an eigenvalue is of its square
ROUNDING = 1e-9  # relative, so that all eigenvalues together do reach the whole trace
ROWS_AT_ONCE = 1024  # examples in a forward pass without gradients


@dataclass(frozen=True)
class Spectrum:
    """The largest eigenvalues of a Fisher matrix.

    Args:
        eigenvalues: The eigenvalues, the largest first.
        trace: The sum of all eigenvalues of the matrix.
        examples: The number of examples N.
        parameters: The number of parameters P.
        labels: Which labels the Fisher is over.
        layers: Layer → the share of the eigenvectors' squared length in it. Empty if the
            eigenvalues come from the Gram matrix, which has no such vectors.

    Example:
        >>> spectrum = Spectrum(np.array([6.0, 3.0]), 10.0, 5, 8, "exact", {})
        >>> spectrum.share, spectrum.directions(0.5)
        (0.9, 1)
    """

    eigenvalues: np.ndarray
    trace: float
    examples: int
    parameters: int
    labels: str
    layers: dict[str, float]

    @property
    def share(self) -> float:
        """The share of the trace that these eigenvalues hold; NaN if the trace is 0."""
        if not self.trace:
            return float("nan")
        return float(self.eigenvalues.sum() / self.trace)

    def directions(self, share: float) -> int | None:
        """Count the directions that hold a share of the trace.

        Args:
            share: The share, in (0, 1].

        Returns:
            How many of the largest eigenvalues add up to it, or None if all of those that were
            computed don't.
        """
        wanted = share * self.trace * (1 - ROUNDING)
        reached = np.flatnonzero(np.cumsum(self.eigenvalues) >= wanted)
        # The directions that are missing were not computed.
        if not len(reached):
            return None
        return int(reached[0]) + 1


def fisher_spectrum(
    space: ParameterSpace,
    rows: Sample,
    *,
    top: int = 20,
    labels: str = "exact",
    way: str = "lanczos",
    chunk: int = 512,
    seed: int = 0,
) -> Spectrum:
    """Compute the largest eigenvalues of the Fisher of a model on some examples.

    Each step of Lanczos takes one forward and three backward passes over the examples. The memory
    needed is that of about 2·top vectors of P numbers.

    Args:
        space: The parameters of the model, `ParameterSpace(model)`.
        rows: The examples.
        top: The number of eigenvalues, from 1 to P − 1. The Gram matrix gives all N instead.
        labels: "exact", "sampled", "predicted" or "empirical".
        way: "lanczos", or "gram" for labels other than "exact".
        chunk: Examples per pass, which bounds the memory.
        seed: The seed of sampled labels and of the first vector.

    Raises:
        HoldfastError: `top` is out of range, or the Gram matrix is asked for with exact labels.

    Example:
        >>> space = ParameterSpace(nn.Linear(2, 2))
        >>> rows = Sample(torch.eye(2), torch.tensor([0, 1]))
        >>> len(fisher_spectrum(space, rows, top=3).eigenvalues)
        3
    """
    one_of("Fisher labels", labels, LABELS)
    one_of("way", way, WAYS)
    _check_request(space, labels, way, top)
    weights = _weights(space, rows, labels, seed)
    trace = _trace(space, rows, labels, seed)
    if way == "gram":
        return _gram_spectrum(space, rows, weights, trace, labels)
    return _lanczos_spectrum(FisherProduct(space, rows, weights, chunk), trace, labels, top, seed)


def _check_request(space: ParameterSpace, labels: str, way: str, top: int) -> None:
    """Refuse what cannot be computed, before the passes over the examples."""
    if way == "lanczos" and not 0 < top < space.numel:
        raise HoldfastError(
            f"top must be a number of eigenvalues from 1 to {space.numel - 1}, got {top}"
        )
    if way == "gram" and labels == "exact":
        raise HoldfastError(
            "the Gram matrix has one gradient per example, but exact labels need one per output; "
            "choose other labels, or way='lanczos'"
        )


def _weights(space: ParameterSpace, rows: Sample, labels: str, seed: int) -> Tensor:
    """The weight of each label of each example, (N, C)."""
    generator = torch.Generator().manual_seed(seed)
    weights = []
    with evaluating(space.module), torch.no_grad():
        for at, x in parts(rows.x, ROWS_AT_ONCE):
            y = rows.y[at : at + len(x)]
            logits = rows.forward(space.module, x)
            weights.append(label_weights(logits, labels, y, generator))
    return torch.cat(weights)


def _trace(space: ParameterSpace, rows: Sample, labels: str, seed: int) -> float:
    """The trace of the Fisher, which is the sum of its diagonal."""
    # A generator of the same seed samples the same labels as for the weights.
    generator = torch.Generator().manual_seed(seed)
    diagonal = fisher_diagonal(
        space, rows.forward, rows.x, rows.y, labels=labels, generator=generator
    )
    return float(diagonal.double().sum())


def _gram_spectrum(
    space: ParameterSpace, rows: Sample, weights: Tensor, trace: float, labels: str
) -> Spectrum:
    """All eigenvalues, from the inner products of the gradients of the examples."""
    label_of = weights.argmax(1)

    def log_probabilities(module: nn.Module, x: Inputs) -> Tensor:
        log_p = rows.forward(module, x).log_softmax(1)
        return log_p.gather(1, label_of[:, None])[:, 0]

    examples = len(rows.x)
    gram = gradient_products(space, log_probabilities, rows.x).double() / examples
    ascending = torch.linalg.eigvalsh(gram)
    # Rounding can make eigenvalues of 0 slightly negative.
    eigenvalues = ascending.flip(0).clamp_min(0).cpu().numpy()
    return Spectrum(
        eigenvalues=eigenvalues,
        trace=trace,
        examples=examples,
        parameters=space.numel,
        labels=labels,
        layers={},
    )


class FisherProduct:
    """The product v → F v for vectors with the layout of θ.

    With the Jacobian J of the log-probabilities, it is u = J v, (N, C), and then Jᵀ (w ⊙ u), where
    w are the weights of the labels divided by N. J v is the gradient by z of (Jᵀ z)·v, so reverse
    mode suffices, and every network that trains can be examined.
    """

    def __init__(
        self, space: ParameterSpace, rows: Sample, weights: Tensor, chunk: int = 512
    ) -> None:
        self.space = space
        self.rows = rows
        self.weights = weights / len(rows.x)
        self.chunk = chunk

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """The product with one vector, in float64."""
        space = self.space
        # Per parameter, in the shape of its gradient.
        on_device = torch.from_numpy(vector).to(space.theta)
        v = list(space.views(on_device).values())
        total = torch.zeros_like(space.theta)
        with evaluating(space.module), torch.enable_grad():
            for at, x in parts(self.rows.x, self.chunk):
                total += self._product(x, self.weights[at : at + len(x)], v)
        return total.double().cpu().numpy()

    def _product(self, x: Inputs, w: Tensor, v: list[Tensor]) -> Tensor:
        """The part of the product that comes from some of the examples."""
        parameters = self.space.parameters
        log_p = self.rows.forward(self.space.module, x).log_softmax(1)
        # Jᵀ z is linear in z, so its value at z = 0 doesn't matter, only its gradient by z.
        z = torch.zeros_like(log_p, requires_grad=True)
        jt_z = torch.autograd.grad(log_p, parameters, z, create_graph=True, allow_unused=True)
        products = []
        for gradient, direction in zip(jt_z, v, strict=True):
            # The outputs may not depend on some parameter at all.
            if gradient is not None:
                products.append((gradient * direction).sum())
        jt_z_v = torch.stack(products).sum()
        (u,) = torch.autograd.grad(jt_z_v, z, retain_graph=True)
        jt_wu = torch.autograd.grad(log_p, parameters, w * u, allow_unused=True)
        return self.space.gather(list(jt_wu))


def _lanczos_spectrum(
    product: FisherProduct, trace: float, labels: str, top: int, seed: int
) -> Spectrum:
    """The largest eigenvalues and where their eigenvectors lie, by ARPACK."""
    space = product.space
    eigenvalues, vectors = _eigenvectors(product, top, seed)
    return Spectrum(
        eigenvalues=eigenvalues,
        trace=trace,
        examples=len(product.rows.x),
        parameters=space.numel,
        labels=labels,
        layers=_by_layer(space, vectors),
    )


def _eigenvectors(product: FisherProduct, top: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, the largest first, and eigenvectors (length of θ, top)."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    size = len(product.space.theta)
    # θ has gaps between its parameters. A first vector that is 0 there keeps all others 0 there.
    no_gaps = product.space.mask(lambda name: True).cpu().double().numpy()
    start = no_gaps * np.random.default_rng(seed).normal(size=size)
    operator = LinearOperator(
        (size, size), matvec=lambda vector: product(vector.ravel()), dtype=np.float64
    )
    values, vectors = eigsh(operator, k=top, which="LA", v0=start, tol=TOLERANCE)
    # ARPACK returns them in ascending order, and rounding may make a 0 negative.
    order = np.argsort(values)[::-1]
    return np.maximum(values[order], 0), vectors[:, order]


def _by_layer(space: ParameterSpace, vectors: np.ndarray) -> dict[str, float]:
    """The share of the eigenvectors v_i in each layer l, the mean of ‖P_l v_i‖²; their sum is 1."""
    shares: dict[str, float] = {}
    count = vectors.shape[1]
    for number in range(count):
        vector = torch.from_numpy(np.ascontiguousarray(vectors[:, number]))
        for name, view in space.views(vector).items():
            # A parameter of the model itself, such as a token, is a layer of its own.
            layer = name.rpartition(".")[0] or name
            share = float(view.square().sum()) / count
            shares[layer] = shares.get(layer, 0.0) + share
    return shares
