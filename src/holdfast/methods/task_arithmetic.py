"""TaskArithmetic: the sum of what each task changed (Ilharco et al. 2023, section 2).

    task vector:   τ_t = θ_t − θ_0,   where θ_t was trained on task t from θ_0
    each boundary: θ ← θ_0 + λ Σ_{s≤t} τ_s

Here θ_0 are the weights before the first task and λ is the scale ("Editing models with task
arithmetic"). Each task is trained from θ_0 as if it were alone, so the order of the tasks does not
matter, and no task sees the others. The sum works if θ_0 is a pretrained model, from which tasks
move in nearly orthogonal directions.

- λ is a validated constant in the paper, often between 0.3 and 0.5 for eight tasks. The mean of
  the task vectors has λ = 1 / T.
- `start="merged"` trains each task from the merged weights instead and adds λ (θ_t − θ_merged), so
  that tasks build on each other. This is Interpolate with α = λ, which may exceed 1 here.
- Rows of the head, and other parameters, that come with a task are used as it trained them, without
  the scale. The paper gives every task a head of its own, or one that is made from texts.
- Statistics of BatchNorm become the mean over the tasks. With `start="merged"` they are
  interpolated, up to λ = 1. The paper's models have none.

A step costs one pass. A boundary costs a few operations on vectors as long as θ.
"""

from dataclasses import replace

import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.errors import one_of
from holdfast.methods.boundary import BoundaryEdit
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class TaskArithmetic(BoundaryEdit):
    """Trains each task from the first weights, and adds up what the tasks changed."""

    declaration = Declaration(
        family="weight averaging",
        paper="Ilharco et al. 2023",
        summary="adds up what each task changed when it was trained from the first weights",
        edits_weights=True,
        restarts=True,
        weak=(("class", reason("lwf-in-class")),),
        keeps="two θ-shaped vectors",
        small=(
            "TaskArithmetic(0.5)",
            "TaskArithmetic(0.5, start='merged')",
        ),
        typical="TaskArithmetic(0.3)",
    )

    def __init__(self, scale: float, start: str = "initial") -> None:
        """Set up the sum.

        Args:
            scale: λ ≥ 0, the factor of the task vectors.
            start: Where a task starts: from the `initial` weights, as in the paper, or from the
                `merged` ones.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> TaskArithmetic(0.3)
            TaskArithmetic(0.3)
        """
        super().__init__()
        self.scale = at_least("scale", scale, 0)
        self.start = one_of("start", start, ("initial", "merged"))
        self.total = self.vector_state()  # θ − θ_0 at the last boundary, for start="initial"

    def declare(self) -> Declaration:
        """Declare that nothing restarts or is kept if tasks start from the merged weights."""
        declared = super().declare()
        if self.start == "initial":
            return declared
        return replace(declared, restarts=False, memory="none", neutral=(("scale", 1.0),))

    def begin(self, learner: LearnerView, task: Task) -> Task:
        # With start="initial" the learner has put the first weights and statistics back already.
        if self.start == "merged":
            self.keep_statistics(learner.model)
        return super().begin(learner, task)

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        theta = learner.space.theta
        tau = theta - self.need(self.before)
        scaled = torch.where(self.new(learner, task), tau, self.scale * tau)
        # Added to θ and not to θ_0, so that one task with the scale 1 leaves every bit alone.
        if self.start == "merged":
            theta.add_(scaled - tau)
            self.mix_statistics(learner.model, min(self.scale, 1.0))
            self.forget_statistics()
        else:
            theta.add_(self._added(scaled) - tau)
            self._average_statistics(learner, task)
        self.end(learner)

    def _added(self, scaled: Tensor) -> Tensor:
        """Add a scaled task vector to those of the tasks before, and return the sum."""
        total = scaled
        if self.total is not None:
            total = scaled + self.total
        self.total = total
        return total

    def _average_statistics(self, learner: LearnerView, task: Task) -> None:
        """Give the network the mean of its statistics over all tasks."""
        if task.index:
            self.mix_statistics(learner.model, 1 / (task.index + 1))
        self.keep_statistics(learner.model)
