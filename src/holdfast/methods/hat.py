"""HAT: hard attention to the task (Serrà, Surís, Miron & Karatzoglou 2018, eq. 1–6).

Each task learns an embedding e for every hidden unit; the unit is multiplied by a = σ(s e). s rises over each epoch from 1/s_max to s_max,
so that attention hardens. Loss + c Σ a (1 − a^{<t}) / Σ (1 − a^{<t}): new units cost, those of old tasks (a^{<t}, their maximum) are free.
The gradient of e is multiplied by s_max (cosh(s e) + 1) / (s (cosh(e) + 1)), which undoes the saturation of σ; |e| ≤ 6. The change of the
weight from unit j to unit i is multiplied by 1 − min(a_i^{<t}, a_j^{<t}).

At a boundary attention becomes 0 or 1 (e > 0) and is stored: with the paper's, which is almost so, old weights would still creep. The mask
is on the change of θ, not on the gradient, so that momentum, Adam and weight decay move nothing. Passes: one.
"""

from typing import Any

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.methods.method import Declaration, Method, at_least, only_with_task
from holdfast.methods.view import LearnerView
from holdfast.models.attention import Attention
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.streams.task import Task

LARGEST = 6.0  # of an embedding


class HAT(Method):
    """Learns which units a task uses, and keeps later tasks from changing them."""

    declaration = Declaration(
        "architecture",
        "Serrà et al. 2018",
        "learns which hidden units a task uses; later tasks cannot change them",
        **only_with_task("gates-need-task"),
        isolates=True,
        memory="none",
        parameters="linear",
    )

    def __init__(self, strength: float = 0.75, scale: float = 400.0) -> None:
        """`strength` c ≥ 0 of the cost of new units; `scale` s_max > 1."""
        super().__init__()
        self.strength, self.scale = at_least("strength", strength, 0), at_least("scale", scale, 1)
        self.free = self.vector_state()

    def attach(self, model: Network) -> Network:
        return Attention(need_classifier(model, self.name), self.scale)

    def _network(self, learner: LearnerView) -> Attention:
        assert isinstance(learner.model, Attention)
        return learner.model

    def begin(self, learner: LearnerView, task: Task) -> Task:
        free = torch.ones_like(learner.space.theta)
        views: dict[str, Any] = learner.space.views(free)
        for name, value in self._network(learner).free().items():
            if name in views:  # frozen weights need no protection
                views[name].copy_(value)
        self.free = free
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        order = learner.order(learner.need_task())
        k = learner.task_steps % order.per_epoch / max(order.per_epoch - 1, 1)
        self._network(learner).scale = 1 / self.scale + (self.scale - 1 / self.scale) * k
        return batch

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        return (
            self.strength * self._network(learner).cost(learner.task_number)
            if self.strength
            else 0.0
        )

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        delta = delta.mul_(self.need(self.free))
        moved, now = learner.space.views(delta), learner.space.views(learner.space.theta)
        for name in self._network(learner).embedding_names(learner.task_number):
            moved[name].sub_(now[name].detach() - now[name].detach().clamp(-LARGEST, LARGEST))
        return delta

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self._network(learner).settle()
        self.free = None  # of the task that ended
