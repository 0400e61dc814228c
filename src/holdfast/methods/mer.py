"""MER: meta-experience replay (Riemer et al. 2019, algorithm 1).

For each incoming batch, `batches` times: k rows, `rows` of the memory and the new ones, are learnt one by one by plain descent at rate
η, then θ ← θ_0 + β (θ_k − θ_0) (Reptile within the batch); after all of them θ ← θ_start + γ (θ − θ_start) (Reptile across batches).
Reptile's differences reward gradients that agree between examples. The memory is a reservoir.

MER has its own descent: the change of θ that the optimizer made is replaced, only its rate η is used. The paper takes one new example at a
time: batch size 1. Passes: batches · (rows + new rows) of one example each, and the engine's own.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay
from holdfast.methods.view import LearnerView


class MER(Replay):
    """Replay by Reptile: steps that move where examples agree."""

    declaration = Declaration(
        "optimisation",
        "Riemer et al. 2019",
        "replay one example at a time, with Reptile inside and across batches",
        boundaries=False,
        stores_examples=True,
        ignores=(
            "training.optimizer",
            "training.momentum",
            "training.weight_decay",
            "training.renew_optimizer",
            "training.clip",
            "training.accumulate",
            "training.groups",
        ),
    )

    def __init__(
        self, capacity: int, rows: int = 9, batches: int = 1, beta: float = 0.03, gamma: float = 1.0
    ) -> None:
        """`capacity` examples; `rows` of the memory in each of `batches` batches; `beta` β and `gamma` γ, the meta rates."""
        super().__init__(capacity, "reservoir", "stream")
        self.rows, self.batches = (
            int(at_least("rows", rows, 0)),
            int(at_least("batches", batches, 1)),
        )
        self.beta, self.gamma = at_least("beta", beta, 0), at_least("gamma", gamma, 0)

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        size = self.rows * self.batches
        return (
            batch.add(self.name, self.memory.sample(size), 1.0)
            if size and len(self.memory)
            else batch
        )

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        theta, rate = learner.space.theta, learner.learning_rate
        start = theta.detach().clone()
        with learner.at(start):
            for k in range(self.batches):
                first = theta.detach().clone()
                for one in self._one_by_one(step.batch, k):
                    theta.data.add_(
                        learner.gradient_on(one, out=learner.space.scratch), alpha=-rate
                    )
                theta.data.copy_(first.lerp_(theta.detach(), self.beta))
            step.scratch[self.name] = theta.detach().sub(start).mul_(self.gamma)
        return g

    def _one_by_one(self, batch: Batch, k: int) -> list[Batch]:
        """The rows of the memory for the k-th batch, then the new ones, each a batch."""
        new = torch.arange(len(batch.blocks[0]))
        block = batch.block(self.name)
        old = (
            torch.arange(block.start, block.stop)[k * self.rows : (k + 1) * self.rows]
            if block
            else new[:0]
        )
        single = (batch.rows(index) for index in torch.cat([old, new]).split(1))
        return [Batch.of_stream(Rows.of_task(r.x, r.y, int(r.task))) for r in single]

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return step.scratch.pop(self.name, delta)
