"""GSS: gradient-based sample selection, greedy (Aljundi et al. 2019, "Gradient based sample selection", algorithm 2).

ER with a memory of examples whose gradients differ. A new example's score is c = 1 + the largest cosine between its gradient and those of
`compare` random stored ones. While there is room it enters. Then, where c < 1 (it points away from all), a stored one i is picked with
probability ∝ c_i and gives way with probability c_i / (c_i + c). Passes: one at the doubled batch; in the first epoch one more over the new
rows and the `compare` ones, in eval mode: products of gradients come from those of inputs and of what flows back.
"""

import torch
from torch import Tensor, nn

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.jacobian import gradient_products
from holdfast.methods.er import ER
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.view import LearnerView


class GSS(ER):
    """Replays a memory chosen for the diversity of its gradients."""

    declaration = Declaration(
        "replay",
        "Aljundi et al. 2019",
        "replays a memory chosen for the diversity of its gradients",
        boundaries=False,
        stores_examples=True,
    )

    def __init__(self, capacity: int, compare: int = 10, ratio: float = 0.5) -> None:
        """`capacity` examples; `compare` stored ones that each new batch is held against; `ratio` memory share of the batch."""
        super().__init__(capacity, ratio, memory="placed")
        self.compare = int(at_least("compare", compare, 1))
        self.score = self.tensor_state(torch.zeros(self.memory.capacity))

    def offer(self, learner: LearnerView, step: Step) -> None:
        if not step.batch.first_epoch:
            return
        new = step.batch.rows(torch.arange(len(step.batch.blocks[0])))
        stored = self.memory.sample(self.compare) if len(self.memory) else None
        scores = (
            torch.ones(len(new))
            if stored is None
            else 1 + self._cosines(learner, new, stored).max(1).values.cpu()
        )
        held, places = len(self.memory), {}
        score, u = (
            self.score,
            torch.rand(2, len(new), generator=self.generator(), dtype=torch.float64),
        )
        for k, c in enumerate(scores.tolist()):
            if held < self.memory.capacity:
                slot, held = held, held + 1
            elif c < 1:
                share = score.double().clamp_min(1e-9).cpu().cumsum(0)
                slot = int(torch.searchsorted(share, u[0, k] * share[-1]).clamp_max(len(share) - 1))
                if u[1, k] >= score[slot] / (score[slot] + c).clamp_min(1e-9):
                    continue
            else:
                continue
            places[slot], score[slot] = k, c
        self.memory.place(places, new)

    def _cosines(self, learner: LearnerView, new: Rows, stored: Rows) -> Tensor:
        """Between the loss gradients of new and stored rows, (N, M)."""
        n, of = len(new), torch.cat([new.task, stored.task])
        batch = Batch.of_stream(
            Rows(torch.cat([new.x, stored.x]), torch.cat([new.y, stored.y]), of)
        )
        competing = learner.competing(batch)
        task = of if learner.scenario == "task" else None

        def losses(module: nn.Module, x: Tensor) -> Tensor:
            return competing.losses(module(x, task), batch.y)

        products = gradient_products(learner.space, losses, learner.prepare(batch.x, augment=False))
        length = products.diagonal().clamp_min(1e-30).sqrt()
        return (products / length / length[:, None])[:n, n:]
