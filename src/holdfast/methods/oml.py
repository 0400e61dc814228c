"""OML: online-aware meta-learning (Javed & White 2019, algorithms 1 and 2).

    inner step k:  W_{k+1} = W_k − η ∇_W CE(φ_θ(b_k) W_k),   from W_0 = W
    outer loss:    CE of new ∪ stored rows under φ_θ and the last W_k

Here φ_θ is the representation (all layers but the head), W is the head with its bias as the last
column, b_k are the new rows in `inner` parts, and η is the rate of the inner steps, which move the
head alone. The gradient of the outer loss passes through the inner steps (second order) to θ and
W_0. Representations are sought on which learning online does not interfere.

The paper meta-trains before the stream begins, on other classes, and then learns the head alone
online. Here the stream itself is meta-trained on, and a memory gives the random rows. To predict,
the head learns the memory once, part by part, as in the inner steps. There is one linear head for
all tasks.

A step costs one pass over the new and stored rows, and products as large as the head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.competing import ALL, Competing
from holdfast.engine.stateful import Derived
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.needed import need_single_layer
from holdfast.methods.replay import Replay, checked_ratio, stream_rows
from holdfast.methods.view import LearnerView
from holdfast.models.heads import Head
from holdfast.named_inputs import Inputs


class OML(Replay):
    """Learns representations on which the head learns new rows without losing old ones."""

    declaration = Declaration(
        family="meta-learning",
        paper="Javed & White 2019",
        summary="meta-learns a representation on which the head learns without interference",
        classification_only="descends on the cross-entropy in closed form",
        scenarios=("class", "domain"),
        refused=(("task", "its inner loop trains one head for all tasks; use LaMAML or ER"),),
        boundaries=False,  # examples enter the memory as they come
        stores_examples=True,
        keeps="examples",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=("OML(40)",),
        typical="OML(200)",
    )

    def __init__(
        self,
        capacity: int,
        inner_lr: float = 0.1,
        inner: int = 5,
        ratio: float = 0.5,
    ) -> None:
        """Set up the memory and the inner steps.

        Args:
            capacity: The number of examples in the memory, a reservoir.
            inner_lr: η ≥ 0, the learning rate of the inner steps.
            inner: The parts into which the new rows are split, at least 1.
            ratio: The memory's share of the rows of the outer loss, in [0, 1). 0: no replay.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> OML(500, inner_lr=0.05)
            OML(500, inner_lr=0.05)
        """
        super().__init__(capacity, "reservoir", "stream")
        self.inner_lr = at_least("inner_lr", inner_lr, 0)
        self.inner = int(at_least("inner", inner, 1))
        self.ratio = checked_ratio(ratio)
        self.host["part"] = 1  # rows of a part, which predictions use as well
        self._learned_head = Derived[Tensor]()

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        return self.mixed(batch, self.ratio)

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        features = _inputs(step.features, learner.head)
        head = _matrix(learner.head)  # W
        y = step.batch.y
        every_row = torch.arange(len(y), device=y.device)
        # W has the opened outputs alone, which may be fewer than the head is wide.
        competing = step.competing.of_rows(every_row, len(head))
        new_rows = stream_rows(step.batch)
        self.host["part"] = -(-new_rows // self.inner)  # rounded up
        parts = torch.arange(new_rows, device=y.device).split(self.host["part"])
        for part in parts:
            part_competing = step.competing.of_rows(part, len(head))
            head = self._learn(head, features[part], y[part], part_competing)
        return competing.losses(features @ head.T, y) @ step.batch.weights()

    def _learn(
        self, head: Tensor, features: Tensor, y: Tensor, competing: Competing = ALL
    ) -> Tensor:
        """Return the head after one step of descent on what it is multiplied with, (N, D + 1).

        The result is differentiable. There is no column for the bias if the head has none.
        """
        # The gradient of the cross-entropy at the logits, in closed form: p − one-hot.
        probabilities = competing.of(features @ head.T).softmax(1)
        excess = probabilities - F.one_hot(y, len(head))
        return head - self.inner_lr / len(y) * excess.T @ features

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        features = learner.model.features(x, task)
        if not len(self.memory):
            logits: Tensor = learner.head(features, task)
            return logits
        # The head is learned once for all batches of an evaluation, and anew after each step.
        now = (learner.task_number, learner.task_steps, learner.active)
        head = self._learned_head.get(now, lambda: self._head_learned_from_memory(learner))
        logits = _inputs(features, learner.head) @ head.T
        missing = learner.head.width - logits.shape[1]
        return F.pad(logits, (0, missing), value=-torch.inf)

    def _head_learned_from_memory(self, learner: LearnerView) -> Tensor:
        """Return the head after one pass over the memory, with the inner steps of training."""
        rows = self.memory.everything()
        head = _matrix(learner.head)
        features = _inputs(learner.embed(rows.x), learner.head)
        # A generator of its own, so that an evaluation leaves the course of training alone.
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(rows), generator=generator)
        for part in order.split(self.host["part"]):
            places = part.to(features.device)
            head = self._learn(head, features[places], rows.y[places])
        return head


def _inputs(features: Tensor, head: Head) -> Tensor:
    """Return features with a 1 at the end of each row, which the bias is multiplied with."""
    if need_single_layer(head, "OML").linear.bias is None:
        return features
    return torch.cat([features, features.new_ones(len(features), 1)], 1)


def _matrix(head: Head) -> Tensor:
    """Return the rows of the opened outputs, (C, D + 1), with the bias as the last column."""
    linear = need_single_layer(head, "OML").linear
    whole = linear.weight
    if linear.bias is not None:
        whole = torch.cat([whole, linear.bias[:, None]], 1)
    return whole[: head.opened]
