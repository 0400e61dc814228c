"""GEM: gradient episodic memory (Lopez-Paz & Ranzato 2017, eq. 8–11).

    only if some g_k·g < 0:  min ½‖g̃ − g‖²  subject to G g̃ ≥ 0
    its dual:                min over v ≥ 0 of ½ vᵀ G Gᵀ v + (G g)ᵀ v,  then g̃ = g + Gᵀ v

Here g is the gradient of the step, g_k is the gradient on stored rows of past task k, and G has the
g_k as its rows. The step g̃ is the vector nearest to g that raises the loss on no past task, to
first order.

- The authors' code solves with v ≥ γ (`strength`, 0.5 in their runs) and adds a ridge of 1e-3 to
  the diagonal of G Gᵀ. That is the default here, and `strength=0, ridge=0` is the equation.
- The paper and its code take g_k on the whole memory of task k. Here it is taken on `batch` rows
  drawn anew at each step, by default as many as the stream's batch, so that the time of a step does
  not grow with the memory. `batch=capacity` is the paper.
- The guarantee holds for the vector that moves θ. With momentum, Adam or weight decay the step is
  another vector.

A step costs one pass, and one for each past task.
"""

import numpy as np
import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView

SMALLEST_RIDGE = 1e-12  # relative to the trace of G Gᵀ, so that equal gradients have a solution


def project(g: Tensor, past: Tensor, strength: float = 0.5, ridge: float = 1e-3) -> Tensor:
    """Project a gradient so that it points against no past gradient (eq. 8–11).

    Args:
        g: The gradient, (P,).
        past: G, the gradients of past tasks, (K, P).
        strength: γ ≥ 0, the floor under the dual's variables.
        ridge: What is added to the diagonal of G Gᵀ, ≥ 0.

    Returns:
        g itself if G g ≥ 0, otherwise g̃, (P,).

    Example:
        >>> project(torch.tensor([1.0, -1.0]), torch.tensor([[0.0, 1.0]]), strength=0.0, ridge=0.0)
        tensor([1., 0.])
    """
    from scipy.optimize import nnls

    # K × K numbers: float64 on the host is exact enough and fast.
    against = (past @ g).double().cpu().numpy()
    if (against >= 0).all():
        return g
    gram = (past @ past.T).double().cpu().numpy()
    gram += (ridge + SMALLEST_RIDGE * max(np.trace(gram), 1e-30)) * np.eye(len(gram))
    # With v = γ + u and G Gᵀ = R Rᵀ, the dual is min over u ≥ 0 of ‖Rᵀ u − target‖².
    root = np.linalg.cholesky(gram)
    target = -np.linalg.solve(root, against + gram.sum(1) * strength)
    v = strength + nnls(root.T, target)[0]
    return g + torch.as_tensor(v, dtype=g.dtype, device=g.device) @ past


class GEM(Replay):
    """Lets no step raise, to first order, the loss on rows drawn from the memory of a past task."""

    declaration = Declaration(
        family="optimisation",
        paper="Lopez-Paz & Ranzato 2017",
        summary="projects the gradient so that no past task's memory gets worse",
        stores_examples=True,
        memory="linear",
        time="linear",
        weak=(("class", reason("projection-in-class")),),
        keeps="examples of every task",
        passes=Passes(words="one pass + one pass at the reference batch", gradients=(1,)),
        small=(
            "GEM(20)",
            "GEM(20, strength=0, ridge=0)",
        ),
        typical="GEM(256, batch=64)",
    )

    def __init__(
        self, capacity: int, strength: float = 0.5, ridge: float = 1e-3, batch: int = 0
    ) -> None:
        """Set up the memory and the projection.

        Args:
            capacity: Examples kept of each task, its latest ones.
            strength: γ ≥ 0, the floor under the dual's variables. 0: the equation of the paper.
            ridge: What is added to the diagonal of G Gᵀ, ≥ 0.
            batch: Rows drawn from the memory of each past task at each step. 0: as many as the
                stream's batch. `capacity` or more: the whole memory, as in the paper.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> GEM(200, batch=200)
            GEM(200, batch=200)
        """
        super().__init__(capacity, "per_task", "stream")
        self.strength = at_least("strength", strength, 0)
        self.ridge = at_least("ridge", ridge, 0)
        self.batch = int(at_least("batch", batch, 0))

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        size = self.batch or stream_rows(step.batch)
        drawn = [self.memory.sample(size, task=task) for task in range(learner.task_number)]
        # A task without stored rows, such as one that was skipped, sets no condition.
        drawn = [rows for rows in drawn if len(rows)]
        if not drawn:
            return g
        past = g.new_empty(len(drawn), len(g))
        for vector, rows in zip(past, drawn, strict=True):
            learner.gradient_on(Batch.of_stream(rows), out=vector)
        return project(g, past, self.strength, self.ridge)
