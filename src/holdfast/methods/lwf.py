"""LwF: learning without forgetting (Li & Hoiem 2017, eq. 2–4).

Loss + α T² KL(softmax(z_old/T) ‖ softmax(z/T)) on the current inputs; z_old from a frozen copy made at the last boundary.

- Task scenario: one such term for each old task's outputs, summed. Otherwise one term.
  `outputs="old"` (default, the paper): over the outputs of the classes of tasks that have ended, on both
  sides, whatever else the head has open. `outputs="all"`: over every output that was open on each side; a
  teacher that had fewer of them open gives the others probability 0. With `Learner(outputs="all")`
  this also distils outputs whose classes have not come yet, which holds the new classes down.
- The paper multiplies no T² (its gradients shrink with T); Hinton et al. 2015 do. `t_squared=False` is
  van de Ven's form, and that of Avalanche: its α equals ours without T², and α T² with it.
- `weight="tasks"` multiplies the term by t − 1, the number of old tasks (van de Ven's domain scenario).
Passes: one, and one forward of the teacher.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Step
from holdfast.engine.loss import restrict
from holdfast.engine.snapshot import Snapshot
from holdfast.errors import one_of
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.outputs import with_own
from holdfast.streams.task import Task

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


class _Divergence(torch.autograd.Function):
    """KL(p ‖ q) of two softened softmaxes, mean over rows, with its gradient (q − p) / (T N) in closed form: one node, not six."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
        log_q = (z / temperature).log_softmax(1)
        p, gradient = (z_old / temperature).softmax(1), log_q.exp()
        gradient[:, : p.shape[1]] -= p
        ctx.save_for_backward(gradient.mul_(1 / (temperature * len(z))))
        return -(torch.special.entr(p) + p * log_q[:, : p.shape[1]]).sum() / len(z)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return ctx.saved_tensors[0] * grad, None, None


def distillation(z: Tensor, z_old: Tensor, temperature: float) -> Tensor:
    """KL(softmax(z_old/T) ‖ softmax(z/T)), mean over rows; z (N, C), z_old (N, C') with C' ≤ C, missing outputs with probability 0.

    >>> round(float(distillation(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2), 2.0)), 4)
    0.1201
    """
    return _Divergence.apply(z, z_old, temperature)


class LwF(Method):
    """Keeps the outputs that the old network gave to the new inputs."""

    declaration = Declaration(
        "distillation",
        "Li & Hoiem 2017",
        "distils the network of the last boundary on current inputs; stores no example",
        neutral=(("alpha", 0),),
        weak=(("class", reason("lwf-in-class")),),
    )

    def __init__(
        self, alpha: float = 1.0, temperature: float = 2.0, outputs: str = "old", t_squared: bool = True, weight: str = "one"
    ) -> None:
        """Set up the distillation.

        Args:
            alpha: α ≥ 0, the weight of the term. 0: plain training.
            temperature: T > 0, by which the logits of both sides are divided.
            outputs: `old` compares the outputs of the classes of tasks that have ended, `all` every
                open output.
            t_squared: Whether the term is multiplied by T².
            weight: `one`, or `tasks`, which multiplies the term by the number of old tasks.
        """
        super().__init__()
        self.alpha, self.temperature = at_least("alpha", alpha, 0), at_least("temperature", temperature, 1e-6)
        self.outputs, self.t_squared = one_of("outputs", outputs, ("old", "all")), t_squared
        self.weight = one_of("weight", weight, ("one", "tasks"))
        self.teacher = Snapshot()
        self.remember("ended", torch.zeros(0, dtype=torch.long))  # outputs of tasks that have ended

    def loss(self, learner: "Learner", step: Step) -> Tensor | float:
        if not self.alpha or "theta" not in self.teacher._buffers:
            return 0.0
        old = self.teacher(learner.model, step.stream(step.x), None)
        old_tasks = learner.task_number
        if learner.scenario == "task":
            z = learner.all_logits(step.stream(step.features))
            ranges = [slice(*learner.head.range_of(s)) for s in range(old_tasks)]
            term = torch.stack([distillation(z[:, k], old[:, k], self.temperature) for k in ranges]).sum()
        elif self.outputs == "old":
            ended = self.get_buffer("ended")
            mine, theirs = (z.index_select(1, ended) for z in (step.stream(step.logits), old))
            term = distillation(mine, theirs, self.temperature)
        else:
            mine = restrict(step.stream(step.logits), slice(0, learner.head.opened))
            theirs = restrict(old, slice(0, self.teacher.outputs))
            term = distillation(mine, theirs, self.temperature)
        scale = self.alpha * (self.temperature**2 if self.t_squared else 1.0) * (old_tasks if self.weight == "tasks" else 1)
        return scale * term

    def consolidate(self, learner: "Learner", task: Task) -> None:
        if self.alpha:
            self.teacher.take(learner.model, learner.space, learner.head.opened)
            self.remember("ended", with_own(self.get_buffer("ended"), task))
