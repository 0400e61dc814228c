"""MER: meta-experience replay (Riemer et al. 2019, algorithm 1).

For each incoming batch, from the weights θ_start, the following is done `batches` times:

    for each of k rows:  θ ← θ − η ∇L(θ; one row)
    within a batch:      θ ← θ_0 + β (θ_k − θ_0)
    across batches:      θ ← θ_start + γ (θ − θ_start),   once at the end

The k rows are `rows` of the memory and the new ones, in this order. θ_0 are the weights before them
and θ_k those after them, η is the learning rate of the optimizer, and β and γ are the rates of
Reptile within a batch and across batches. Reptile's differences reward gradients that agree between
examples. The memory is a reservoir.

MER has its own descent. The change of θ that the optimizer made is replaced, and of the optimizer
only its learning rate is used. The paper takes one new example at a time, which is batch size 1.

A step costs batches · (rows + new rows) passes over one example each, and the engine's own pass.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


class MER(Replay):
    """Replays one example at a time, and moves where examples agree."""

    declaration = Declaration(
        family="optimisation",
        paper="Riemer et al. 2019",
        summary="replay one example at a time, with Reptile inside and across batches",
        boundaries=False,  # examples enter the memory as they come
        stores_examples=True,
        ignores=(  # because MER makes the steps itself
            "training.optimizer",
            "training.momentum",
            "training.weight_decay",
            "training.renew_optimizer",
            "training.clip",
            "training.accumulate",
            "training.groups",
            "model.backbone_lr",
        ),
        keeps="examples",
        passes=Passes(
            words="one pass at 73 rows + 73 steps of one example", rows=73 / 64, singles=73
        ),
        small=("MER(40, rows=2, beta=0.5)",),
        typical="MER(200)",
    )

    def __init__(
        self,
        capacity: int,
        rows: int = 9,
        batches: int = 1,
        beta: float = 0.03,
        gamma: float = 1.0,
    ) -> None:
        """Set up the memory and the rates.

        Args:
            capacity: The number of examples in the memory.
            rows: The rows of the memory in each batch, at least 0 (k − 1 in the paper).
            batches: How often the new rows are learned per step, at least 1 (s in the paper).
            beta: β ≥ 0, the rate of Reptile within a batch. 1: plain descent, one row at a time.
            gamma: γ ≥ 0, the rate of Reptile across batches. 1: the end of the last batch.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> MER(500, beta=0.1)
            MER(500, beta=0.1)
        """
        super().__init__(capacity, "reservoir", "stream")
        self.rows = int(at_least("rows", rows, 0))
        self.batches = int(at_least("batches", batches, 1))
        self.beta = at_least("beta", beta, 0)
        self.gamma = at_least("gamma", gamma, 0)

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        size = self.rows * self.batches
        if not size or not len(self.memory):
            return batch
        return batch.add(self.name, self.memory.sample(size), 1.0)

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        theta = learner.space.theta
        rate = learner.learning_rate  # η
        start = theta.detach().clone()
        with learner.at(start):
            for number in range(self.batches):
                first = theta.detach().clone()  # θ_0 of this batch
                for row in self._one_by_one(step.batch, number):
                    row_gradient = learner.gradient_on(row, out=learner.space.scratch)
                    theta.data.add_(row_gradient, alpha=-rate)
                theta.data.copy_(first.lerp_(theta.detach(), self.beta))
            # `update` returns it in place of what the optimizer makes of the gradient.
            moved = theta.detach().sub(start)
            step.scratch[self.name] = moved.mul_(self.gamma)
        return g

    def _one_by_one(self, batch: Batch, number: int) -> list[Batch]:
        """Return the rows of one of the batches, first the stored and then the new, each alone."""
        new = torch.arange(stream_rows(batch))
        old = new[:0]
        block = batch.block(self.name)
        if block is not None:
            stored = torch.arange(block.start, block.stop)
            old = stored[number * self.rows : (number + 1) * self.rows]
        single = []
        for index in torch.cat([old, new]).split(1):
            row = batch.rows(index)
            # One row is of one task, which lets the network take the fast way for such rows.
            row_of_task = Rows.of_task(row.x, row.y, int(row.task))
            single.append(Batch.of_stream(row_of_task))
        return single

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return step.scratch.pop(self.name, delta)
