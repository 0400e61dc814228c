"""The teacher of distillation: the network of the last boundary, and what it has learnt to tell apart."""

import torch
from torch import Tensor

from holdfast.engine.snapshot import Snapshot
from holdfast.engine.stateful import Derived
from holdfast.methods.outputs import own_outputs
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.streams.task import Task


class Teacher(Snapshot):
    """A snapshot that knows the outputs of the classes of tasks that have ended.

    These are what "old outputs" means. The head may have others open that no task has brought yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_ended = self.tensor_state(torch.zeros(0, dtype=torch.bool))  # one entry per output
        self._ended = Derived[Tensor]()  # so that no step searches the mask

    @property
    def ended(self) -> Tensor:
        """The outputs of the classes of tasks that have ended, (K,), ascending."""
        mask = self.has_ended
        return self._ended.get(mask.data_ptr(), lambda: mask.nonzero().flatten())

    def follow(self, learner: LearnerView, task: Task, outputs: int) -> None:
        """Copy the network after `task`; `outputs` is the number of outputs in play."""
        self.take(learner.model, learner.space, outputs)
        mask = torch.zeros(learner.head.width, dtype=torch.bool, device=learner.device)
        mask[: len(self.has_ended)] = self.has_ended
        mask[own_outputs(task).to(learner.device)] = True
        self.has_ended = mask
        self._ended.forget()

    def among_ended(self, network: Network, x: Tensor, task: int | Tensor | None) -> Tensor:
        """What the teacher answers, (N, outputs), -inf at outputs whose classes no ended task had."""
        z, ended = self(network, x, task), self.ended
        answers = torch.full_like(z, -torch.inf).index_copy_(1, ended, z.index_select(1, ended))
        return answers[:, : self.outputs]
