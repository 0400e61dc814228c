"""OGD: orthogonal gradient descent (Farajtabar et al. 2020, algorithm 1, the OGD-GTL variant).

    each step:     g ← g − Σ_v (g·v) v,   over an orthonormal basis of vectors v
    each boundary: the basis takes in ∇ z_y(x) for `samples` examples of the task

Here g is the gradient, and z_y(x) the logit of the true label y of an example x. To first order, no
step then changes the logits of the stored examples. Each v is as long as θ, so the memory grows by
`samples` such vectors per task, and OGD refuses a basis beyond `limit_bytes`.

The guarantee holds for the vector that moves θ. Under momentum, Adam or weight decay that is
another one than the gradient, and `project="step"` projects the actual change Δθ instead.

A step costs one pass, and two products with the basis. A boundary costs a backward pass for each of
`samples` examples.
"""

import torch
from torch import Tensor

from holdfast.engine.jacobian import per_example_gradients
from holdfast.errors import HoldfastError
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.projection import Projection
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


def extended(basis: Tensor, rows: Tensor, least: float = 1e-4) -> Tensor:
    """Extend an orthonormal basis by what further vectors add to its span.

    Args:
        basis: Orthonormal vectors as rows, (K, P). K may be 0.
        rows: The further vectors, (N, P).
        least: Directions shorter than this share of the longest vector are left out.

    Returns:
        The basis and the new directions, orthonormal, (K', P) with K ≤ K' ≤ K + N.

    Example:
        >>> basis = torch.tensor([[1.0, 0.0, 0.0]])
        >>> extended(basis, torch.tensor([[3.0, 4.0, 0.0]])).abs().tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    new = rows
    bar = least**2 * rows.double().square().sum(1).max().clamp_min(1e-30)
    # The second round takes off what rounding left of the basis in the first.
    for _ in range(2):
        new = new - (new @ basis.T) @ basis
        values, vectors = torch.linalg.eigh((new @ new.T).double())
        keep = values > bar
        bar = bar.new_tensor(0.5)  # what is kept has length 1 from now on
        new = (vectors[:, keep] / values[keep].sqrt()).T.to(new.dtype) @ new
    return torch.cat([basis, new])


class OGD(Projection):
    """Takes from each step what would change the logits of stored examples."""

    declaration = Declaration(
        family="optimisation",
        paper="Farajtabar et al. 2020",
        summary="projects the gradient off the stored gradients of old examples' logits",
        classification_only="stores the gradient of the true label's logit",
        memory="linear",  # a vector as long as θ for each sample of each task
        time="linear",
        weak=(
            (
                "class",
                "holds old logits still but never compares old classes with new ones; use ER",
            ),
        ),
        keeps="`samples` θ-shaped vectors per task",
        passes=Passes(words="one pass + two products with the basis"),
        small=(
            "OGD(20)",
            "OGD(20, project='step')",
        ),
        typical="OGD(20)",
    )

    def __init__(
        self,
        samples: int = 200,
        project: str = "gradient",
        limit_bytes: float = 2e9,
    ) -> None:
        """Set up the projection.

        Args:
            samples: The gradients that are stored per task, at least 1.
            project: What is projected: the `gradient`, or the actual `step` Δθ.
            limit_bytes: The most bytes that the basis may take, at least 1.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> OGD(samples=100)
            OGD(samples=100)
        """
        super().__init__(project)
        self.samples = int(at_least("samples", samples, 1))
        self.limit_bytes = at_least("limit_bytes", limit_bytes, 1)
        self.basis = self.vector_state()  # (K, P): the vectors v

    def check(self, learner: LearnerView, stream: Stream) -> None:
        # The last task too is stored at its end, because another one may follow.
        self._refuse_beyond_limit(len(stream), learner, "the whole stream")

    def _refuse_beyond_limit(self, tasks: int, learner: LearnerView, tasks_known: str) -> None:
        """Refuse a number of tasks whose basis would take more than `limit_bytes`."""
        needed = self.samples * tasks * learner.space.theta.nbytes
        if needed > self.limit_bytes:
            raise HoldfastError(
                f"OGD would store {self.samples} gradients of {learner.space.numel:,} numbers for "
                f"each of {tasks} tasks ({tasks_known}): {needed:.3g} bytes, more than "
                f"limit_bytes={self.limit_bytes:.3g}; lower samples, take a smaller network, raise "
                "limit_bytes, or use GPM"
            )

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        """Return a vector without its part in the span of the basis."""
        if self.basis is None:
            return vector
        return vector.addmv(self.basis.T, self.basis @ vector, alpha=-1)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self._refuse_beyond_limit(learner.task_number + 1, learner, "so far")
        x, y, logits = learner.examples_of(task, self.samples, self.generator())
        label_of_row = iter(y)
        gradients = per_example_gradients(
            learner.space, lambda model, one: logits(model, one)[:, next(label_of_row)], x
        )
        basis = gradients[:0]
        if self.basis is not None:
            basis = self.basis
        self.basis = extended(basis, gradients)
