"""KLAnchor: staying near the answers of the model before the task (Jaques et al. 2017).

    forward: L(θ) + α T² KL(p ‖ q),   p = softmax(z_before / T),   q = softmax(z / T)
    reverse: L(θ) + α T² KL(q ‖ p)

Here z are the outputs for the current inputs, and z_before those of a frozen copy of the network
from the moment at which the task began. T is the temperature and α the strength.

The forward direction is distillation (Hinton et al. 2015; Li & Hoiem 2017). It asks the network to
keep every answer that the copy finds likely. The reverse one is the penalty of fine-tuning by
reinforcement ("Sequence Tutor"). It asks the network to give no answer that the
copy finds unlikely, and lets it give up some of the copy's answers. Objectives bring their own
divergence: one softmax, one sigmoid per label, or the normal distribution of measurements.

- LwF has its copy from the last boundary, so nothing holds its first task. Here the copy is made
  when a task begins. With `first=True` a pretrained model is held in its first task, too.
- That needs outputs which mean something before the first task. Therefore `first` acts in the
  domain scenario alone, where all outputs exist from the start, and compares all of them. In the
  other scenarios, and with `first=False`, the outputs of the classes of ended tasks are compared.
- Only new rows are compared, and rows that `Mix` adds without labels. Replayed rows have labels.

A step costs one pass, and one forward pass of the copy.
"""

from functools import partial

from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Rows, Step
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.teacher import Teacher, over_old_tasks
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Task


class KLAnchor(Method):
    """Holds the outputs near those of the model before the task. Use it on pretrained models."""

    declaration = Declaration(
        family="distillation",
        paper="Jaques et al. 2017",
        summary="holds outputs near those of the model before the task, its first one included",
        neutral=(("strength", 0),),
        weak=(("class", reason("lwf-in-class")),),
        keeps="one teacher",
        distils=True,
        passes=Passes(words="one pass + one forward", forwards=(1,)),
        small=(
            "KLAnchor(1.0)",
            "KLAnchor(1.0, direction='reverse', temperature=2.0, first=False)",
        ),
        typical="KLAnchor(1)",
    )

    def __init__(
        self,
        strength: float,
        direction: str = "forward",
        temperature: float = 1.0,
        first: bool = True,
    ) -> None:
        """Set up the anchor.

        Args:
            strength: α ≥ 0, the weight of the term. 0: plain training.
            direction: `forward` keeps all answers that the earlier model finds likely, `reverse`
                avoids those that it finds unlikely.
            temperature: T > 0, by which the outputs of both sides are divided.
            first: Whether the first task is held as well, in the domain scenario. Pass False if
                your network starts from random weights, because its first answers mean nothing.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> KLAnchor(0.5, direction="reverse")
            KLAnchor(0.5, direction='reverse')
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.direction = one_of("direction", direction, ("forward", "reverse"))
        self.temperature = at_least("temperature", temperature, 1e-6)
        self.first = first
        self.teacher = Teacher()

    def begin(self, learner: LearnerView, task: Task) -> Task:
        # A copy of the network is as large as the network, so none is made for nothing.
        if self.strength and (task.index or self._knows_all(learner)):
            self.teacher.take(learner.model, learner.space, learner.head.opened)
        return task

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        if not self.strength or not self.teacher.taken:
            return 0.0
        earlier = self.teacher(learner.model, step.taught(step.x), None)
        measure = partial(self._divergence, learner)
        if learner.scenario == "task":
            term = over_old_tasks(learner, step, earlier, measure)
        else:
            logits = step.taught(step.logits)
            if not self._knows_all(learner):
                ended = self.teacher.ended
                logits = logits.index_select(-1, ended)
                earlier = earlier.index_select(-1, ended)
            term = measure(logits, earlier, step.taught_rows())
        return self.strength * self.temperature**2 * term

    def _knows_all(self, learner: LearnerView) -> bool:
        """Whether every output is taken to mean something before the first task."""
        return self.first and learner.scenario == "domain"

    def _divergence(
        self, learner: LearnerView, outputs: Tensor, earlier: Tensor, rows: Rows
    ) -> Tensor:
        """Compute the divergence between outputs and those of the earlier model."""
        measure = learner.objective.divergence
        if self.direction == "reverse":
            measure = learner.objective.reverse_divergence
        return measure(outputs, earlier, self.temperature, rows)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if self.strength:
            self.teacher.note(learner, task)
