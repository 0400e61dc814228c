"""WA: weight aligning (Zhao et al. 2020, "Maintaining discrimination and fairness", eq. 10–11).

After each task the rows of the head for its new classes are multiplied by γ = mean ‖w_old‖ / mean ‖w_new‖, so that new classes do not win
by longer rows. The network then goes on from there. After short training new rows may be the shorter ones; γ would then favour new classes,
so it is at most 1 here (`lengthen=True` is the paper, which trains each task for long). A correction for replay or distillation: `ER(500) +
WA()`, `LwF() + WA()`. Passes: one.
"""

import torch

from holdfast.advice import reason
from holdfast.methods.method import Declaration, Method
from holdfast.methods.outputs import new_outputs
from holdfast.methods.view import LearnerView
from holdfast.models.heads import MaskedHead
from holdfast.streams.task import Task

ONE_HEAD = reason("corrections-need-one-head")


class WA(Method):
    """Scales the new classes' rows of the head to the length of the old ones'."""

    declaration = Declaration(
        "correction",
        "Zhao et al. 2020",
        "scales the head's new rows to the length of the old; beside replay or distillation",
        scenarios=("class",),
        refused=(("domain", ONE_HEAD), ("task", ONE_HEAD)),
        edits_weights=True,
        memory="none",
    )

    def __init__(self, lengthen: bool = False) -> None:
        """`lengthen`: γ may exceed 1 (the paper)."""
        super().__init__()
        self.lengthen = lengthen

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        head, (first, last) = learner.head, new_outputs(learner, task)
        assert isinstance(head, MaskedHead)
        if first:
            length = head.linear.weight.norm(dim=1)
            gamma = length[:first].mean() / length[first:last].mean().clamp_min(1e-12)
            head.linear.weight[first:last] *= gamma if self.lengthen else gamma.clamp_max(1)
