"""ER-ACE: experience replay with asymmetric cross-entropy (Caccia et al. 2022, eq. 3).

    loss: mean over new rows of CE over C_in + mean over stored rows of CE over C_seen

Here C_seen are all classes seen so far, and C_in are the classes in the incoming batch and those
that were never seen. Plain replay lets the many new rows push the logits of old classes down at the
start of a task. Here old classes are left out of the new rows' loss, so they are not pushed down.

"Never seen" matters if all outputs exist from the start (`--outputs all --head masked`). The
authors' code leaves such outputs in the loss, and so does this.

A step costs one pass over the doubled batch, as with ER.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration
from holdfast.methods.replay import Replay, checked_ratio, share_to_rows, stream_rows
from holdfast.methods.view import LearnerView


class ERACE(Replay):
    """Replay in which new rows compete among the incoming classes alone."""

    declaration = Declaration(
        family="replay",
        paper="Caccia et al. 2022",
        summary="replay; new rows compete among the incoming classes alone",
        classification_only="leaves classes that a batch lacks out of its loss",
        scenarios=("class",),
        refused=(
            ("domain", reason("all-classes-in-every-task")),
            ("task", "the task's outputs alone compete there already; use ER"),
        ),
        boundaries=False,
        stores_examples=True,
        ignores=("training.outputs=current",),
        keeps="examples",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=("ERACE(40)",),
        typical="ERACE(200)",
    )

    def __init__(
        self,
        capacity: int,
        ratio: float = 0.5,
        memory: str = "reservoir",
        insert: str = "stream",
        store: str | None = None,
    ) -> None:
        """Set up the memory.

        Args:
            capacity: Examples that are stored in all.
            ratio: The memory's share of the batch, in [0, 1). 0.5 draws as many rows as the stream
                brings. The share does not change the weight of the stored rows' mean.
            memory: The policy of the memory (see `Memory`).
            insert: `stream` stores examples as they come, `boundary` when their task ends.
            store: A name under which parts of a sum share one memory. None: a memory of its own.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> ERACE(500)
            ERACE(500)
        """
        super().__init__(capacity, memory, insert, store)
        self.ratio = checked_ratio(ratio)
        # Which outputs have been a label so far, (C,). It starts empty and grows with the head.
        self.seen = self.tensor_state(torch.zeros(0, dtype=torch.bool))

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        size = share_to_rows(self.ratio, stream_rows(batch))
        if not size or not len(self.memory):
            return batch
        return batch.add(self.name, self.memory.sample(size), 1.0)

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        z = step.stream(step.logits)
        y = step.stream(step.batch.y)
        seen = self.seen
        if len(seen) < z.shape[1]:
            seen = F.pad(seen, (0, z.shape[1] - len(seen)))
        present = torch.zeros_like(seen).index_fill_(0, y, True)
        # Without the old classes that this batch lacks, C_in is left.
        loss = F.cross_entropy(z.masked_fill(seen & ~present, -torch.inf), y)
        self.seen = seen | present
        stored = step.rows(self.name)
        # The mean over no rows would be NaN.
        if stored.stop:
            loss = loss + F.cross_entropy(step.logits[stored], step.batch.y[stored])
        return loss
