"""What Interpolate and TaskArithmetic share: editing the weights at the boundary of a task."""

import torch
from torch import Tensor

from holdfast.engine.running_average import move, tensors_of
from holdfast.methods.method import Method
from holdfast.methods.outputs import new_outputs
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.streams.task import Task


class BoundaryEdit(Method):
    """Base of methods that keep the weights from before a task until it ends (abstract).

    Attributes:
        before: θ when the task began; None between tasks.
    """

    def __init__(self) -> None:
        """Set up what is kept."""
        super().__init__()
        self.before = self.vector_state()
        self.statistics = self.tensor_list("statistic")
        # Name → rows of each parameter before the task, by which new ones are told.
        self.host["rows"] = {}
        self.host["statistics"] = []  # the names of the statistics that are kept

    def attach(self, model: Network) -> Network:
        self._note_rows(model)
        return model

    def begin(self, learner: LearnerView, task: Task) -> Task:
        self.before = learner.space.theta.detach().clone()
        return task

    def _note_rows(self, model: Network) -> None:
        """Note which parameters there are, and how many rows each of them has."""
        self.host["rows"] = {name: len(p) for name, p in model.named_parameters() if p.dim()}

    def keep_statistics(self, model: Network) -> None:
        """Keep the statistics that a network has now, such as those of BatchNorm."""
        self.host["statistics"] = []
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                self.statistics[len(self.host["statistics"])] = buffer.clone()
                self.host["statistics"].append(name)

    def mix_statistics(self, model: Network, share: float) -> None:
        """Put a network's statistics between those that are kept and those that it has.

        Args:
            model: The network.
            share: The weight of those that it has, from 0 to 1.
        """
        now = tensors_of(model)
        for number, name in enumerate(self.host["statistics"]):
            mixed = self.statistics[number].clone()
            # A buffer with a row per task has grown, and holds nothing that could be averaged.
            if mixed.shape == now[name].shape:
                move(mixed, now[name], share)
                now[name].copy_(mixed)

    def forget_statistics(self) -> None:
        """Keep no statistics any more."""
        for number in range(len(self.host["statistics"])):
            self.put(f"statistic_{number}", None)
        self.host["statistics"] = []

    def end(self, learner: LearnerView) -> None:
        """Forget the weights from before the task, and note the parameters that there are now."""
        self.before = None
        self._note_rows(learner.model)

    def new(self, learner: LearnerView, task: Task) -> Tensor:
        """Find the weights that came with a task.

        These are parameters and rows that did not exist before it, and the rows of the head for
        outputs that no earlier task had.

        Args:
            learner: The learner.
            task: The task.

        Returns:
            True at these weights, θ-shaped.
        """
        mask = torch.zeros_like(learner.space.theta, dtype=torch.bool)
        rows = self.host["rows"]
        for name, view in learner.space.views(mask).items():
            if view.dim():
                view[rows.get(name, 0) :] = True
        # A masked head has the rows of all classes from the start.
        if learner.head.kind == "masked":
            first, last = new_outputs(learner, task)
            of_head = {id(parameter) for parameter in learner.head.parameters()}
            views = learner.space.views(mask)
            for name, parameter in learner.space.named.items():
                if id(parameter) in of_head and len(parameter) == learner.head.width:
                    views[name][first:last] = True
        return mask
