"""The teacher of distillation: the network of the last boundary, and what it can tell apart."""

from collections.abc import Callable

import torch
from torch import Tensor

from holdfast.engine.batch import Rows, Step
from holdfast.engine.snapshot import Snapshot
from holdfast.engine.stateful import Derived
from holdfast.methods.outputs import own_outputs
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Task

# (outputs, those of the teacher, the rows) → how far they are from each other, a scalar
Measure = Callable[[Tensor, Tensor, Rows], Tensor]


class Teacher(Snapshot):
    """A frozen copy of the network that knows which outputs belong to tasks that have ended.

    These are what "old outputs" means. The head may have others open that no task has brought yet.
    """

    def __init__(self) -> None:
        """Make a teacher that has copied nothing yet."""
        super().__init__()
        # Whether a task with this output has ended, one entry per output.
        self.has_ended = self.tensor_state(torch.zeros(0, dtype=torch.bool))
        # The numbers of these outputs, so that no step has to search the mask.
        self._ended = Derived[Tensor]()

    @property
    def ended(self) -> Tensor:
        """The outputs of the classes of tasks that have ended, (K,), ascending."""
        mask = self.has_ended
        place = mask.data_ptr()
        return self._ended.get(place, lambda: mask.nonzero().flatten())

    def follow(self, learner: LearnerView, task: Task, outputs: int) -> None:
        """Copy the network at the end of a task, and note the outputs of its classes.

        Args:
            learner: The learner, whose network is copied.
            task: The task that has ended.
            outputs: How many outputs the answers of the teacher have from now on.
        """
        self.take(learner.model, learner.space, outputs)
        self.note(learner, task)

    def note(self, learner: LearnerView, task: Task) -> None:
        """Note the outputs of a task's classes, without a new copy of the network.

        Args:
            learner: The learner.
            task: The task that has ended.
        """
        outputs_allocated = learner.head.width
        mask = torch.zeros(outputs_allocated, dtype=torch.bool, device=learner.device)
        mask[: len(self.has_ended)] = self.has_ended  # the head may have grown since
        own = own_outputs(task).to(learner.device)
        mask[own] = True
        self.has_ended = mask
        # A new mask may take the place in memory of the one before, which is the key.
        self._ended.forget()

    def among_ended(self, network: Network, x: Inputs, task: int | Tensor | None) -> Tensor:
        """Compute the teacher's logits, with -inf at outputs whose classes no ended task had.

        Args:
            network: The network that is trained, for its structure.
            x: Inputs, (N, ...).
            task: The number of the task of all rows, or of each row, (N,). None: unknown.

        Returns:
            The logits, (N, outputs).
        """
        logits = self(network, x, task)
        ended = self.ended
        known = logits.index_select(1, ended)
        answers = torch.full_like(logits, -torch.inf).index_copy_(1, ended, known)
        return answers[:, : self.outputs]


def over_old_tasks(learner: LearnerView, step: Step, earlier: Tensor, measure: Measure) -> Tensor:
    """Sum a divergence over the tasks that have ended, each taken over the task's own outputs.

    Args:
        learner: The learner, in the task scenario and after its first task.
        step: The step.
        earlier: The outputs of the teacher for the rows that it answers, (B, C).
        measure: The divergence.

    Returns:
        The sum, a scalar with a graph.
    """
    # `step.logits` is -inf at the outputs of other tasks than the row's, which are needed here.
    logits = learner.all_logits(step.taught(step.features))
    rows = step.taught_rows()
    terms = []
    for number in range(learner.task_number):
        own = slice(*learner.head.range_of(number))
        terms.append(measure(logits[..., own], earlier[..., own], rows))
    return torch.stack(terms).sum()
