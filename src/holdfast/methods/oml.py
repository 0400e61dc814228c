"""OML: online-aware meta-learning (Javed & White 2019, algorithm 1 and 2).

The representation φ_θ (all but the head) and the head W have different roles. Inner loop: from W_0 = W, the new rows in `inner` parts
b_k move the head alone, W_{k+1} = W_k − η ∇_W CE(φ_θ(b_k) W_k). Outer loss: CE of new ∪ stored rows under φ_θ and the last W. Its gradient
passes through the inner loop (second order) to θ and W_0: representations are sought on which learning online does not interfere.

The paper meta-trains before the stream begins, on other classes; here the stream itself is meta-trained on, a memory giving the random
rows. One linear head for all tasks. Passes: one at the doubled batch, and products as large as the head.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.loss import restrict, within
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, share_to_rows, stream_rows
from holdfast.models.heads import MaskedHead

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


class OML(Replay):
    """Representations on which the head learns new rows without losing old ones."""

    declaration = Declaration(
        "meta-learning",
        "Javed & White 2019",
        "meta-learns a representation on which the head learns without interference",
        scenarios=("class", "domain"),
        refused=(("task", "its inner loop trains one head for all tasks; use LaMAML or ER"),),
        boundaries=False,
        stores_examples=True,
    )

    def __init__(self, capacity: int, inner_lr: float = 0.1, inner: int = 5, ratio: float = 0.5) -> None:
        """`capacity` examples; `inner_lr` η; `inner` parts of the new rows; `ratio` memory share of the outer batch."""
        super().__init__(capacity, "reservoir", "stream")
        self.inner_lr, self.inner, self.ratio = at_least("inner_lr", inner_lr, 0), int(at_least("inner", inner, 1)), ratio
        share_to_rows(ratio, 1)

    def draw(self, learner: "Learner", batch: Batch) -> Batch:
        size = share_to_rows(self.ratio, stream_rows(batch))
        if not size or not len(self.memory):
            return batch
        rows = self.memory.sample(size)
        return batch.add(self.name, rows, len(rows) / stream_rows(batch))

    def criterion(self, learner: "Learner", step: Step) -> Tensor:
        head = learner.head
        assert isinstance(head, MaskedHead)
        columns = slice(0, head.opened) if isinstance(step.competing, Tensor | None) else step.competing
        h = torch.cat([step.features, step.features.new_ones(len(step.features), 1)], 1)
        w = torch.cat([head.linear.weight, head.linear.bias[:, None]], 1)[columns]
        y = within(step.batch.y, columns)
        for part in torch.arange(len(step.batch.blocks[0]), device=y.device).tensor_split(self.inner):
            if len(part):
                p = self._logits(h[part], w, step, part).softmax(1) - F.one_hot(y[part], len(w))
                w = w - self.inner_lr / len(part) * p.T @ h[part]
        rows = F.cross_entropy(self._logits(h, w, step, None), y, reduction="none")
        return rows @ step.batch.weights()

    def _logits(self, h: Tensor, w: Tensor, step: Step, part: Tensor | None) -> Tensor:
        z, mask = h @ w.T, step.competing
        if not isinstance(mask, Tensor):
            return z
        return restrict(z, mask[:, : len(w)] if part is None else mask[part, : len(w)])
