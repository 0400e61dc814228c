"""GPM: gradient projection memory (Saha, Garg & Roy 2021, eq. 5–9).

    each step, for each layer: g_W ← g_W − g_W M Mᵀ
    each boundary:             R̂ = R − M Mᵀ R;  M gains leading left singular vectors of R̂
                               until ‖M Mᵀ R‖² ≥ threshold ‖R‖² (Frobenius norms)

Here g_W is the gradient of a layer's matrix W, R has the inputs that the task sent into the layer
as its columns, and M is an orthonormal basis of the inputs of old tasks. A step that is orthogonal
to M changes W x for no old input x. Only the basis is stored, no example.

- A bias counts as the weight of an input that is 1. The paper's networks have no biases.
- Singular vectors come from R Rᵀ, which has the size of the layer instead of that of the sample.
- The guarantee holds for the vector that moves θ. With momentum, Adam or weight decay the step is
  another vector, so `project="step"` projects the change Δθ instead, as in OGD.
- Only linear layers and convolutions may be trainable, because the statistics and scales of norm
  layers would change old outputs.

A step costs one pass, and two small matrix products per layer.
"""

import torch
from torch import Tensor

from holdfast.engine.layers import LayerViews, matrices, rows_in, used
from holdfast.engine.magnitudes import recording
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.projection import Projection
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task

NOT_IN_CLASS = "holds old outputs still but never compares old classes with new ones; use ER"
ROUNDING = 1e-12  # relative, so that a basis that holds everything does not grow


def grown_basis(basis: Tensor, gram: Tensor, threshold: float) -> Tensor:
    """Extend a basis until it holds a share of a task's inputs (eq. 8–9).

    Args:
        basis: M, the orthonormal basis so far, (D, K).
        gram: R Rᵀ of the task's inputs, (D, D).
        threshold: The share of tr(R Rᵀ) = ‖R‖² that the basis shall hold, in (0, 1].

    Returns:
        An orthonormal basis, (D, K') with K' ≥ K. It is `basis` itself if that holds enough.

    Example:
        >>> grown_basis(torch.zeros(2, 0), torch.tensor([[9.0, 0.0], [0.0, 1.0]]), 0.9).abs()
        tensor([[1.],
                [0.]])
    """
    whole = gram.double()
    m = basis.double()
    # R̂ R̂ᵀ, with the projection on both sides.
    rest = whole - m @ (m.T @ whole)
    rest = rest - (rest @ m) @ m.T
    # Rounding leaves it slightly asymmetric, and eigenvalues slightly below 0. They ascend.
    values, vectors = torch.linalg.eigh((rest + rest.T) / 2)
    gained = torch.cat([values.new_zeros(1), values.flip(0).clamp_min(0).cumsum(0)])
    held = whole.trace() - rest.trace() + gained  # with 0, 1, 2 … further directions
    more = int((held < threshold * whole.trace() * (1 - ROUNDING)).sum())
    if not more:
        return basis
    both = torch.cat([m, vectors.flip(1)[:, :more]], 1)[:, : len(gram)]
    basis_of_both: Tensor = torch.linalg.qr(both)[0].to(basis.dtype).contiguous()
    return basis_of_both


class GPM(Projection):
    """Takes from each step what would change what layers gave to old inputs."""

    declaration = Declaration(
        family="optimisation",
        paper="Saha et al. 2021",
        summary="projects each layer's gradient off the inputs of old tasks; "
        "stores a basis, no example",
        memory="linear",
        time="linear",
        weak=(("class", NOT_IN_CLASS),),
        needs="linear layers and convolutions as trainable layers",
        keeps="a basis of inputs per layer",
        passes=Passes(words="one pass + two products per layer"),
        small=(
            "GPM()",
            "GPM(0.9, project='step')",
        ),
    )

    def __init__(
        self, threshold: float = 0.97, samples: int = 300, project: str = "gradient"
    ) -> None:
        """Set up the projection.

        Args:
            threshold: The share of the inputs' squared norm that the bases hold, in (0, 1]. The
                larger it is, the less old tasks change, and the less room is left to learn.
            samples: Examples per task that give the inputs, at least 1.
            project: `gradient` projects g (the paper), `step` the change of θ.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> GPM(threshold=0.99)
            GPM(threshold=0.99)
        """
        super().__init__(project)
        if not 0 < threshold <= 1:
            raise HoldfastError(f"threshold is a share in (0, 1], got {threshold}")
        self.threshold = threshold
        self.samples = int(at_least("samples", samples, 1))
        self.host["layers"] = []  # the names of the layers, in the order of their bases
        self.bases = self.tensor_list("basis")

    def check(self, learner: LearnerView, stream: Stream) -> None:
        matrices(learner.model, self.name)  # refuses a network with other trainable layers

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        views = LayerViews(learner.space, vector)
        for number, name in enumerate(self.host["layers"]):
            if views.trains(name):
                m = self.bases[number]
                views.put(name, (views.get(name) @ m) @ m.T, add=-1.0)
        return vector

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        x, _, logits = learner.examples_of(task, self.samples, self.generator())
        layers = matrices(learner.model, self.name)
        with evaluating(learner.model), recording(list(layers.values())) as seen:
            logits(learner.model, x)
        for name, layer, inputs, _ in used(seen, layers):
            rows = rows_in(layer, inputs)  # Rᵀ
            if name not in self.host["layers"]:
                self.bases[len(self.host["layers"])] = rows.new_zeros(rows.shape[1], 0)
                self.host["layers"].append(name)
            number = self.host["layers"].index(name)
            self.bases[number] = grown_basis(self.bases[number], rows.T @ rows, self.threshold)
