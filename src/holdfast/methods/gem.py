"""GEM: gradient episodic memory (Lopez-Paz & Ranzato 2017, eq. 8–11).

With g_k the gradient on the memory of past task k, and only when some g_k·g < 0: min ½‖g̃ − g‖² subject to G g̃ ≥ 0, through its dual
min_{v ≥ 0} ½ vᵀ G Gᵀ v + (G g)ᵀ v, g̃ = g + Gᵀ v. The authors' code solves with v ≥ γ (`strength`, 0.5 in their runs) and a ridge of 1e-3
on G Gᵀ: that is the default; `strength=0, ridge=0` is the equation. The dual is a non-negative least-squares problem after v = γ + u.
The paper and its code take g_k on the whole memory of task k. Here it is taken on `batch` rows drawn
anew at each step, by default as many as the stream's batch, so that the time of a step does not grow
with the memory; `batch=capacity` is the paper.
The guarantee holds for the vector that moves θ: under momentum, Adam or weight decay the step is another vector.
Passes: one, and one for each past task.
"""

import numpy as np
import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


def project(g: Tensor, past: Tensor, strength: float = 0.5, ridge: float = 1e-3) -> Tensor:
    """The vector nearest to g, (P,), that loses on none of the past gradients, (K, P); g itself where it already does not.

    >>> project(torch.tensor([1.0, -1.0]), torch.tensor([[0.0, 1.0]]), strength=0.0, ridge=0.0)
    tensor([1., 0.])
    """
    from scipy.optimize import nnls

    against = (past @ g).double().cpu().numpy()
    if (against >= 0).all():
        return g
    gram = (past @ past.T).double().cpu().numpy()
    gram += (ridge + 1e-12 * max(np.trace(gram), 1e-30)) * np.eye(len(gram))
    root = np.linalg.cholesky(gram)
    target = -np.linalg.solve(root, against + gram.sum(1) * strength)
    v = strength + nnls(root.T, target)[0]
    return g + torch.as_tensor(v, dtype=g.dtype, device=g.device) @ past


class GEM(Replay):
    """Lets no step raise, to first order, the loss on rows drawn from the memory of each past task."""

    declaration = Declaration(
        "optimisation",
        "Lopez-Paz & Ranzato 2017",
        "projects the gradient so that no past task's memory gets worse",
        stores_examples=True,
        memory="linear",
        time="linear",
        weak=(("class", reason("projection-in-class")),),
    )

    def __init__(
        self, capacity: int, strength: float = 0.5, ridge: float = 1e-3, batch: int = 0
    ) -> None:
        """Set up the memory and the projection.

        Args:
            capacity: Examples kept of each task, its latest ones.
            strength: γ ≥ 0, the floor under the dual's variables. 0: the equation of the paper.
            ridge: What is added to the diagonal of G Gᵀ, ≥ 0.
            batch: Rows drawn from the memory of each past task at each step. 0: as many as the stream's
                batch. `capacity` or more: the whole memory, as in the paper.
        """
        super().__init__(capacity, "per_task", "stream")
        self.strength, self.ridge = at_least("strength", strength, 0), at_least("ridge", ridge, 0)
        self.rows = int(at_least("batch", batch, 0))

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        size, k = self.rows or stream_rows(step.batch), learner.task_number
        drawn = [rows for t in range(k) if len(rows := self.memory.sample(size, task=t))]
        past = g.new_empty(len(drawn), len(g))
        for vector, rows in zip(past, drawn, strict=True):
            learner.gradient_on(Batch.of_stream(rows), out=vector)
        return project(g, past, self.strength, self.ridge) if drawn else g
