"""OGD: orthogonal gradient descent (Farajtabar et al. 2020, algorithm 1, the OGD-GTL variant).

g ← g − Σ_v (g·v) v over an orthonormal basis of stored gradients: after each task those of the true label's logit, ∇ z_y(x), for `samples`
of its examples. To first order no step then changes these logits. Each basis vector is as large as θ, so memory grows by samples · P floats
a task; beyond `limit_bytes` OGD refuses. The guarantee holds for the vector that moves θ: under momentum, Adam or weight decay the
step is another vector, and `project="step"` projects the actual change Δθ instead. Passes: one, and two products with the basis.
"""

import torch
from torch import Tensor

from holdfast.engine.jacobian import per_example_gradients
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.projection import Projection
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


def extended(basis: Tensor, rows: Tensor, least: float = 1e-4) -> Tensor:
    """An orthonormal basis (K, P) and what `rows` (N, P) add to its span; directions shorter than `least` of the longest row are left out.

    >>> extended(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[3.0, 4.0, 0.0]])).abs().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    new, bar = rows, least**2 * rows.double().square().sum(1).max().clamp_min(1e-30)
    for _ in range(2):  # once more for what rounding left
        new = new - (new @ basis.T) @ basis
        values, vectors = torch.linalg.eigh((new @ new.T).double())
        keep = values > bar
        bar = bar.new_tensor(0.5)  # what is kept has length 1
        new = (vectors[:, keep] / values[keep].sqrt()).T.to(new.dtype) @ new
    return torch.cat([basis, new])


class OGD(Projection):
    """Takes from each step what would change stored examples' logits."""

    declaration = Declaration(
        "optimisation",
        "Farajtabar et al. 2020",
        "projects the gradient off the stored gradients of old examples' logits",
        memory="linear",
        time="linear",
        weak=(
            (
                "class",
                "holds old logits still but never compares old classes with new ones; use ER",
            ),
        ),
    )

    def __init__(
        self, samples: int = 200, project: str = "gradient", limit_bytes: float = 2e9
    ) -> None:
        """`samples` gradients stored a task; `project` gradient or step; `limit_bytes` that the basis may take."""
        super().__init__(project)
        self.samples = int(at_least("samples", samples, 1))
        self.limit = at_least("limit_bytes", limit_bytes, 1)
        self.basis = self.vector_state()

    def check(self, learner: LearnerView, stream: Stream) -> None:
        self._refuse_beyond(len(stream) - 1, learner, f"{len(stream)} tasks")

    def _refuse_beyond(self, tasks: int, learner: LearnerView, what: str) -> None:
        needed = self.samples * tasks * learner.space.theta.numel() * 4
        if needed > self.limit:
            raise HoldfastError(
                f"OGD would store {self.samples} gradients of {learner.space.numel:,} numbers for each of {tasks} tasks ({what}): "
                f"{needed:.3g} bytes, more than limit_bytes={self.limit:.3g}; lower samples, take a smaller network, raise limit_bytes, "
                "or use GPM"
            )

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        """`vector` without its part in the span of the basis."""
        if self.basis is None:
            return vector
        return vector.addmv(self.basis.T, self.basis @ vector, alpha=-1)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self._refuse_beyond(learner.task_number + 1, learner, "so far")
        x, y, logits = learner.examples_of(task, self.samples, self.generator())
        label = iter(y)
        rows = per_example_gradients(
            learner.space, lambda m, one: logits(m, one)[:, next(label)], x
        )
        before = rows[:0] if self.basis is None else self.basis
        self.basis = extended(before, rows)
