"""iCaRL: incremental classifier and representation learning (Rebuffi et al. 2017, algorithms 1–5).

    loss:       mean over new data ∪ exemplars of Σ_new BCE(z_y, y) + Σ_old BCE(z_y, σ(z_old,y))
    exemplars:  chosen by herding, so that their mean is near the mean of their class
    prediction: argmin_y ‖φ(x) − μ_y‖², with μ_y the mean of φ over the exemplars of class y

Here z are the logits of the network, z_old those of the network before the task, and φ are its
features, scaled to length 1 as are the means. Outputs of new classes learn their labels, and
outputs of old classes keep what the network gave before the task. The nearest mean adapts to new
features, which the weights of a head would not.

- `temperature` T: targets σ(z_old / T) against plain logits. The paper has 1, van de Ven's code 2.
- `memory="herding"` shares `capacity` among all classes (the paper), and `"herding_per_class"`
  keeps `capacity` examples of each class.
- During a task its classes have no exemplars yet, so they are not predicted. During the first task
  the head predicts.

A step costs one pass, and one forward pass of the teacher.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Step
from holdfast.engine.stateful import Derived
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.outputs import own_outputs
from holdfast.methods.replay import Replay
from holdfast.methods.stored import stored_parts
from holdfast.methods.teacher import Teacher
from holdfast.methods.view import LearnerView
from holdfast.named_inputs import Inputs
from holdfast.streams.task import JoinedPart, Stream, Task

NOT_THERE = reason("classes-one-after-another")


class iCaRL(Replay):
    """Classifies by the nearest mean of exemplars, on features that distillation keeps."""

    declaration = Declaration(
        family="replay",
        paper="Rebuffi et al. 2017",
        summary="nearest mean of exemplars, on features kept by distillation",
        classification_only="predicts the class of the nearest mean of exemplars",
        scenarios=("class",),
        refused=(("domain", NOT_THERE), ("task", NOT_THERE)),
        stores_examples=True,
        ignores=("training.outputs",),
        keeps="examples and a teacher",
        passes=Passes(words="one pass + one forward", forwards=(1,)),
        small=(
            "iCaRL(40)",
            "iCaRL(10, temperature=2.0, memory='herding_per_class')",
        ),
        typical="iCaRL(200)",
    )

    def __init__(self, capacity: int, temperature: float = 1.0, memory: str = "herding") -> None:
        """Set up the memory and the teacher.

        Args:
            capacity: Exemplars in all, or of each class with `memory="herding_per_class"`.
            temperature: T > 0 of the teacher's targets.
            memory: `herding` or `herding_per_class`.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> iCaRL(2000)
            iCaRL(2000)
        """
        policy = one_of("memory policy", memory, ("herding", "herding_per_class"))
        super().__init__(capacity, policy, "boundary")
        self.temperature = at_least("temperature", temperature, 1e-6)
        self.teacher = Teacher()
        self._means = Derived[Tensor]()  # of the exemplars, at a step

    def check(self, learner: LearnerView, stream: Stream) -> None:
        super().check(learner, stream)
        earlier = set[int]()
        for task in stream:
            own = set(own_outputs(task).tolist())
            if own <= earlier:
                raise HoldfastError(
                    f"iCaRL learns classes that no earlier task had, but {task.name!r} has none, "
                    "as in blurry streams, where every task may bring every class; use ER or DERpp "
                    "there"
                )
            earlier |= own

    def begin(self, learner: LearnerView, task: Task) -> Task:
        if not len(self.memory):
            return task
        return replace(task, train=JoinedPart([task.train, *stored_parts(self.memory)]))

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        seen = learner.seen_outputs
        target = F.one_hot(step.batch.y, seen).to(step.logits.dtype)
        if self.teacher.taken:
            # Exemplars too: their old outputs follow the teacher, not their labels.
            ended = self.teacher.ended
            old = self.teacher(learner.model, step.x, None).index_select(1, ended)
            target.index_copy_(1, ended, torch.sigmoid(old / self.temperature).to(target.dtype))
        z = step.logits[:, :seen]
        losses = F.binary_cross_entropy_with_logits(z, target, reduction="none").sum(1)
        return losses @ step.batch.weights()

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        features = learner.model.features(x, None)
        if not len(self.memory):
            logits: Tensor = learner.head(features, None)
            return logits
        means = self.means(learner)
        # cdist does not exist in half precision.
        exact = torch.promote_types(features.dtype, torch.float32)
        distance = torch.cdist(F.normalize(features, dim=1).to(exact), means.to(exact)).square()
        missing = learner.head.width - len(means)
        logits = F.pad(-distance, (0, missing), value=-torch.inf)
        return logits.nan_to_num(nan=-torch.inf, neginf=-torch.inf)

    def means(self, learner: LearnerView) -> Tensor:
        """Compute the means of the exemplars' features under the present weights.

        Args:
            learner: The learner.

        Returns:
            μ, (C, D) of length 1. Classes without exemplars have NaN.
        """
        now = (learner.task_number, learner.task_steps, learner.active)
        return self._means.get(now, lambda: self._computed_means(learner))

    def _computed_means(self, learner: LearnerView) -> Tensor:
        """Compute the means, which are the same until the weights move."""
        rows = self.memory.everything()
        features = F.normalize(learner.embed(rows.x), dim=1)
        classes = int(rows.y.max()) + 1
        total = features.new_zeros(classes, features.shape[1]).index_add_(0, rows.y, features)
        empty = (total == 0).all(1, keepdim=True)
        # A mean scaled to length 1 is the scaled sum.
        return F.normalize(total, dim=1).masked_fill(empty, torch.nan)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self.offer_task(learner, task)
        self.teacher.follow(learner, task, learner.seen_outputs)
        self._means.forget()
