"""LwF: learning without forgetting (Li & Hoiem 2017, eq. 2–4).

Loss + α T² KL(softmax(z_old/T) ‖ softmax(z/T)) on the current inputs; z_old from a frozen copy made at the last boundary.

- Task scenario: one such term for each old task's outputs, summed. Otherwise one term.
  `outputs="old"` (default, the paper): over the outputs of the classes of tasks that have ended, on both
  sides, whatever else the head has open. `outputs="all"`: over every output that was open on each side; a
  teacher that had fewer of them open gives the others probability 0. With `Learner(outputs="all")`
  this also distils outputs whose classes have not come yet, which holds the new classes down.
- The paper multiplies no T² (its gradients shrink with T); Hinton et al. 2015 do. `t_squared=False` is
  the paper's form, and that of van de Ven's code and of Avalanche.
- `weight="tasks"` multiplies the term by t − 1, the number of old tasks (van de Ven's domain scenario).
Passes: one, and one forward of the teacher.
"""

import torch
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Step
from holdfast.engine.competing import Competing
from holdfast.errors import one_of
from holdfast.methods.distillation import distillation
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.teacher import Teacher
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


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
        self,
        alpha: float = 1.0,
        temperature: float = 2.0,
        outputs: str = "old",
        t_squared: bool = True,
        weight: str = "one",
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
        self.alpha, self.temperature = (
            at_least("alpha", alpha, 0),
            at_least("temperature", temperature, 1e-6),
        )
        self.outputs, self.t_squared = one_of("outputs", outputs, ("old", "all")), t_squared
        self.weight = one_of("weight", weight, ("one", "tasks"))
        self.teacher = Teacher()

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        if not self.alpha or not self.teacher.taken:
            return 0.0
        old = self.teacher(learner.model, step.stream(step.x), None)
        old_tasks = learner.task_number
        if learner.scenario == "task":
            z = learner.all_logits(step.stream(step.features))
            ranges = [slice(*learner.head.range_of(s)) for s in range(old_tasks)]
            term = torch.stack(
                [distillation(z[:, k], old[:, k], self.temperature) for k in ranges]
            ).sum()
        elif self.outputs == "old":
            ended = self.teacher.ended
            mine, theirs = (z.index_select(1, ended) for z in (step.stream(step.logits), old))
            term = distillation(mine, theirs, self.temperature)
        else:
            mine = Competing.between(0, learner.head.opened).of(step.stream(step.logits))
            theirs = Competing.between(0, self.teacher.outputs).of(old)
            term = distillation(mine, theirs, self.temperature)
        scale = (
            self.alpha
            * (self.temperature**2 if self.t_squared else 1.0)
            * (old_tasks if self.weight == "tasks" else 1)
        )
        return scale * term

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if self.alpha:
            self.teacher.follow(learner, task, learner.head.opened)
