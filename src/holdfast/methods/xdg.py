"""XdG: context-dependent gating (Masse, Grant & Freedman 2018).

    h_l ← m_l^t ∘ h_l

Here h_l are the units of hidden layer l, and m_l^t is 0 at a random share of them and 1 at the
others, drawn once for each task t. Tasks thus use mostly different weights, but share some. The
paper adds a penalty on weights, which is `XdG() + SI(1)` here. The gates depend on the seed, the
task and the layer alone.

A step costs one pass.
"""

import torch
from torch import Tensor

from holdfast.engine.stateful import seed_from
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method, only_with_task
from holdfast.models.classifier import Classifier, need_classifier
from holdfast.models.gated import Gated
from holdfast.models.network import Network


class RandomGates(Gated):
    """A network whose hidden units have fixed random gates, 0 or 1, for each task.

    Args:
        model: The classifier whose units are gated.
        gated: The share of the units of each layer whose gate is 0, in [0, 1).
        seed: The seed of the gates.
    """

    def __init__(self, model: Classifier, gated: float, seed: int) -> None:
        super().__init__(model, self._rows)
        self.gated = gated
        self.seed = seed
        for layer, width in enumerate(self.widths):
            self.register_buffer(f"gate_{layer}", torch.zeros(0, width))  # (tasks, units)
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Draw the gates of a new task."""
        for layer, width in enumerate(self.widths):
            # A generator for each layer: the gates of a layer do not depend on the others' widths.
            seed = seed_from(self.seed, task, layer)
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(width, generator=generator)
            closed = order[: round(self.gated * width)]
            row = torch.ones(1, width).index_fill_(1, closed, 0.0)
            before = self.get_buffer(f"gate_{layer}")
            after = torch.cat([before, row.to(before.device)])
            setattr(self, f"gate_{layer}", after)

    def _rows(self, task: int | Tensor) -> list[Tensor]:
        """Return the gates of each layer, (U,) for one task or (N, U) for the task of each row."""
        if isinstance(task, Tensor):
            task = task.to(self.get_buffer("gate_0").device)
        tables = [self.get_buffer(f"gate_{layer}") for layer in range(len(self.widths))]
        return [table[task] for table in tables]


class XdG(Method):
    """Switches a random share of the hidden units off, another share for each task."""

    declaration = Declaration(
        family="architecture",
        paper="Masse et al. 2018",
        summary="a random share of the hidden units is off, another for each task",
        **only_with_task("gates-need-task"),
        memory="none",  # gates follow from the seed, and θ does not grow
        parameters="none",
        needs="a sequence of linear layers or convolutions, each followed by ReLU",
        keeps="gates over units per task",
    )

    def __init__(self, gated: float = 0.8) -> None:
        """Set up the gates.

        Args:
            gated: The share of each hidden layer's units that is off, in [0, 1).

        Raises:
            HoldfastError: `gated` is outside its range.

        Example:
            >>> XdG(gated=0.5)
            XdG(gated=0.5)
        """
        super().__init__()
        if not 0 <= gated < 1:
            raise HoldfastError(f"gated is the share of units that is off, in [0, 1), got {gated}")
        self.gated = gated

    def attach(self, model: Network) -> Network:
        return RandomGates(need_classifier(model, self.name), self.gated, self.seed)
