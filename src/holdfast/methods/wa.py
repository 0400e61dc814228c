"""WA: weight aligning (Zhao et al. 2020, "Maintaining discrimination and fairness", eq. 10–11).

    each boundary: w_new ← γ w_new,   γ = mean ‖w_old‖ / mean ‖w_new‖

Here w_new are the rows of the head for the classes of the task that ended, and w_old those for the
classes before. Without this, new classes win because their rows are longer. The next task is
trained from the aligned rows.

After short training the new rows may be the shorter ones, and γ would then favour new classes. So γ
is at most 1 here. `lengthen=True` is the paper, which trains each task for long.

It is a correction for replay or distillation, as in `ER(500) + WA()` or `LwF() + WA()`.

A step costs one pass.
"""

import torch

from holdfast.advice import reason
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method
from holdfast.methods.needed import need_single_layer
from holdfast.methods.outputs import new_outputs
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task

ONE_HEAD = reason("corrections-need-one-head")


class WA(Method):
    """Scales the head's rows of new classes to the length of the old ones."""

    declaration = Declaration(
        family="correction",
        paper="Zhao et al. 2020",
        summary="scales the head's new rows to the length of the old; beside replay or "
        "distillation",
        classification_only="compares the weights of new classes with those of old ones",
        scenarios=("class",),
        refused=(("domain", ONE_HEAD), ("task", ONE_HEAD)),
        edits_weights=True,  # so that a teacher in the same sum copies the aligned rows
        memory="none",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=(
            "WA()",
            "ER(40) + WA()",
        ),
        typical="ER(200) + WA()",
    )

    def __init__(self, lengthen: bool = False) -> None:
        """Set up the correction.

        Args:
            lengthen: Whether γ may exceed 1, so that new rows become longer (the paper).

        Example:
            >>> WA(lengthen=True)
            WA(lengthen=True)
        """
        super().__init__()
        self.lengthen = lengthen

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        first, last = new_outputs(learner, task)
        weight = need_single_layer(learner.head, self.name).linear.weight
        # The first task has no old rows to be compared with, and one of known classes no new ones.
        if not first or first == last:
            return
        length = weight.norm(dim=1)
        old, new = length[:first].mean(), length[first:last].mean()
        gamma = old / new.clamp_min(1e-12)
        if not self.lengthen:
            gamma = gamma.clamp_max(1)
        weight[first:last] *= gamma
