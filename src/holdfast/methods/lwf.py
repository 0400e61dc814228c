"""LwF: learning without forgetting (Li & Hoiem 2017, eq. 2–4).

    loss: L(θ) + α T² KL(softmax(z_old / T) ‖ softmax(z / T))

Here z are the logits of the current inputs, and z_old those of a frozen copy of the network from
the last boundary, the teacher. T is the temperature and α the weight. The paper writes the cross
entropy for the divergence, which has the same gradient.

- In the task scenario there is one such term for the outputs of each old task, and they are summed.
  Otherwise there is one term. `outputs="old"` (the paper) takes it over the outputs of the classes
  of tasks that have ended, on both sides, whatever else the head has open. `outputs="all"` takes it
  over every output that was open on each side. A teacher that had fewer of them open gives the
  others probability 0. With `Learner(outputs="all")` this also distils outputs whose classes have
  not come yet, which holds the new classes down.
- The paper does not multiply by T², so its gradients shrink with T. Hinton et al. 2015 do.
  `t_squared=False` is the paper's form, and that of van de Ven's code and of Avalanche.
- `weight="tasks"` multiplies the term by t − 1, the number of old tasks (van de Ven's code for the
  domain scenario).

A step costs one pass, and one forward pass of the teacher.
"""

from functools import partial

from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Rows, Step
from holdfast.engine.competing import Competing
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.teacher import Teacher, over_old_tasks
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class LwF(Method):
    """Keeps the outputs that the old network gave to the new inputs; stores no example."""

    declaration = Declaration(
        family="distillation",
        paper="Li & Hoiem 2017",
        summary="distils the network of the last boundary on current inputs; stores no example",
        neutral=(("alpha", 0),),
        weak=(("class", reason("lwf-in-class")),),
        keeps="one teacher",
        distils=True,
        passes=Passes(words="one pass + one forward", forwards=(1,)),
        small=(
            "LwF(alpha=1.0)",
            "LwF(alpha=1.0, outputs='all', weight='tasks')",
        ),
        typical="LwF(alpha=1.0)",
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

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> LwF(temperature=3.0)
            LwF(alpha=1.0, temperature=3.0)
        """
        super().__init__()
        self.alpha = at_least("alpha", alpha, 0)
        self.temperature = at_least("temperature", temperature, 1e-6)
        self.outputs = one_of("outputs", outputs, ("old", "all"))
        self.t_squared = t_squared
        self.weight = one_of("weight", weight, ("one", "tasks"))
        self.teacher = Teacher()

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        if not self.alpha or not self.teacher.taken:
            return 0.0
        # The paper distils on new inputs alone; replayed rows of a sum have labels to learn from.
        # Rows that `Mix` adds without labels have the teacher's answers only.
        old_logits = self.teacher(learner.model, step.taught(step.x), None)
        if learner.scenario == "task":
            term = over_old_tasks(learner, step, old_logits, partial(self._divergence, learner))
        else:
            term = self._over_shared_outputs(learner, step, old_logits)
        return self._scale(learner.task_number) * term

    def _divergence(
        self, learner: LearnerView, outputs: Tensor, earlier: Tensor, rows: Rows
    ) -> Tensor:
        """Compute the divergence of outputs from those of the teacher."""
        return learner.objective.divergence(outputs, earlier, self.temperature, rows)

    def _over_shared_outputs(self, learner: LearnerView, step: Step, old_logits: Tensor) -> Tensor:
        """Compute the divergence over the outputs that all tasks share."""
        logits = step.taught(step.logits)
        if self.outputs == "old":
            ended = self.teacher.ended
            student = logits.index_select(-1, ended)
            teacher = old_logits.index_select(-1, ended)
        else:
            # The two may differ in width: outputs that the teacher lacks get probability 0.
            student = Competing.between(0, learner.head.opened).of(logits)
            teacher = Competing.between(0, self.teacher.outputs).of(old_logits)
        return self._divergence(learner, student, teacher, step.taught_rows())

    def _scale(self, old_tasks: int) -> float:
        """Return what the divergence is multiplied by: α, with T² and t − 1 if asked for."""
        scale = self.alpha
        if self.t_squared:
            scale *= self.temperature**2
        if self.weight == "tasks":
            scale *= old_tasks
        return scale

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        # A copy of the network is as large as the network, so none is made for nothing.
        if self.alpha:
            self.teacher.follow(learner, task, learner.head.opened)
