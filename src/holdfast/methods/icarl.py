"""iCaRL: incremental classifier and representation learning (Rebuffi et al. 2017, algorithms 1–5).

Loss = mean over new data ∪ exemplars of Σ_new BCE(z_y, y) + Σ_old BCE(z_y, σ(z_old,y)): new classes learn their labels, old ones what
the network gave before the task. Exemplars are chosen by herding; a row is classified by the nearest mean of L2-normalised features, means
normalised again. Passes: one, and one forward for the teacher.

- `temperature`: targets σ(z_old / T) against plain logits (van de Ven's code has 2, the paper 1).
- `memory`: herding shares `capacity` among all classes (the paper); herding_per_class keeps `capacity` of each.
- During a task its new classes have no exemplars yet: they are not predicted. During the first task the head predicts.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Step
from holdfast.engine.stateful import Derived
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.outputs import own_outputs
from holdfast.methods.replay import Replay
from holdfast.methods.stored import stored_parts
from holdfast.methods.teacher import Teacher
from holdfast.methods.view import LearnerView
from holdfast.streams.task import JoinedPart, Stream, Task

NOT_THERE = reason("classes-one-after-another")


class iCaRL(Replay):
    """Nearest mean of exemplars, on features that distillation keeps."""

    declaration = Declaration(
        "replay",
        "Rebuffi et al. 2017",
        "nearest mean of exemplars, on features kept by distillation",
        scenarios=("class",),
        refused=(("domain", NOT_THERE), ("task", NOT_THERE)),
        stores_examples=True,
        ignores=("training.outputs",),
    )

    def __init__(self, capacity: int, temperature: float = 1.0, memory: str = "herding") -> None:
        """`capacity` exemplars in all, or of each class with `memory="herding_per_class"`; `temperature` of the teacher's targets."""
        super().__init__(
            capacity, one_of("memory policy", memory, ("herding", "herding_per_class")), "boundary"
        )
        self.temperature = at_least("temperature", temperature, 1e-6)
        self.teacher = Teacher()
        self._means = Derived[Tensor]()  # of the exemplars, at a step

    def check(self, learner: LearnerView, stream: Stream) -> None:
        super().check(learner, stream)
        known = set[int]()
        for task in stream:
            if known.issuperset(own_outputs(task).tolist()):
                why = "as in blurry streams, where every task may bring every class; use ER or DERpp there"
                raise HoldfastError(
                    f"iCaRL learns classes that no earlier task had, but {task.name!r} has none, {why}"
                )
            known |= set(own_outputs(task).tolist())

    def begin(self, learner: LearnerView, task: Task) -> Task:
        return (
            replace(task, train=JoinedPart([task.train, *stored_parts(self.memory)]))
            if len(self.memory)
            else task
        )

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        seen = learner.seen_outputs
        target = F.one_hot(step.batch.y, seen).to(step.logits.dtype)
        if self.teacher.taken:
            ended = self.teacher.ended
            old = self.teacher(learner.model, step.x, None).index_select(1, ended)
            target.index_copy_(1, ended, torch.sigmoid(old / self.temperature).to(target.dtype))
        rows = F.binary_cross_entropy_with_logits(
            step.logits[:, :seen], target, reduction="none"
        ).sum(1)
        return rows @ step.batch.weights()

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        features = learner.model.features(x, None)
        if not len(self.memory):
            return learner.head(features, None)
        means = self.means(learner)
        exact = torch.promote_types(
            features.dtype, torch.float32
        )  # there is no cdist of half precision
        distance = torch.cdist(F.normalize(features, dim=1).to(exact), means.to(exact)).square()
        return F.pad(-distance, (0, learner.head.width - len(means)), value=-torch.inf).nan_to_num(
            nan=-torch.inf, neginf=-torch.inf
        )

    def means(self, learner: LearnerView) -> Tensor:
        """Means of the exemplars' features under the present weights, (C, D); NaN for classes without exemplars."""
        now = (learner.task_number, learner.task_steps, learner.active)
        return self._means.get(now, lambda: self._computed_means(learner))

    def _computed_means(self, learner: LearnerView) -> Tensor:
        rows = self.memory.everything()
        features = F.normalize(learner.embed(rows.x), dim=1)
        classes = int(rows.y.max()) + 1
        total = features.new_zeros(classes, features.shape[1]).index_add_(0, rows.y, features)
        empty = (total == 0).all(1, keepdim=True)
        return F.normalize(total, dim=1).masked_fill(empty, torch.nan)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self.offer_task(learner, task)
        self.teacher.follow(learner, task, learner.seen_outputs)
        self._means.forget()
