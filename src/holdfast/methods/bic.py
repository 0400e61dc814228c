"""BiC: bias correction (Wu et al. 2019, "Large scale incremental learning", eq. 4–5).

New classes are predicted too often, because replay holds few old examples. A share of every task's examples is held out of training and
kept in a balanced memory of its own. After each task, with the network fixed, α and β of a linear correction α z + β of the new classes'
logits are fitted to that memory by cross-entropy; corrections of earlier tasks stay. Predictions use the corrected logits.
A correction for replay or distillation: `DERpp(500) + BiC()`. Passes: one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Rows
from holdfast.engine.memory import Memory
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method
from holdfast.methods.outputs import new_outputs
from holdfast.methods.view import LearnerView
from holdfast.methods.wa import ONE_HEAD
from holdfast.streams.task import Subset, Task


class BiC(Method):
    """Corrects the logits of new classes on a balanced sample that was not trained on."""

    declaration = Declaration(
        "correction",
        "Wu et al. 2019",
        "corrects the new classes' logits on a balanced held-out sample; beside replay or distillation",
        scenarios=("class",),
        refused=(("domain", ONE_HEAD), ("task", ONE_HEAD)),
        stores_examples=True,
    )

    def __init__(self, capacity: int = 200, share: float = 0.1) -> None:
        """`capacity` examples held out in all; `share` of each task's examples that is held out, in (0, 1)."""
        super().__init__()
        if not 0 < share < 1:
            raise HoldfastError(f"share is what is held out of each task, in (0, 1), got {share}")
        self.memory, self.share = Memory(capacity, "class_balanced"), share
        self.host["held_for"] = -1
        self.scale = self.tensor_state(torch.ones(0))
        self.shift = self.tensor_state(torch.zeros(0))

    def begin(self, learner: LearnerView, task: Task) -> Task:
        n = len(task.train)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(self.seed + task.index))
        held = order[: max(1, round(self.share * n))]
        if self.host["held_for"] < task.index:  # else a run that goes on in the middle of this task
            x, y, t = task.train.fetch(held)
            self.memory.insert(Rows(x, y, t))
            self.host["held_for"] = task.index
        return task.with_training(Subset(task.train, order[len(held) :].sort().values))

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        return self.corrected(learner.model(x, task))

    def corrected(self, z: Tensor) -> Tensor:
        """α z + β for every output that has a correction."""
        more = z.shape[1] - len(self.scale)
        return z * F.pad(self.scale, (0, more), value=1.0) + F.pad(self.shift, (0, more))

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        first, last = new_outputs(learner, task)
        more = learner.head.width - len(self.scale)
        self.scale = F.pad(self.scale, (0, more), value=1.0)
        self.shift = F.pad(self.shift, (0, more))
        if not first:
            return
        rows = self.memory.everything()
        z = learner.head(learner.embed(rows.x), None)[:, :last].double()
        alpha, beta = fitted(self.corrected(z).detach(), rows.y, first)
        self.scale[first:last] = alpha
        self.shift[first:last] = beta


def fitted(z: Tensor, y: Tensor, first: int) -> tuple[float, float]:
    """α and β that minimise the cross-entropy of z (N, C) with α z + β at outputs from `first` on (a convex problem).

    >>> z = torch.tensor([[0.0, 3.0], [0.0, 3.0], [0.0, 3.0], [0.0, 3.0]])
    >>> alpha, beta = fitted(z, torch.tensor([0, 0, 0, 1]), first=1)
    >>> round(3 * alpha + beta, 3)  # the logit of 1/4
    -1.099
    """
    parameters = torch.tensor([1.0, 0.0], dtype=torch.float64, device=z.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [parameters],
        max_iter=200,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
    )
    z = z.double()

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(
            torch.cat([z[:, :first], parameters[0] * z[:, first:] + parameters[1]], 1), y
        )
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    alpha, beta = parameters.tolist()
    return alpha, beta
