"""BiC: bias correction (Wu et al. 2019, "Large scale incremental learning", eq. 4–5).

    corrected logits of a task's new classes: α z + β
    (α, β) = argmin of the cross-entropy of all classes so far on the held-out rows

A network with a small memory predicts new classes too often. BiC measures that on rows which it did
not train on: a share of each task's examples is held out of training, and kept in a class-balanced
memory of its own. After each task, with the network fixed, α and β of the task's new classes are
fitted to that memory. Corrections of earlier tasks stay, and predictions use the corrected logits.

BiC corrects replay or distillation, so use it in a sum: `DERpp(500) + BiC()`. The paper has its own
distillation and replay around it, which a sum leaves to the other parts.

A step costs one pass.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Rows
from holdfast.engine.memory import Memory
from holdfast.errors import HoldfastError
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method
from holdfast.methods.outputs import new_outputs
from holdfast.methods.view import LearnerView
from holdfast.methods.wa import ONE_HEAD
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Subset, Task


class BiC(Method):
    """Corrects the logits of new classes on a balanced sample that was not trained on."""

    declaration = Declaration(
        family="correction",
        paper="Wu et al. 2019",
        summary="corrects the new classes' logits on a balanced held-out sample; "
        "beside replay or distillation",
        classification_only="corrects the logits of new classes against those of old ones",
        scenarios=("class",),
        refused=(("domain", ONE_HEAD), ("task", ONE_HEAD)),
        stores_examples=True,
        keeps="held-out examples",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=(
            "BiC()",
            "ER(40) + BiC(20)",
        ),
        typical="ER(200) + BiC(100)",
    )

    def __init__(self, capacity: int = 200, share: float = 0.1) -> None:
        """Set up the held-out memory.

        Args:
            capacity: Examples that are held out in all.
            share: The share of each task's examples that is held out, in (0, 1). A task with few
                examples holds out at least one.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> BiC(share=0.2)
            BiC(capacity=200, share=0.2)
        """
        super().__init__()
        if not 0 < share < 1:
            raise HoldfastError(f"share is what is held out of each task, in (0, 1), got {share}")
        self.memory = Memory(capacity, "class_balanced")
        self.share = share
        self.host["held_for"] = -1  # the task whose rows were put into the memory last
        self.scale = self.tensor_state(torch.ones(0))  # α of each output, (C,)
        self.shift = self.tensor_state(torch.zeros(0))  # β of each output, (C,)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        examples = len(task.train)
        # A generator of the task's own: a resumed run then holds out the same rows.
        generator = torch.Generator().manual_seed(self.seed + task.index)
        order = torch.randperm(examples, generator=generator)
        held_out = order[: max(1, round(self.share * examples))]
        # A run that was resumed in the middle of this task has them in its memory already.
        if self.host["held_for"] < task.index:
            x, y, tasks = task.train.fetch(held_out)
            self.memory.insert(Rows(x, y, tasks))
            self.host["held_for"] = task.index
        return task.with_training(Subset(task.train, order[len(held_out) :].sort().values))

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        return self.corrected(learner.model(x, task))

    def corrected(self, z: Tensor) -> Tensor:
        """Correct logits.

        Args:
            z: Logits of the network, (B, C).

        Returns:
            α z + β, (B, C). Outputs without a correction stay as they are.
        """
        missing = z.shape[1] - len(self.scale)
        return z * F.pad(self.scale, (0, missing), value=1.0) + F.pad(self.shift, (0, missing))

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        first, last = new_outputs(learner, task)
        missing = learner.head.width - len(self.scale)
        self.scale = F.pad(self.scale, (0, missing), value=1.0)
        self.shift = F.pad(self.shift, (0, missing))
        # In the first task all classes are new, so none is at a disadvantage. A task of known
        # classes that came back has none to correct.
        if not first or first == last:
            return
        rows = self.memory.everything()
        z = learner.head(learner.embed(rows.x), None)[:, :last].double()
        alpha, beta = fitted(self.corrected(z).detach(), rows.y, first)
        self.scale[first:last] = alpha
        self.shift[first:last] = beta


def fitted(z: Tensor, y: Tensor, first: int) -> tuple[float, float]:
    """Fit the correction of new classes (eq. 5, a convex problem).

    Args:
        z: Logits of held-out rows, (N, C), with the corrections of earlier tasks.
        y: Their labels as outputs, (N,).
        first: The first new output. The correction is for this one and all after it.

    Returns:
        α and β that minimise the cross-entropy.

    Example:
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
        new = parameters[0] * z[:, first:] + parameters[1]
        value = F.cross_entropy(torch.cat([z[:, :first], new], 1), y)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    alpha, beta = parameters.tolist()
    return alpha, beta
