"""Interpolate: weights between those before and after a task (Wortsman et al. 2022, section 3).

    each boundary: θ ← (1 − α) θ_before + α θ_after

Here θ_before are the weights when the task began, θ_after those when it ended, and α is the share
of the task (WiSE-FT, "Robust fine-tuning of zero-shot models"). If both lie in one flat region of
the loss, as they do when a pretrained model is fine-tuned for a short time, the weights between
them lose little of the task and keep much of what was known before.

- The paper fine-tunes once. Here each task ends with the interpolation, and the next one starts
  from its result.
- Rows of the head, and other parameters, that come with a task keep θ_after, because their first
  values are random. The paper makes the rows of its head from texts, so that they exist before.
- Statistics of BatchNorm are interpolated as well. The paper's models have none.
- `first=False` leaves the first task alone, for networks that start from random weights.

A step costs one pass. A boundary costs a few operations on vectors as long as θ.
"""

import torch

from holdfast.advice import reason
from holdfast.errors import HoldfastError
from holdfast.methods.arguments import is_number
from holdfast.methods.boundary import BoundaryEdit
from holdfast.methods.method import Declaration
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class Interpolate(BoundaryEdit):
    """Goes only a part of the way from the weights before a task to those after it."""

    declaration = Declaration(
        family="weight averaging",
        paper="Wortsman et al. 2022",
        summary="weights between those before and after each task",
        edits_weights=True,
        memory="none",
        weak=(("class", reason("lwf-in-class")),),
        neutral=(("alpha", 1.0),),
        keeps="– (a copy of the weights while a task is trained)",
        small=("Interpolate(0.5)",),
        typical="Interpolate(0.5)",
    )

    def __init__(self, alpha: float, first: bool = True) -> None:
        """Set up the interpolation.

        Args:
            alpha: α in [0, 1], the share of the weights after the task. 1: plain training. 0: what
                existed before the task stays as it was.
            first: Whether the first task is interpolated as well. Pass False if your network starts
                from random weights, because there is nothing in them to keep.

        Raises:
            HoldfastError: `alpha` is outside its range.

        Example:
            >>> Interpolate(0.5)
            Interpolate(0.5)
        """
        super().__init__()
        if not is_number(alpha) or not 0 <= alpha <= 1:
            raise HoldfastError(
                f"alpha is the share of the weights after the task, in [0, 1], got {alpha!r}"
            )
        self.alpha = alpha
        self.first = first

    def begin(self, learner: LearnerView, task: Task) -> Task:
        # Without an effect, not even a copy is made.
        if self.alpha == 1 or not (task.index or self.first):
            return task
        self.keep_statistics(learner.model)
        return super().begin(learner, task)

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if self.before is not None:
            after = learner.space.theta
            mixed = torch.lerp(self.before, after, self.alpha)
            after.copy_(torch.where(self.new(learner, task), after, mixed))
            self.mix_statistics(learner.model, self.alpha)
            self.forget_statistics()
        self.end(learner)
