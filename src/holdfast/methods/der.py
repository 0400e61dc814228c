"""DER: dark experience replay (Buzzega et al. 2020, eq. 5).

    loss: L(θ) + α mean (z(x_m) − z_m)²

Here x_m are stored examples, z_m the logits that the network gave when they entered the memory, and
α is the weight. The mean is over rows and outputs, so α does not depend on the number of classes.

- Examples enter the memory with their logits in their first epoch. On short tasks of several epochs
  these are logits of a network that has not learned the task yet.
- Only outputs that were active when the logits were stored are compared, so that heads may grow.
  In the class scenario, DER alone then forgets like FineTune, since nothing holds new outputs down
  on old rows. Open all outputs from the start (`outputs="all"`, masked head), as the authors do.
- The inputs are stored as well, so DER is no privacy measure.

A step costs one pass over the doubled batch.
"""

from typing import Any

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView
from holdfast.models.own_gradient import applied


class _SquaredDistance(torch.autograd.Function):
    """Mean of squares with its gradient in closed form: one node of the graph instead of six."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, stored: Tensor) -> Tensor:
        difference = z - stored
        comparable = difference.isfinite()
        difference = torch.where(comparable, difference, 0.0)
        entries = comparable.sum()
        ctx.save_for_backward(difference * (2 / entries))
        return difference.square().sum() / entries

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.saved_tensors[0] * grad, None


def squared_distance(z: Tensor, stored: Tensor) -> Tensor:
    """Compute the mean squared difference of logits (the term of eq. 5 without α).

    Args:
        z: Logits of the present network, (B, C).
        stored: Logits from the memory, (B, C') with C' ≤ C. Outputs that did not exist then are
            NaN, and outputs that were not active are -inf.

    Returns:
        The mean over the entries that are finite in both, a scalar.

    Example:
        >>> float(squared_distance(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, torch.nan]])))
        4.0
    """
    # The head may have grown since the last insertion.
    return applied(_SquaredDistance, z[:, : stored.shape[1]], stored)


class DER(Replay):
    """Replays stored examples, and holds the network to the logits that it once gave them."""

    declaration = Declaration(
        family="replay",
        paper="Buzzega et al. 2020",
        summary="stored examples must give the logits they gave",
        boundaries=False,
        stores_examples=True,
        neutral=(("alpha", 0),),
        not_for_texts="stores the logits of its examples, which are a whole vocabulary per token",
        keeps="examples and their logits",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=("DER(40)",),
        typical="DER(200)",
    )

    def __init__(self, capacity: int, alpha: float = 0.5, batch: int = 0) -> None:
        """Set up the memory.

        Args:
            capacity: Examples that are stored in all.
            alpha: α ≥ 0, the weight of the distance between logits. 0: plain training.
            batch: Rows drawn from the memory at each step. 0: as many as the stream's batch.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> DER(500, alpha=0.3)
            DER(500, alpha=0.3)
        """
        super().__init__(capacity, "reservoir", "stream")
        self.alpha = at_least("alpha", alpha, 0)
        self.batch = int(at_least("batch", batch, 0))

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if not self.alpha or not len(self.memory):
            return batch
        rows = self.memory.sample(self.batch or stream_rows(batch))
        # Mass 0: their labels do not enter the loss, only their logits do.
        return batch.add(self.name, rows, 0.0, averaged=False)

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        block = step.batch.block(self.name)
        if block is None:
            return 0.0
        z = step.logits[step.rows(self.name)]
        return self.alpha * squared_distance(z, block.payloads["logits"])

    def offer(self, learner: LearnerView, step: Step) -> None:
        if not step.batch.first_epoch:
            return
        batch = step.batch
        rows = step.rows()
        # z_m: the logits of this very step, before its update.
        payloads = {"logits": step.logits.detach()[rows]}
        self.memory.insert(Rows(batch.x[rows], batch.y[rows], batch.task[rows], payloads))
