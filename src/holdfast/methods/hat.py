"""HAT: hard attention to the task (Serrà, Surís, Miron & Karatzoglou 2018, eq. 1–6).

    gates:      h ← a ⊙ h with a = σ(s e)
    annealing:  s = 1/s_max + (s_max − 1/s_max) (b − 1)/(B − 1) for step b of the B in an epoch
    loss:       L(θ) + c Σ a (1 − a^{<t}) / Σ (1 − a^{<t})
    protection: change of the weight from unit j to unit i × (1 − min(a_i^{<t}, a_j^{<t}))

Here h are hidden units, e is an embedding of the task with one entry per unit, a is its attention,
and a^{<t} is the maximum of a over earlier tasks. The attention hardens in each epoch as s rises.
Units that no earlier task uses cost c in the loss, and those of earlier tasks are free to use but
cannot be changed. The gradient of e is multiplied by s_max (cosh(s e) + 1) / (s (cosh(e) + 1)),
which undoes the saturation of σ, and |e| ≤ 6 (section 2.5; `models.attention`).

- At a boundary attention becomes 0 or 1 (e > 0) and is stored. The paper's is only almost so, and
  lets old weights creep.
- The paper masks the gradient. Here the change of θ is masked, so that momentum, Adam and weight
  decay do not move old weights either.

A step costs one pass.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.methods.method import Declaration, Method, at_least, only_with_task
from holdfast.methods.needed import need_wrapper
from holdfast.methods.view import LearnerView
from holdfast.models.attention import Attention
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.streams.task import Task

LARGEST = 6.0  # of an entry of e


class HAT(Method):
    """Learns which hidden units each task uses, and keeps later tasks from changing them."""

    declaration = Declaration(
        family="architecture",
        paper="Serrà et al. 2018",
        summary="learns which hidden units each task uses; later tasks cannot change them",
        **only_with_task("gates-need-task"),
        isolates=True,
        memory="none",
        parameters="linear",
        needs="a sequence of linear layers or convolutions, each followed by ReLU",
        keeps="attention over units per task",
    )

    def __init__(self, strength: float = 0.75, scale: float = 400.0) -> None:
        """Set up the attention.

        Args:
            strength: c ≥ 0, the cost of units that no earlier task uses. The larger it is, the more
                units stay free for later tasks.
            scale: s_max ≥ 1, the steepness of the gates at the end of an epoch.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> HAT(scale=200)
            HAT(strength=0.75, scale=200)
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.scale = at_least("scale", scale, 1)
        # 1 − min(a_i^{<t}, a_j^{<t}) for each weight, while a task is trained.
        self.free = self.vector_state()

    def attach(self, model: Network) -> Network:
        return Attention(need_classifier(model, self.name), self.scale)

    def _network(self, learner: LearnerView) -> Attention:
        """Return the network that `attach` made."""
        return need_wrapper(learner.model, Attention, self.name)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        free = torch.ones_like(learner.space.theta)
        views = learner.space.views(free)
        for name, value in self._network(learner).free().items():
            # Frozen weights are not part of θ, and need no protection.
            if name in views:
                views[name].copy_(value)
        self.free = free
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        # No rows are drawn. This is the hook before the forward pass, which needs the scale.
        steps = learner.order(learner.need_task()).per_epoch
        progress = learner.task_steps % steps / max(steps - 1, 1)
        self._network(learner).scale = 1 / self.scale + (self.scale - 1 / self.scale) * progress
        return batch

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        if not self.strength:
            return 0.0
        return self.strength * self._network(learner).cost(learner.task_number)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        delta = delta.mul_(self.need(self.free))
        changes = learner.space.views(delta)
        values = learner.space.views(learner.space.theta)
        for name in self._network(learner).embedding_names(learner.task_number):
            # θ has moved already: take back what went beyond the limit.
            e = values[name].detach()
            changes[name].sub_(e - e.clamp(-LARGEST, LARGEST))
        return delta

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self._network(learner).settle()
        # The next task has another mask, and a checkpoint at the boundary needs none.
        self.free = None
