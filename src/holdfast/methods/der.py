"""DER and DER++: dark experience replay (Buzzega et al. 2020).

DER:   loss + α mean (z(x_m) − z_m)², z_m the logits stored when the example entered the memory.
DER++: + β cross-entropy of memory rows and their labels, from a second draw (`draws=2`, the paper) or the same (`draws=1`).

Logits enter with their example, in its first epoch: on short tasks of several epochs they are early ones.
In the class scenario a network with all outputs from the start (`outputs="all"`, masked head) lets old rows hold new outputs down. Else
only outputs that were active when the logits were stored are compared, so heads may grow, and DER alone forgets as FineTune does.
Inputs are stored too: no privacy measure.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


def squared_distance(z: Tensor, stored: Tensor) -> Tensor:
    """Mean of (z − stored)² over the entries that both have; NaN in `stored` marks outputs that did not exist.

    >>> float(squared_distance(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, torch.nan]])))
    4.0
    """
    z = z[:, : stored.shape[1]]  # a head may have grown since the last insertion
    known = stored.isfinite() & z.isfinite()
    return torch.where(known, z - stored, 0.0).square().sum() / known.sum()


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

    def draw(self, learner: "Learner", batch: Batch) -> Batch:
        if not self.alpha or not len(self.memory):
            return batch
        return batch.add(self.name, self.memory.sample(self.rows or stream_rows(batch)), 0.0, averaged=False)

    def loss(self, learner: "Learner", step: Step) -> Tensor | float:
        block = step.batch.block(self.name)
        if block is None:
            return 0.0
        return self.alpha * squared_distance(step.logits[step.rows(self.name)], block.payloads["logits"])

    def offer(self, learner: "Learner", step: Step) -> None:
        if not step.batch.first_epoch:
            return
        batch, rows = step.batch, step.rows()
        logits = step.logits[rows].detach()
        task = batch.task[rows] if isinstance(batch.task, Tensor) else batch.task
        self.memory.insert(Rows(batch.x[rows], batch.y[rows], task, {"logits": logits.masked_fill(logits.isinf(), torch.nan)}))


class DERpp(DER):
    """DER, and the labels of stored examples."""

    declaration = Declaration(
        "replay",
        "Buzzega et al. 2020",
        "stored examples must give the logits they gave, and their labels",
        boundaries=False,
        stores_examples=True,
    )

    def __init__(self, capacity: int, alpha: float = 0.5, beta: float = 0.5, batch: int = 0, draws: int = 2) -> None:
        """As DER; `beta` β ≥ 0; `draws` 2: labels from a second draw (the paper), 1: from the same."""
        super().__init__(capacity, alpha, batch)
        if draws not in (1, 2):
            raise HoldfastError(f"draws must be 1 or 2, got {draws}")
        self.beta, self.draws = at_least("beta", beta, 0), draws

    def draw(self, learner: "Learner", batch: Batch) -> Batch:
        if not len(self.memory):
            return batch
        size = self.rows or stream_rows(batch)
        if self.draws == 1:
            return batch.add(self.name, self.memory.sample(size), self.beta, averaged=False)
        batch = batch.add(self.name, self.memory.sample(size), 0.0, averaged=False)
        return batch.add(f"{self.name} labels", self.memory.sample(size), self.beta, averaged=False)
