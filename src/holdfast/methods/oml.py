"""OML: online-aware meta-learning (Javed & White 2019, algorithm 1 and 2).

The representation φ_θ (all but the head) and the head W have different roles. Inner loop: from W_0 = W, the new rows in `inner` parts
b_k move the head alone, W_{k+1} = W_k − η ∇_W CE(φ_θ(b_k) W_k). Outer loss: CE of new ∪ stored rows under φ_θ and the last W. Its gradient
passes through the inner loop (second order) to θ and W_0: representations are sought on which learning online does not interfere.

The paper meta-trains before the stream begins, on other classes, and then learns the head alone online. Here the stream itself is
meta-trained on, a memory giving the random rows; to predict, the head learns the memory once, part by part, as in the inner loop. One
linear head for all tasks. Passes: one at the doubled batch, and products as large as the head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.batch import Batch, Step
from holdfast.engine.competing import ALL, Competing
from holdfast.engine.stateful import Derived
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, share_to_rows
from holdfast.methods.view import LearnerView
from holdfast.models.heads import MaskedHead


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

    def __init__(
        self, capacity: int, inner_lr: float = 0.1, inner: int = 5, ratio: float = 0.5
    ) -> None:
        """`capacity` examples; `inner_lr` η; `inner` parts of the new rows; `ratio` memory share of the outer batch."""
        super().__init__(capacity, "reservoir", "stream")
        self.inner_lr, self.inner, self.ratio = (
            at_least("inner_lr", inner_lr, 0),
            int(at_least("inner", inner, 1)),
            ratio,
        )
        share_to_rows(ratio, 1)
        self.host["part"] = 1
        self._learnt = Derived[Tensor]()  # the head that was learnt, at a step

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        return self.mixed(batch, self.ratio)

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        h, w, y = _with_one(step.features), _matrix(learner.head), step.batch.y
        everywhere = torch.arange(len(y), device=y.device)
        competing = step.competing.of_rows(everywhere, len(w))
        n = len(step.batch.blocks[0])
        self.host["part"] = -(-n // self.inner)
        for part in torch.arange(n, device=y.device).split(self.host["part"]):
            w = self._learn(w, h[part], y[part], step.competing.of_rows(part, len(w)))
        return competing.losses(h @ w.T, y) @ step.batch.weights()

    def _learn(self, w: Tensor, h: Tensor, y: Tensor, competing: Competing = ALL) -> Tensor:
        """The head after one step of descent on rows (N, D + 1), differentiable."""
        p = competing.of(h @ w.T).softmax(1) - F.one_hot(y, len(w))
        return w - self.inner_lr / len(y) * p.T @ h

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        features = learner.model.features(x, task)
        if not len(self.memory):
            return learner.head(features, task)
        now = (learner.task_number, learner.task_steps, learner.active)
        w = self._learnt.get(now, lambda: self._head_learnt_from_memory(learner))
        z = _with_one(features) @ w.T
        return F.pad(z, (0, learner.head.width - z.shape[1]), value=-torch.inf)

    def _head_learnt_from_memory(self, learner: LearnerView) -> Tensor:
        """The head after one pass over the memory, as in the inner loop of training."""
        rows = self.memory.everything()
        w = _matrix(learner.head)
        h = _with_one(learner.embed(rows.x))
        generator = torch.Generator().manual_seed(self.seed)
        for part in torch.randperm(len(rows), generator=generator).split(self.host["part"]):
            on = part.to(h.device)
            w = self._learn(w, h[on], rows.y[on])
        return w


def _with_one(h: Tensor) -> Tensor:
    return torch.cat([h, h.new_ones(len(h), 1)], 1)


def _matrix(head: nn.Module) -> Tensor:
    """The rows of the opened outputs, the bias as the last column."""
    assert isinstance(head, MaskedHead)
    return torch.cat([head.linear.weight, head.linear.bias[:, None]], 1)[: head.opened]
