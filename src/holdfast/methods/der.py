"""DER: dark experience replay (Buzzega et al. 2020, eq. 5).

Loss + α mean (z(x_m) − z_m)², z_m the logits stored when the example entered the memory.
Logits enter with their example, in its first epoch: on short tasks of several epochs they are early ones.
In the class scenario a network with all outputs from the start (`outputs="all"`, masked head) lets old rows hold new outputs down. Else
only outputs that were active when the logits were stored are compared, so heads may grow, and DER alone forgets as FineTune does.
Inputs are stored too: no privacy measure.
Passes: one at the doubled batch.
"""

from typing import Any

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


class _SquaredDistance(torch.autograd.Function):
    """Mean of squares with its gradient in closed form: one node, not six."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, stored: Tensor) -> Tensor:
        d = z - stored
        known = d.isfinite()
        d, n = torch.where(known, d, 0.0), known.sum()
        ctx.save_for_backward(d * (2 / n))
        return d.square().sum() / n

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.saved_tensors[0] * grad, None


def squared_distance(z: Tensor, stored: Tensor) -> Tensor:
    """Mean of (z − stored)² over the entries that are finite in both: outputs that did not exist or were not active are NaN or -inf.

    >>> float(squared_distance(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, torch.nan]])))
    4.0
    """
    return _SquaredDistance.apply(
        z[:, : stored.shape[1]], stored
    )  # a head may have grown since the last insertion


class DER(Replay):
    """Keeps the logits of stored examples."""

    declaration = Declaration(
        "replay",
        "Buzzega et al. 2020",
        "stored examples must give the logits they gave",
        boundaries=False,
        stores_examples=True,
        neutral=(("alpha", 0),),
    )

    def __init__(self, capacity: int, alpha: float = 0.5, batch: int = 0) -> None:
        """`capacity` examples; `alpha` α ≥ 0; `batch` rows drawn a step (0: as many as the stream's)."""
        super().__init__(capacity, "reservoir", "stream")
        self.alpha, self.rows = at_least("alpha", alpha, 0), int(at_least("batch", batch, 0))

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if not self.alpha or not len(self.memory):
            return batch
        return batch.add(
            self.name, self.memory.sample(self.rows or stream_rows(batch)), 0.0, averaged=False
        )

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        block = step.batch.block(self.name)
        if block is None:
            return 0.0
        return self.alpha * squared_distance(
            step.logits[step.rows(self.name)], block.payloads["logits"]
        )

    def offer(self, learner: LearnerView, step: Step) -> None:
        if not step.batch.first_epoch:
            return
        batch, rows = step.batch, step.rows()
        logits = step.logits.detach()[rows]
        payloads = {"logits": logits}
        self.memory.insert(Rows(batch.x[rows], batch.y[rows], batch.task[rows], payloads))
