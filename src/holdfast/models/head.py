"""What all output layers share: the outputs that each task opened, and which of them are active.

Every head maps features (N, D) and tasks to logits (N, C), where C is the number of all outputs.
The logits are -inf at outputs that are not active for the row's task, so that argmax gives the
right output to whoever serves the model. Outputs are numbered in the order in which tasks open
them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError


class Head(nn.Module):
    """An output layer that knows which outputs each task opened (abstract).

    Args:
        features: The number D of features that it reads.

    Attributes:
        kind: The name of this kind of head, as `make_head` takes it.
        ranges: For each task that has begun, its first output and the output after its last. These
            outputs are active if the task is known.
        opened: The number of outputs in play. They are active if the task is unknown.
        bias: Whether new outputs have a bias. It is as in the layer that the head took over.
        before_open: A network that grows with its tasks puts one of its methods here. It is called
            with a task's number before that task gets its outputs. There is one place only, because
            a head ends one network: if you build a second network around the same head, the method
            of the first one gives way, so that an abandoned network does not go on growing. Take a
            method rather than a function, because a copy of the network must grow by itself.
    """

    kind = ""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        # Plain numbers, because the shapes of a checkpoint's tensors follow from them.
        self.ranges: list[tuple[int, int]] = []
        self.opened = 0
        self.bias = True
        self.before_open: Callable[[int], None] | None = None

    @property
    def width(self) -> int:
        """The number C of columns of the logits."""
        raise NotImplementedError

    def open(self, task: int, first: int, last: int) -> None:
        """Make outputs available to a task, once, before the task is trained.

        Args:
            task: The number of the task. Tasks open their outputs in order, from 0.
            first: The first output of the task.
            last: The output after its last one.

        Raises:
            HoldfastError: It is not the task's turn, or this kind of head cannot have the outputs.
        """
        if task != len(self.ranges):
            raise HoldfastError(
                f"tasks open their outputs in order: expected task {len(self.ranges)}, got {task}"
            )
        # First, because a network that grows may change what this head reads for the task.
        if self.before_open is not None:
            self.before_open(task)
        self.ranges.append((first, last))
        # In the domain scenario each task opens the same outputs.
        self.opened = max(self.opened, last)

    def active(self, task: int | None) -> slice:
        """The active outputs of a row.

        Args:
            task: The number of the row's task. None means that it is unknown.

        Returns:
            The outputs of that task, or all outputs in play, as a slice of the columns.

        Raises:
            HoldfastError: The task has not begun.
        """
        if task is None:
            return slice(0, self.opened)
        return slice(*self.range_of(task))

    def range_of(self, task: int) -> tuple[int, int]:
        """The first output of a task, and the output after its last.

        Raises:
            HoldfastError: The task has not begun.
        """
        if not 0 <= task < len(self.ranges):
            raise HoldfastError(
                f"task {task} has no outputs yet, because {len(self.ranges)} tasks have begun; "
                "begin it first"
            )
        return self.ranges[task]

    def active_mask(self, tasks: Tensor) -> Tensor:
        """The active outputs of rows of several tasks.

        Args:
            tasks: The number of the task of each row, (N,).

        Returns:
            True at the active outputs of each row, (N, C), on the CPU.
        """
        # Made for each batch: it is small, and it changes whenever a task opens outputs.
        table = torch.zeros(len(self.ranges), self.width, dtype=torch.bool)
        for task, (first, last) in enumerate(self.ranges):
            table[task, first:last] = True
        return table[tasks.cpu()]

    def take(self, layer: nn.Linear, beside: nn.Module | None = None) -> None:
        """Take over a trained output layer. New outputs have a bias if this layer has one.

        Args:
            layer: The layer.
            beside: The network that the layer comes from, without the layer. None means that there
                is none, so that the layer shares no weight with it.

        Raises:
            HoldfastError: The layer shares its weight with another module, and this head would
                part them.
        """
        raise NotImplementedError

    def check_width(self, model: nn.Module, outputs: int) -> None:
        """Refuse a number of outputs that this head could not have without harm to its model.

        Args:
            model: The model whose head this is.
            outputs: The number of outputs that the head must come to have.

        Raises:
            HoldfastError: The head would grow out of a weight that it shares.
        """

    def check_network(self, network: nn.Module) -> None:
        """Refuse a network that should grow with the next task, but has lost its place here.

        Args:
            network: The network whose learner is about to begin a task.

        Raises:
            HoldfastError: Another learner has been built around the same model since.
        """
        # A function that you put there yourself belongs to no network.
        grower = getattr(self.before_open, "__self__", None)
        if getattr(network, "grows", False) and grower is not network:
            raise HoldfastError(
                "another learner has been built around the same model since, so this learner's "
                "network cannot grow with its tasks; make a new model for each learner"
            )

    def state(self) -> dict[str, Any]:
        """The plain numbers that rebuild the head's shape."""
        return {"kind": self.kind, "ranges": self.ranges, "opened": self.opened}

    def restore(self, state: dict[str, Any]) -> None:
        """Open what a saved head had opened.

        Args:
            state: What `state` returned.

        Raises:
            HoldfastError: The saved head was of another kind.
        """
        if state["kind"] != self.kind:
            raise HoldfastError(
                f"the saved head is {state['kind']!r}, this model's is {self.kind!r}; "
                "build the same model"
            )
        # Tasks that have begun here stay, so that restoring a second time changes nothing.
        for task, (first, last) in enumerate(state["ranges"]):
            if task >= len(self.ranges):
                self.open(task, first, last)
        # More outputs are in play than tasks opened if all of them are from the start.
        self.opened = max(self.opened, state["opened"])
