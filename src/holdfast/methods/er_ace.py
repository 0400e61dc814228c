"""ER-ACE: experience replay with asymmetric cross-entropy (Caccia et al. 2022, eq. 3).

Loss = mean over new rows of CE over the classes present in the incoming batch (and those never seen yet) + mean over stored rows of CE over
all classes seen. New classes thus do not push the old ones' logits down. Passes: one at the doubled batch, as ER.
"Never seen yet" matters where all outputs exist from the start (`--outputs all --head masked`): the authors' code leaves them in.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.methods.method import Declaration
from holdfast.methods.replay import Replay, share_to_rows, stream_rows
from holdfast.methods.view import LearnerView


class ERACE(Replay):
    """Replay in which new rows compete among the incoming classes alone."""

    declaration = Declaration(
        "replay",
        "Caccia et al. 2022",
        "replay; new rows compete among the incoming classes alone",
        scenarios=("class",),
        refused=(
            ("domain", reason("all-classes-in-every-task")),
            ("task", "the task's outputs alone compete there already; use ER"),
        ),
        boundaries=False,
        stores_examples=True,
        ignores=("training.outputs=current",),
    )

    def __init__(
        self,
        capacity: int,
        ratio: float = 0.5,
        memory: str = "reservoir",
        insert: str = "stream",
        store: str | None = None,
    ) -> None:
        """`capacity` examples; `ratio` memory share of the batch; `memory`, `insert` and `store` as in ER."""
        super().__init__(capacity, memory, insert, store)
        share_to_rows(ratio, 1)
        self.ratio = ratio
        self.seen = self.tensor_state(torch.zeros(0, dtype=torch.bool))

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        size = share_to_rows(self.ratio, stream_rows(batch))
        return (
            batch.add(self.name, self.memory.sample(size), 1.0)
            if size and len(self.memory)
            else batch
        )

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        z, y = step.stream(step.logits), step.stream(step.batch.y)
        seen = self.seen
        if len(seen) < z.shape[1]:
            seen = F.pad(seen, (0, z.shape[1] - len(seen)))
        present = torch.zeros_like(seen).index_fill_(0, y, True)
        loss = F.cross_entropy(z.masked_fill(seen & ~present, -torch.inf), y)
        self.seen = seen | present
        if (old := step.rows(self.name)).stop:
            loss = loss + F.cross_entropy(step.logits[old], step.batch.y[old])
        return loss
