"""GPM: gradient projection memory (Saha, Garg & Roy 2021, eq. 5–9).

Layer by layer, g_W ← g_W − g_W M Mᵀ, M an orthonormal basis of the inputs that old tasks sent into the layer: steps across it leave what
the layer gave to them as it was. After each task, with R its inputs as columns and R̂ = R − M Mᵀ R, M gains the leading left singular
vectors of R̂ until ‖M Mᵀ R‖² ≥ threshold ‖R‖² (Frobenius). Here a bias counts as the weight of an input that is 1 (the paper's networks
have none), and singular vectors come from R Rᵀ. Guarantee: for the vector that moves θ; `project="step"` projects Δθ, as in OGD.
Linear layers and convolutions alone: statistics and scales of norm layers would move old outputs. Passes: one, two small products a layer.
"""

import torch
from torch import Tensor

from holdfast.engine.layers import LayerViews, matrices, rows_in, used
from holdfast.engine.magnitudes import recording
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.projection import Projection
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


def grown_basis(basis: Tensor, gram: Tensor, threshold: float) -> Tensor:
    """An orthonormal basis (D, K) with the directions that let it hold `threshold` of tr(R Rᵀ); `gram` = R Rᵀ (D, D).

    >>> grown_basis(torch.zeros(2, 0), torch.tensor([[9.0, 0.0], [0.0, 1.0]]), 0.9).abs().tolist()
    [[1.0], [0.0]]
    """
    whole = gram.double()
    m = basis.double()
    rest = whole - m @ (m.T @ whole)
    rest = rest - (rest @ m) @ m.T
    values, vectors = torch.linalg.eigh((rest + rest.T) / 2)
    held = (
        whole.trace()
        - rest.trace()
        + torch.cat([values.new_zeros(1), values.flip(0).clamp_min(0).cumsum(0)])
    )
    more = int((held < threshold * whole.trace() * (1 - 1e-12)).sum())
    both = torch.cat([m, vectors.flip(1)[:, :more]], 1)[:, : len(gram)]
    return torch.linalg.qr(both)[0].to(basis.dtype).contiguous() if more else basis


class GPM(Projection):
    """Takes from each step what would change what layers gave to old inputs."""

    declaration = Declaration(
        "optimisation",
        "Saha et al. 2021",
        "projects each layer's gradient off the inputs of old tasks; stores a basis, no example",
        memory="linear",
        time="linear",
        weak=(
            (
                "class",
                "holds old outputs still but never compares old classes with new ones; use ER",
            ),
        ),
    )

    def __init__(
        self, threshold: float = 0.97, samples: int = 300, project: str = "gradient"
    ) -> None:
        """`threshold` share of the inputs' norm that the bases hold, in (0, 1]; `samples` examples a task; `project` gradient or step."""
        super().__init__(project)
        if not 0 < threshold <= 1:
            raise HoldfastError(f"threshold is a share in (0, 1], got {threshold}")
        self.threshold = threshold
        self.samples = int(at_least("samples", samples, 1))
        self.host["layers"] = []
        self.bases = self.tensor_list("basis")

    def check(self, learner: LearnerView, stream: Stream) -> None:
        matrices(learner.model, self.name)

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        """`vector` with each layer's part taken off its basis."""
        views = LayerViews(learner.space, vector)
        for k, name in enumerate(self.host["layers"]):
            if views.trains(name):
                m = self.bases[k]
                views.put(name, (views.get(name) @ m) @ m.T, add=-1.0)
        return vector

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        x, _, logits = learner.examples_of(task, self.samples, self.generator())
        layers = matrices(learner.model, self.name)
        with evaluating(learner.model), recording(list(layers.values())) as seen:
            logits(learner.model, x)
        for name, layer, inp, _ in used(seen, layers):
            rows = rows_in(layer, inp)
            if name not in self.host["layers"]:
                self.bases[len(self.host["layers"])] = rows.new_zeros(rows.shape[1], 0)
                self.host["layers"].append(name)
            k = self.host["layers"].index(name)
            self.bases[k] = grown_basis(self.bases[k], rows.T @ rows, self.threshold)
