"""GSS-greedy (Aljundi et al. 2019, "Gradient based sample selection", algorithm 2).

    score of a new example: c = 1 + max_j cos(∇ℓ, ∇ℓ_j) over `compare` random stored examples j
    while there is room, it enters; after that, only if c < 1: a stored example i is picked with
    probability c_i / Σ c, and gives way with probability c_i / (c_i + c)

Here ∇ℓ is the gradient of an example's loss, and c_i is the score with which example i entered. A
score below 1 means that the gradient points away from all compared ones, so the memory fills with
examples whose gradients differ. Replay itself is that of ER.

Gradients are never formed: for each layer their products follow from those of its inputs and of
what flows back (`engine.jacobian`), in evaluation mode.

A step costs one pass over the doubled batch. In the first epoch one more pass, over the new rows
and the compared ones, is needed.
"""

import torch
from torch import Tensor, nn

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.jacobian import gradient_products
from holdfast.engine.rows import joined_targets
from holdfast.methods.declaration import Passes
from holdfast.methods.er import ER
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.named_inputs import Inputs, join_inputs

SMALLEST_SCORE = 1e-9  # a score may be 0 (a cosine of −1), but no probability is divided by it


class GSS(ER):
    """Replays a memory that is chosen for the diversity of its gradients."""

    declaration = Declaration(
        family="replay",
        paper="Aljundi et al. 2019",
        summary="replays a memory chosen for the diversity of its gradients",
        boundaries=False,
        stores_examples=True,
        keeps="examples",
        passes=Passes(
            words="one pass at the doubled batch + one pass of 74", rows=2, gradients=(74 / 64,)
        ),
        small=("GSS(40, compare=3)",),
        typical="GSS(200)",
    )

    def __init__(self, capacity: int, compare: int = 10, ratio: float = 0.5) -> None:
        """Set up the memory.

        Args:
            capacity: Examples that are stored in all.
            compare: Stored examples whose gradients each new batch is compared with, at least 1.
            ratio: The memory's share of the batch, in [0, 1). 0.5 draws as many rows as the stream
                brings.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> GSS(300, compare=20)
            GSS(300, compare=20)
        """
        super().__init__(capacity, ratio, memory="placed")
        self.compare = int(at_least("compare", compare, 1))
        self.score = self.tensor_state(torch.zeros(self.memory.capacity))  # c_i of each place

    def offer(self, learner: LearnerView, step: Step) -> None:
        if not step.batch.first_epoch:
            return
        new = step.batch.rows(torch.arange(len(step.batch.blocks[0])))
        scores = torch.ones(len(new))
        if len(self.memory):
            stored = self.memory.sample(self.compare)
            scores = 1 + self._cosines(learner, new, stored).max(1).values.cpu()
        # Two random numbers per row, used or not: choices do not depend on earlier ones.
        draws = torch.rand(2, len(new), generator=self.generator(), dtype=torch.float64)
        filled = len(self.memory)
        rows_by_slot: dict[int, int] = {}
        for row, score in enumerate(scores.tolist()):
            slot: int | None = filled
            if filled < self.memory.capacity:
                filled += 1
            else:
                slot = self._slot_that_gives_way(score, draws[:, row])
            if slot is not None:
                rows_by_slot[slot] = row
                self.score[slot] = score
        self.memory.place(rows_by_slot, new)

    def _slot_that_gives_way(self, score: float, draws: Tensor) -> int | None:
        """Pick the place of the stored example that a new one replaces; None if it stays out."""
        if score >= 1:
            return None
        bounds = self.score.double().clamp_min(SMALLEST_SCORE).cpu().cumsum(0)
        # Rounding may put the draw behind the last bound.
        picked = torch.searchsorted(bounds, draws[0] * bounds[-1]).clamp_max(len(bounds) - 1)
        slot = int(picked)
        old = self.score[slot]
        if draws[1] >= old / (old + score).clamp_min(SMALLEST_SCORE):
            return None
        return slot

    def _cosines(self, learner: LearnerView, new: Rows, stored: Rows) -> Tensor:
        """Compute the cosines between the gradients of new and of stored rows, (N, M)."""
        x = join_inputs([new.x, stored.x])
        y = joined_targets([new.y, stored.y])
        tasks = torch.cat([new.task, stored.task])
        rows = Rows(x, y, tasks)
        batch = Batch.of_stream(rows)
        competing = learner.competing(batch)
        known_tasks = tasks if learner.scenario == "task" else None

        def losses(module: nn.Module, inputs: Inputs) -> Tensor:
            return learner.objective.losses(module(inputs, known_tasks), rows, competing)

        products = gradient_products(learner.space, losses, learner.prepare(batch.x, augment=False))
        length = products.diagonal().clamp_min(1e-30).sqrt()
        cosines = products / length / length[:, None]
        return cosines[: len(new), len(new) :]
